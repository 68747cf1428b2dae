/**
 * Chunks between agents, in memory: each agent's BulkPort reaches the handlers of the others. A fetch takes what the
 * other hands over, byte for byte, so a peer that sends something else does so.
 */
import type { BulkHandler, BulkPort } from '@starling/agent/ports.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'

export interface MemoryBulk {
  /** The port of one agent. Unknown peers are `broken`. */
  portOf(self: AgentId): BulkPort
}

export function createMemoryBulk(): MemoryBulk {
  const handlers = new Map<AgentId, BulkHandler>()
  return {
    portOf: self => ({
      onRequest: handler => void handlers.set(self, handler),
      fetch: ({ peer, transfer, chunk, target, signal }) =>
        new Promise((resolve, reject) => {
          const handler = handlers.get(peer)
          const failed = (code: string, more = {}) =>
            reject(Object.assign(new StarlingError(code, `${peer}: ${code}`), more))
          if (signal.aborted) return failed('aborted')
          if (handler === undefined) return failed('broken')
          signal.addEventListener('abort', () => failed('aborted'), { once: true })
          handler(
            { peer: self, transfer, chunk },
            {
              async send(bytes) {
                if (signal.aborted) return 0
                if (bytes.length !== target.length) {
                  failed('broken')
                  return 0
                }
                target.set(bytes)
                resolve()
                return bytes.length
              },
              busy: retryAfterMs => failed('busy', { retryAfterMs }),
              gone: () => failed('gone')
            }
          )
        })
    })
  }
}
