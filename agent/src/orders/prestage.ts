/**
 * One order to fetch, from wherever this agent is with it until there is trouble or it is done. Where it is stands in the store, so that a
 * restart goes on with the first chunk that is missing; and the first step is made in any case, so that the origin's present version is meant and
 * the rules of this moment have been asked.
 */
import type { OrderProgress } from '@starling/shared/orders.ts'
import { secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { isLate, nextStepAt, stepEnd } from './pace.ts'
import type { FetchStep } from './through-proxy.ts'

/** What is kept of the newest version under a URL. */
export interface Kept {
  readonly bytes: Bytes
  readonly length: Bytes
  /** Where the first missing chunk starts; null: all of it is here. */
  readonly missingFrom: Bytes | null
  /** Where the last chunk starts. */
  readonly lastFrom: Bytes
}

export interface PrestageParts {
  readonly kept: (url: string) => Kept | null
  readonly step: FetchStep
  /** After each step. */
  readonly told: (progress: Pick<OrderProgress, 'bytes' | 'length' | 'late'>) => void
  readonly now: () => Millis
  readonly delay: (ms: Millis, signal: AbortSignal) => Promise<unknown>
}

export interface PrestageOrder {
  readonly url: string
  readonly by: Millis | null
  readonly bytesPerSecond: number | null
}

export type PrestageEnd =
  | { readonly kind: 'done'; readonly length: Bytes }
  /** `failed`: it would be answered the same in a moment; `waiting`: perhaps not. */
  | { readonly kind: 'failed' | 'waiting'; readonly why: string }

const hopsMax = 5
/** What has come is written within moments; after so many steps that brought nothing it is not going to be. */
const inVainMax = 3
const settleMs: Millis = secondMs

/** @throws the signal's reason */
export async function prestage(
  { url: first, by, bytesPerSecond: rate }: PrestageOrder,
  { kept, step, told, now, delay }: PrestageParts,
  signal: AbortSignal
): Promise<PrestageEnd> {
  let url = first
  let began: { readonly bytes: Bytes; readonly at: Millis } | null = null
  for (let hops = 0, inVain = 0; ;) {
    const before = kept(url)
    const start = before === null ? 0 : (before.missingFrom ?? before.lastFrom)
    const at = now()
    began ??= { bytes: before?.bytes ?? 0, at }
    const end = await step(url, start, stepEnd(start, rate), signal)
    switch (end.kind) {
      case 'small':
        return { kind: 'done', length: end.length }
      case 'moved':
        if (++hops > hopsMax) return { kind: 'failed', why: 'the origin leads round in circles' }
        url = end.to
        began = null
        continue
      case 'refused':
        return { kind: 'failed', why: end.why }
      case 'failed':
        return { kind: 'waiting', why: end.why }
      case 'swarm':
    }
    const after = kept(url)
    if (after !== null && after.missingFrom === null) return { kind: 'done', length: after.length }
    const bytes = after?.bytes ?? 0
    const length = after?.length ?? end.length
    told({ bytes, length, late: isLate({ first: began, bytes, length, rate, by }, now()) })
    const came = bytes - (before?.bytes ?? 0)
    inVain = came > 0 ? 0 : inVain + 1
    if (inVain > inVainMax)
      return { kind: 'failed', why: 'what comes is not kept here: the cache is full, or the disk is' }
    await delay(came > 0 ? Math.max(0, nextStepAt(at, came, rate) - now()) : settleMs, signal)
  }
}
