/**
 * `createFlows` as the liar has it: the real one, but every chunk that leaves for a peer, on whatever road, has one
 * bit flipped. Everything else is honest: who it is, what it says that it has, the digests it signed.
 */
import { createFlows as honest } from '@starling/agent/flows/flows.ts'
import type { BulkPort } from '@starling/agent/ports.ts'

export const createFlows: typeof honest = (parts, ...rest) =>
  honest({ ...parts, bulk: lying(parts.bulk) }, ...rest)

function lying(bulk: BulkPort): BulkPort {
  return {
    fetch: request => bulk.fetch(request),
    onRequest: handler =>
      bulk.onRequest((request, reply) =>
        handler(request, {
          send(bytes) {
            const lie = bytes.slice()
            lie[lie.length >> 1]! ^= 0x01
            return reply.send(lie)
          },
          busy: retryAfterMs => reply.busy(retryAfterMs),
          gone: () => reply.gone()
        })
      )
  }
}
