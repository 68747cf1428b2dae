/**
 * The libp2p host: TCP, Noise, yamux, and nothing else. No identify, no DHT, no relay: who a peer is says Noise,
 * whether it may speak says `hello`, and what it can says `hello` too. Not started here.
 */
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import type { ConnectionGater, PrivateKey } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { createLibp2p, type Libp2p } from 'libp2p'
import { KiB, MiB, secondMs } from '@starling/shared/units.ts'
import { listenAddress, nearestFirst, toAnnounce } from './addresses.ts'
import type { PeersLimits } from './limits.ts'

export interface HostOptions {
  readonly privateKey: PrivateKey
  readonly listen: { readonly host: string; readonly port: number }
  readonly gater: ConnectionGater
  readonly limits: PeersLimits
}

/** @throws StarlingError `bad-address` */
export async function createHost({ privateKey, listen, gater, limits }: HostOptions): Promise<Libp2p> {
  return createLibp2p({
    start: false,
    privateKey,
    // The default tells every version in use to whoever asks; we never ask, so never tell.
    nodeInfo: { name: 'starling', version: '1', userAgent: 'starling' },
    addresses: { listen: [listenAddress(listen.host, listen.port)], announceFilter: own => toAnnounce(own) },
    transports: [tcp({ backlog: 511 })],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        // Control, pings, a doubt: far fewer than that. A stranger gets no more either.
        maxInboundStreams: 32,
        maxOutboundStreams: 64,
        streamOptions: {
          // One lane then fills a gigabit link also at 30 ms, which a site of several buildings may have.
          maxStreamWindowSize: 4 * MiB,
          // All our readers take what comes at once, so this much waits only where nobody reads: in streams whose
          // protocol a stranger has not named yet.
          maxReadBufferLength: 512 * KiB
        }
      })
    ],
    connectionGater: gater,
    connectionManager: {
      addressSorter: (a, b) => Math.sign(nearestFirst(a.multiaddr, b.multiaddr)) as -1 | 0 | 1,
      maxConnections: limits.connectionsMax,
      maxIncomingPendingConnections: limits.strangersMax,
      inboundConnectionThreshold: limits.inboundPerSecond,
      maxParallelDials: 16,
      maxPeerAddrsToDial: 16,
      dialTimeout: 10 * secondMs,
      addressDialTimeout: 3 * secondMs,
      // Dialling again is redial.ts's: it knows which hints still stand.
      reconnectRetries: 0
    },
    // links.ts asks those who are silent; a ping to everybody each ten seconds was a tenth of an agent's control traffic.
    connectionMonitor: { enabled: false }
  })
}
