/**
 * The answering side of bulk: one request at a time on each stream, answered by whoever was set with `onRequest`.
 * A peer that asks again before it has its answer, or does not take its bytes, loses the stream.
 */
import type { AgentId } from '@starling/shared/ids.ts'
import type { BulkHandler } from '@starling/agent/ports.ts'
import { createHead, decodeRequest, encodeAnswer, requestBytes, type BulkAnswer } from './bulk-frames.ts'
import type { StreamLimits } from './bulk-libp2p.ts'
import type { Stream } from './host.ts'
import { sendPaced, tryToSend } from './paced-writer.ts'

export function serveBulk(stream: Stream, peer: AgentId, handler: BulkHandler, limits: StreamLimits): void {
  const head = createHead(requestBytes)
  const pace = { sliceBytes: limits.bulkPaceBytes, quietMs: limits.bulkQuietMs }
  let isAnswering = false

  stream.addEventListener('message', ({ data }) => {
    for (const piece of data instanceof Uint8Array ? [data] : data) {
      const rest = isAnswering ? piece : head.take(piece)
      if (rest.length > 0) return stream.abort(new Error('asked again before the answer'))
      if (head.full()) answer()
    }
  })
  // Half closed by the asker: it wants nothing more.
  stream.addEventListener('remoteCloseWrite', () => {
    stream.close().catch(() => stream.abort(new Error('cannot close')))
  })

  function answer(): void {
    const request = decodeRequest(head.bytes)
    head.reset()
    isAnswering = true
    let isUsed = false

    const use = (): void => {
      if (isUsed) throw new Error('bug: a bulk request was answered twice')
      isUsed = true
    }
    const short = (what: BulkAnswer): void => {
      use()
      isAnswering = false
      tryToSend(stream, encodeAnswer(what))
    }

    handler(
      { peer, ...request },
      {
        async send(bytes) {
          use()
          if (!tryToSend(stream, encodeAnswer({ kind: 'data', length: bytes.length }))) return 0
          return sendPaced(stream, bytes, pace, () => {
            isAnswering = false
          })
        },
        busy: retryAfterMs => short({ kind: 'busy', retryAfterMs }),
        gone: () => short({ kind: 'gone' })
      }
    )
  }
}
