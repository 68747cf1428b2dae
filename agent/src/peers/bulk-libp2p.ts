/** Chunk bytes over libp2p streams: both sides of it, behind BulkPort. Only peers with a good `hello` are served. */
import type { Connection, Stream } from '@libp2p/interface'
import type { AgentId } from '@starling/shared/ids.ts'
import type { BulkHandler, BulkPort } from '../ports.ts'
import { createBulkFetch } from './bulk-fetch.ts'
import { serveBulk } from './bulk-serve.ts'
import type { PeersLimits } from './limits.ts'

export interface BulkLibp2p {
  readonly port: BulkPort
  serve(stream: Stream, connection: Connection): void
}

export function createBulkLibp2p(
  linked: (peer: AgentId) => Connection | null,
  limits: PeersLimits
): BulkLibp2p {
  let handler: BulkHandler | null = null
  return {
    port: {
      fetch: createBulkFetch(linked, limits),
      onRequest(given) {
        handler = given
      }
    },
    serve(stream, connection) {
      const peer = connection.remotePeer.toString()
      if (handler === null || linked(peer) !== connection) stream.abort(new Error('say hello first'))
      else serveBulk(stream, peer, handler, limits)
    }
  }
}
