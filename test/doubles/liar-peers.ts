/**
 * `createPeers` as the liar has it: the real one, but every chunk that leaves has one bit flipped. Everything else
 * is honest: who it is, what it says that it has, the digests it signed.
 */
import { createPeers as honest } from '@starling/agent/peers/peers.ts'

export const createPeers: typeof honest = async (collaborators, tunables) => {
  const made = await honest(collaborators, tunables)
  const { bulk } = made
  return {
    ...made,
    bulk: {
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
}
