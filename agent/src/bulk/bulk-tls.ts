/**
 * The bulk shell: chunk bytes between agents over TLS 1.3 sockets of their own, so that control messages never wait behind
 * them, and because it is several times cheaper than libp2p streams (test/bench/bulk.ts). Both sides show a
 * certificate over the very key that names them, so a socket proves two AgentIds; whether those may speak with each
 * other is what `hello` decided, and `mayServe` tells.
 *
 *   fetching.ts -> lane.ts (a dialled socket) -> receiver.ts (bytes into their target)
 *   listening.ts -> serving.ts (an accepted socket)          both speak frames.ts, within limits.ts
 *
 * The side that dials asks, the other one answers. One socket for both directions would save a handshake of 3 ms, and cost
 * a rule for who may close it when.
 */
import type { TLSSocket, TlsOptions } from 'node:tls'
import type { AgentId } from '@starling/shared/ids.ts'
import type { Log } from '../log.ts'
import type { BulkHandler, BulkPort } from '../ports.ts'
import { createTally } from './errors.ts'
import { createFetching } from './fetching.ts'
import type { DialBulk } from './lane.ts'
import { bulkLimitsDefault, checkLimits, type BulkLimits } from './limits.ts'
import { listenForBulk } from './listening.ts'
import { serveSocket } from './serving.ts'

export interface BulkCollaborators {
  /** Never gives a socket whose other end is not the one dialled. */
  readonly dial: DialBulk
  readonly serverOptions: (alpn: readonly string[]) => TlsOptions
  readonly agentIdOfSocket: (socket: TLSSocket) => AgentId | null
  /** Whether this peer's `hello` was accepted and still counts. Asked often: a look-up, no more. */
  readonly mayServe: (peer: AgentId) => boolean
  /** Where a peer serves bulk; null: we are not connected with it. */
  readonly where: (peer: AgentId) => { readonly host: string; readonly port: number } | null
  readonly log: Log
}

export interface BulkOptions {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly limits?: Partial<BulkLimits>
}

export interface BulkTls extends BulkPort {
  /** Told to others in `hello`. */
  readonly port: number
  /** The peer has left: its sockets are closed, what was asked of it fails as `broken`. */
  forget(peer: AgentId): void
  /** Why sockets were refused or cut, counted. */
  cuts(): ReadonlyMap<string, number>
  /** Sockets open now: those we ask on, those we serve. */
  sockets(): { readonly asking: number; readonly serving: number }
  close(): Promise<void>
}

/** @throws StarlingError `listen-failed` */
export async function createBulkTls(
  collaborators: BulkCollaborators,
  { host, port, limits: given }: BulkOptions
): Promise<BulkTls> {
  const { dial, where, mayServe, serverOptions, agentIdOfSocket, log } = collaborators
  const limits = checkLimits({ ...bulkLimitsDefault, ...given })
  const tally = createTally()
  let handler: BulkHandler | null = null

  const fetching = createFetching({ dial, where, tally }, limits)
  const listening = await listenForBulk(
    {
      serverOptions,
      agentIdOfSocket,
      mayServe,
      serve: (socket, peer) =>
        serveSocket(
          socket,
          peer,
          {
            mayServe,
            handler: () => handler,
            odd: tally.count,
            cut(reason) {
              if (reason === 'idle') return
              tally.count(reason)
              log.info({ peer, reason }, 'bulk socket cut')
            }
          },
          limits
        ),
      refused(reason, peer) {
        tally.count(reason)
        log.debug({ peer, reason }, 'bulk socket refused')
      }
    },
    { host, port },
    limits
  )

  return {
    port: listening.port,
    fetch: fetching.fetch,
    onRequest(given) {
      handler = given
    },
    forget(peer) {
      fetching.forget(peer)
      listening.forget(peer)
    },
    cuts: () => tally.counted,
    sockets: () => ({ asking: fetching.lanes(), serving: listening.served() }),
    async close() {
      await Promise.all([fetching.close(), listening.close()])
    }
  }
}
