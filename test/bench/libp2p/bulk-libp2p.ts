/**
 * Chunks over libp2p streams (Noise, yamux): the road that the product would take if it had no TLS sockets of its own, done
 * as well as we could. It is here to be compared with, and passes the same contract.
 */
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { parseAddress } from '@starling/agent/peers/addresses.ts'
import { createHost } from '@starling/agent/peers/host.ts'
import { peersLimitsDefault } from '@starling/agent/peers/limits.ts'
import type { BulkHandler, BulkPort } from '@starling/agent/ports.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { KiB, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { createBulkFetch } from './bulk-fetch.ts'
import { bulkProtocol } from './bulk-frames.ts'
import { serveBulk } from './bulk-serve.ts'
import type { Connection } from './host.ts'

export interface StreamLimits {
  /** Streams to one peer, each with one request in flight: enough that one is on its way while others are verified. */
  readonly bulkLanes: number
  /** A request without a byte for so long has failed. */
  readonly bulkQuietMs: Millis
  /** Bytes handed to libp2p at a time; the next follow when these have left (see paced-writer.ts). */
  readonly bulkPaceBytes: Bytes
}

const limits: StreamLimits = { bulkLanes: 4, bulkQuietMs: 10 * secondMs, bulkPaceBytes: 256 * KiB }

export interface StreamEnd {
  readonly id: AgentId
  readonly bulk: BulkPort
  readonly addresses: readonly string[]
  /** Connects; whoever is connected is served. */
  meet(address: string): Promise<void>
  /** The side that was dialled learns of it a moment later. */
  isConnected(peer: AgentId): boolean
  close(): Promise<void>
}

export async function createStreamEnd(): Promise<StreamEnd> {
  const identity = createIdentity()
  const host = await createHost({
    privateKey: identity.libp2pKey,
    listen: { host: '127.0.0.1', port: 0 },
    gater: {},
    limits: peersLimitsDefault
  })
  let handler: BulkHandler | null = null
  const linked = (peer: AgentId): Connection | null =>
    host
      .getConnections()
      .find(({ remotePeer, status }) => remotePeer.toString() === peer && status === 'open') ?? null
  await host.handle(
    bulkProtocol,
    (stream, { remotePeer }) => {
      if (handler === null) stream.abort(new Error('nobody answers here'))
      else serveBulk(stream, remotePeer.toString(), handler, limits)
    },
    { maxInboundStreams: 2 * limits.bulkLanes }
  )
  await host.start()
  return {
    id: identity.agentId,
    bulk: {
      fetch: createBulkFetch(linked, limits),
      onRequest(given) {
        handler = given
      }
    },
    addresses: host.getMultiaddrs().map(String),
    async meet(address) {
      await host.dial(parseAddress(address)!)
    },
    isConnected: peer => linked(peer) !== null,
    async close() {
      await host.stop()
    }
  }
}
