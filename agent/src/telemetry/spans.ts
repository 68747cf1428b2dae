/**
 * Stretches of work, told to a collector of OpenTelemetry where one is configured (otlp.ts), and to nobody otherwise: then a span
 * is one object that does nothing. Whoever begins a span names it by what is done, never by what it is done to: URLs and the like
 * are facts, and of a URL only what `withoutQuery` leaves.
 */
import type { Millis } from '@starling/shared/units.ts'

export type SpanFacts = Readonly<Record<string, string | number | boolean>>

export interface Span {
  note(facts: SpanFacts): void
  /** @param failure why it did not do what it should; null: it did */
  end(failure?: string | null, at?: Millis): void
}

export interface BeginSpan {
  /** `server`: it answers somebody; `client`: it asks somebody. */
  readonly kind?: 'server' | 'client'
  /** Within which it is done; left out: it stands for itself. */
  readonly parent?: Span | null
  /** W3C Trace Context as it came with a request: whoever asks goes on with a trace of its own. */
  readonly traceparent?: string | undefined
  readonly facts?: SpanFacts
  readonly at?: Millis
}

export interface Spans {
  /** False: whatever is told is told to nobody. */
  readonly areTold: boolean
  begin(name: string, how?: BeginSpan): Span
  /** Whatever `work` causes, now or later, is done within the span. */
  within<Result>(span: Span, work: () => Result): Result
  /** The span within which this is done. */
  current(): Span | null
  /** Tells what is still to be told, if that is quickly done. Never rejects. */
  close(): Promise<void>
}

const noSpan: Span = { note() {}, end() {} }

export const noSpans: Spans = {
  areTold: false,
  begin: () => noSpan,
  within: (_span, work) => work(),
  current: () => null,
  close: async () => {}
}
