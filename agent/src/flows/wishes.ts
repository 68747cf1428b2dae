/**
 * What clients wish for, until the core has answered: here is a transfer, or go on without us.
 *
 * A wish lends its headers to the first upstream request for its key. If the answer is not to be shared, it goes to
 * that very wish, still open: the client's own request is answered by what it caused, and never by another's.
 */
import { StarlingError } from '@starling/shared/errors.ts'
import type { KeyHash } from '@starling/shared/ids.ts'
import { sameDigest, type PromisedDigest, type SignedHead } from '@starling/shared/manifest.ts'
import type { Emit, UpstreamResponse, Wish, WishId, WishOutcome } from '../ports.ts'

export interface Wishes {
  readonly want: (wish: Wish) => Promise<WishOutcome>
  /** Passed instead if the name that this client asked for promises something else than the transfer does. */
  readonly answer: (id: WishId, transfer: Answer) => void
  readonly pass: (id: WishId, reason: string) => void
  readonly passAll: (reason: string) => void
  /** The wish that waits longest for this key. */
  readonly first: (key: KeyHash) => { readonly id: WishId; readonly wish: Wish } | null
  /** An open response for this wish: it gets it if it is passed in this turn of the event loop, else it is cancelled. */
  readonly offer: (id: WishId, response: UpstreamResponse) => void
}

interface Answer {
  readonly head: SignedHead
  readonly promised: PromisedDigest | null
}

interface Waiting {
  readonly wish: Wish
  readonly settle: (outcome: WishOutcome) => void
}

export function createWishes({ emit }: { emit: Emit }): Wishes {
  /** In the order they came. */
  const waiting = new Map<WishId, Waiting>()
  const offers = new Map<WishId, UpstreamResponse>()
  let last: WishId = 0

  function settle(id: WishId, outcome: WishOutcome): void {
    const { settle: tell } = waiting.get(id) ?? {}
    waiting.delete(id)
    tell?.(outcome)
  }

  return {
    want(wish) {
      if (wish.signal.aborted) return Promise.reject(aborted())
      const id = ++last
      return new Promise<WishOutcome>((resolve, reject) => {
        const drop = () => {
          waiting.delete(id)
          reject(aborted())
          emit({ type: 'wish-dropped', wish: id })
        }
        waiting.set(id, {
          wish,
          settle: outcome => {
            wish.signal.removeEventListener('abort', drop)
            resolve(outcome)
          }
        })
        wish.signal.addEventListener('abort', drop, { once: true })
        const { keyHash: key, url, rangeFirst } = wish
        emit({ type: 'content-wanted', wish: id, key, url, rangeFirst })
      })
    },

    answer(id, { head, promised }) {
      const byName = waiting.get(id)?.wish.promised ?? null
      if (byName === null || sameDigest(byName, promised)) return settle(id, { kind: 'transfer', head })
      // Somebody of the site signed it who does not know this class, or who would rather that it is not checked.
      const reason = 'what the site knows of it leaves out what its name promises'
      settle(id, { kind: 'pass', reason, response: null })
    },

    pass(id, reason) {
      const response = waiting.has(id) ? (offers.get(id) ?? null) : null
      if (response !== null) offers.delete(id)
      settle(id, { kind: 'pass', reason, response })
    },

    passAll(reason) {
      for (const id of waiting.keys()) settle(id, { kind: 'pass', reason, response: null })
    },

    first(key) {
      for (const [id, { wish }] of waiting) if (wish.keyHash === key) return { id, wish }
      return null
    },

    offer(id, response) {
      offers.set(id, response)
      // The core answers while it is told, or in the same turn at the latest.
      setImmediate(() => {
        if (offers.get(id) !== response) return
        offers.delete(id)
        response.cancel()
      })
    }
  }
}

function aborted(): StarlingError {
  return new StarlingError('aborted', 'the client went away')
}
