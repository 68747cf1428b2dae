/**
 * The memory bound of the data plane: every chunk on its way (received, hashed, written, sent, held) lies in one of
 * these buffers, and there are no more of them than `buffersMax`. Who finds none waits its turn, so a fast source is
 * slowed down by the disk and not by the garbage collector.
 *
 * Nobody may wait for a second buffer while it has one: that is what keeps the pool free of deadlocks.
 */
import { assert, StarlingError } from '@starling/shared/errors.ts'
import type { Bytes } from '@starling/shared/units.ts'

export interface Buffers {
  /** @throws StarlingError `aborted` */
  readonly take: (signal: AbortSignal) => Promise<Uint8Array>
  /** The giver must not touch it any more. */
  readonly give: (buffer: Uint8Array) => void
  /** How many are out. */
  readonly taken: () => number
}

interface Waiter {
  readonly resolve: (buffer: Uint8Array) => void
}

export function createBuffers(limits: {
  bufferBytes: Bytes
  buffersMax: number
  buffersIdleMax: number
}): Buffers {
  const idle: Uint8Array[] = []
  const out = new Set<Uint8Array>()
  /** In the order they came; a Set, so that leaving the queue is cheap. */
  const waiters = new Set<Waiter>()

  function hand(buffer: Uint8Array): Uint8Array {
    out.add(buffer)
    return buffer
  }

  return {
    async take(signal) {
      if (signal.aborted) throw aborted()
      if (idle.length > 0) return hand(idle.pop()!)
      // Not Buffers: their `slice` is a view, and whoever copies with it would keep what is soon overwritten.
      if (out.size < limits.buffersMax) return hand(new Uint8Array(limits.bufferBytes))
      return await new Promise<Uint8Array>((resolve, reject) => {
        const waiter = {
          resolve: (buffer: Uint8Array) => {
            signal.removeEventListener('abort', giveUp)
            resolve(buffer)
          }
        }
        const giveUp = () => {
          waiters.delete(waiter)
          reject(aborted())
        }
        signal.addEventListener('abort', giveUp, { once: true })
        waiters.add(waiter)
      })
    },

    give(buffer) {
      assert(out.delete(buffer), 'a buffer was given back twice, or is none of the pool')
      const [next] = waiters
      if (next !== undefined) {
        waiters.delete(next)
        next.resolve(hand(buffer))
      } else if (idle.length < limits.buffersIdleMax) {
        idle.push(buffer)
      }
    },

    taken: () => out.size
  }
}

function aborted(): StarlingError {
  return new StarlingError('aborted', 'stopped while waiting for memory')
}
