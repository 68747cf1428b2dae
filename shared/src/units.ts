/**
 * Units as types. A flavoured number takes any plain number but never a number of another flavour: bytes do
 * not slip into a parameter that wants milliseconds, and literals need no cast.
 */
declare const unit: unique symbol
type Flavoured<Unit extends string> = number & { readonly [unit]?: Unit }

export type Bytes = Flavoured<'bytes'>
/** Milliseconds: a span, or a moment on the machine's clock (Unix epoch in a real agent, 0 in the simulator). */
export type Millis = Flavoured<'ms'>
export type BytesPerSecond = Flavoured<'bytes/s'>

export const KiB: Bytes = 1024
export const MiB: Bytes = 1024 * 1024
export const GiB: Bytes = 1024 * 1024 * 1024

export const secondMs: Millis = 1000
export const minuteMs: Millis = 60 * 1000
export const hourMs: Millis = 60 * 60 * 1000
export const dayMs: Millis = 24 * 60 * 60 * 1000
