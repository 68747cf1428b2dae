/** What a fetch can end with (ports.ts, `BulkPort.fetch`), and the tally of why sockets were cut. */
import { StarlingError } from '@starling/shared/errors.ts'
import type { Millis } from '@starling/shared/units.ts'

export function aborted(): StarlingError {
  return new StarlingError('aborted', 'the fetch was cancelled')
}

export function gone(): StarlingError {
  return new StarlingError('gone', 'the peer does not have the chunk: choose another source')
}

export function broken(what: string, cause?: unknown): StarlingError {
  return new StarlingError('broken', `${what}: choose another source`, { cause })
}

export function timeout(what: string): StarlingError {
  return new StarlingError('timeout', `${what}: choose another source`)
}

export function busy(retryAfterMs: Millis): StarlingError & { readonly retryAfterMs: Millis } {
  const error = new StarlingError('busy', `the peer is busy: ask again in ${retryAfterMs} ms`)
  return Object.assign(error, { retryAfterMs })
}

/** Reasons are words of ours, so there are few of them. */
export interface Tally {
  readonly count: (reason: string) => void
  readonly counted: ReadonlyMap<string, number>
}

export function createTally(): Tally {
  const counted = new Map<string, number>()
  return {
    count: reason => void counted.set(reason, (counted.get(reason) ?? 0) + 1),
    counted
  }
}
