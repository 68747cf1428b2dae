/**
 * The peers shell: finds agents of the same fleet, says `hello`, carries messages. Its parts:
 *
 *   discovery.ts -> redial.ts -> host.ts (libp2p) -> links.ts (hello, one control stream a pair) -> the core
 *
 * This file wires them, and checks what peers say before the core hears it. Chunks take a road of their own (bulk/).
 */
import type { ConnectionGater, PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { codeOf, messageOf, StarlingError } from '@starling/shared/errors.ts'
import { parseAgentId, type AgentId, type SiteId } from '@starling/shared/ids.ts'
import type { Role } from '@starling/shared/credential.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'
import { swarmProtocol } from '@starling/shared/wire.ts'
import type { Log } from '../log.ts'
import type { Emit, PeersPort, TrustPort } from '../ports.ts'
import { nearestFirst } from './addresses.ts'
import { encodeFrame } from './control-stream.ts'
import type { DialOutcomes } from './dial-outcomes.ts'
import { createDiscovery } from './discovery.ts'
import { provenRole } from './greeting.ts'
import { problemOf, withoutForeignClaims } from './hearsay.ts'
import { createHost } from './host.ts'
import { peersLimitsDefault, type PeersLimits } from './limits.ts'
import { createLinks } from './links.ts'
import { nearnessOf } from './near.ts'
import { createRedial } from './redial.ts'
import { createRefusals } from './refusals.ts'
import type { Told } from './told.ts'

export interface PeersOptions {
  /** Port 0: any free one. */
  readonly listen: { readonly host: string; readonly port: number }
  readonly site: SiteId
  readonly role: Role
  /** Where this agent serves chunks, told in `hello`; 0: nowhere. */
  readonly bulkPort: number
  /** First 8 bytes, in hex, of a hash that names the fleet: agents of other fleets are not even found. */
  readonly fleetTag: string
  readonly mdns: boolean
  /** See discovery.ts; default: null. */
  readonly cacheHostPort?: number | null
  /** Names or addresses of the interfaces that mDNS uses; all LAN interfaces when left out. */
  readonly interfaces?: readonly string[]
  /** Multiaddrs from config, with or without `/p2p/<id>`. Dialled for ever. */
  readonly staticPeers?: readonly string[]
  /** Whom we share with at any site; null: nobody but our own site's. Default: null. */
  readonly group?: () => string | null
  /** What to tell of this machine; default: nothing. */
  readonly told?: () => Told
  /** Of the agents found by mDNS, whom to keep a connection with; all, when left out. */
  readonly choose?: (known: readonly AgentId[]) => ReadonlySet<AgentId>
  readonly limits?: Partial<PeersLimits>
}

/** Connections come and go with news; who was dialled within that time can be. */
const dialledLatelyMs: Millis = 30 * minuteMs

export interface PeersCollaborators {
  readonly trust: TrustPort
  readonly privateKey: PrivateKey
  /** Told of each dial. */
  readonly dials?: Pick<DialOutcomes, 'failed' | 'met'>
  readonly log: Log
}

/** @throws StarlingError `bad-address` */
export async function createPeers(
  { trust, privateKey, dials, log }: PeersCollaborators,
  options: PeersOptions
): Promise<PeersPort> {
  const limits = { ...peersLimitsDefault, ...options.limits }
  const self = parseAgentId(peerIdFromPrivateKey(privateKey).toString())
  const refusals = createRefusals()
  const forbidden = new Set<AgentId>()
  /** By multicast, some time. */
  const heard = new Set<AgentId>()
  const group = options.group ?? (() => null)
  const told = options.told ?? (() => ({ name: null, network: null }))
  let emit: Emit | null = null
  const timers: NodeJS.Timeout[] = []

  const isForbidden = (id: { toString(): string }): boolean => {
    if (!forbidden.has(id.toString())) return false
    refusals.count('forbidden')
    return true
  }
  const gater: ConnectionGater = {
    denyInboundConnection() {
      const reason =
        trust.proof() === null
          ? 'no-proof'
          : links.strangers() >= limits.strangersMax
            ? 'too-many-strangers'
            : null
      if (reason !== null) refusals.count(reason)
      return reason !== null
    },
    denyInboundEncryptedConnection: isForbidden,
    denyOutboundEncryptedConnection: isForbidden
  }

  const host = await createHost({ privateKey, listen: options.listen, gater, limits })
  const links = createLinks(
    {
      self,
      us: { site: options.site, role: options.role, bulkPort: options.bulkPort, group, told },
      trust,
      refusals,
      log,
      joined(peer, hello, from) {
        redial.joined(peer)
        dials?.met(peer)
        const near = nearnessOf(hello.capabilities, group(), from, heard.has(peer))
        emit?.({ type: 'peer-joined', peer, site: hello.site, role: provenRole(hello.proof), near })
      },
      left(peer, _reason, lastedMs) {
        redial.left(peer, lastedMs)
        emit?.({ type: 'peer-left', peer })
      },
      said(peer, message) {
        const problem = problemOf(peer, message, trust)
        if (problem === null) {
          return emit?.({ type: 'peer-said', peer, message: withoutForeignClaims(peer, message) })
        }
        refusals.count(problem)
        log.debug({ peer, said: message.type, problem }, 'message dropped')
      }
    },
    limits
  )
  const redial = createRedial(
    {
      self,
      mayDial: () => trust.proof() !== null,
      choose: known => options.choose?.(known) ?? new Set(known),
      changed: () => {
        if (options.choose !== undefined) emit?.({ type: 'site-changed', others: redial.known() })
      },
      connected: id => links.linked(id) !== null || forbidden.has(id),
      dial: async addresses => (await host.dial(addresses)).remotePeer.toString(),
      failed(error, id) {
        refusals.count(
          error instanceof Error && error.name === 'UnexpectedPeerError' ? 'other-peer' : 'unreachable'
        )
        if (id !== null) dials?.failed(id)
        log.debug({ peer: id, problem: messageOf(error) }, 'peer not reached')
      }
    },
    limits
  )
  let multicastHeard = false
  let dialledAt: Millis | null = null
  const discovery = createDiscovery(
    {
      log,
      self,
      // Without a proof we speak to no one, so nobody needs to find us.
      port: () => (trust.proof() === null ? null : portOf(host.getMultiaddrs())),
      found: (id, addresses) => {
        multicastHeard = true
        if (forbidden.has(id)) return
        redial.hint('mdns', id, addresses)
        // Before it was heard it may have been turned away as one that is not on the link.
        if (heard.has(id) || heard.size >= limits.hintsMax) return
        heard.add(id)
        redial.found(id)
      }
    },
    {
      fleetTag: options.fleetTag,
      listenHost: options.listen.host,
      interfaces: options.interfaces ?? null,
      cacheHostPort: options.cacheHostPort ?? null
    }
  )

  host.addEventListener('connection:open', ({ detail }) => {
    if (detail.direction === 'inbound') dialledAt = Date.now()
    links.opened(detail)
  })
  host.addEventListener('connection:close', ({ detail }) => links.closed(detail))

  return {
    self,
    async start(given) {
      emit = given
      await host.handle(swarmProtocol, (stream, connection) => links.accept(stream, connection), {
        maxInboundStreams: 1
      })
      try {
        await host.start()
      } catch (cause) {
        const { host: address, port } = options.listen
        throw new StarlingError(
          'listen-failed',
          `cannot listen for peers on ${address} port ${port} (${codeOf(cause)}): choose another port, or end the program that uses it`,
          { cause }
        )
      }
      timers.push(
        setInterval(() => links.recheck(), limits.recheckMs),
        setInterval(() => links.askSilent(), limits.silentMs)
      )
      for (const address of options.staticPeers ?? []) redial.hint('config', null, [address])
      if (options.mdns) discovery.start()
    },
    say(to, message) {
      try {
        const frame = encodeFrame(message)
        for (const peer of to) links.write(peer, frame)
      } catch (error) {
        log.error({ said: message.type, problem: messageOf(error) }, 'message not sent')
      }
    },
    dial: peer => redial.want(peer),
    hangUp(peer, reason) {
      redial.rest(peer)
      links.hangUp(peer, reason)
    },
    hint(hints) {
      for (const { id, addresses } of hints)
        if (id === null || !forbidden.has(id)) redial.hint('hint', id, addresses)
    },
    regroup(reason) {
      for (const { id } of links.list()) links.hangUp(id, reason)
      for (const id of redial.known()) redial.found(id)
    },
    forbid(ids, reason) {
      for (const id of ids) {
        forbidden.add(id)
        redial.forget(id)
        links.hangUp(id, reason)
      }
    },
    linked: peer => links.linked(peer) !== null,
    bulkAt: links.bulkAt,
    list: links.list,
    roundTripMs: peer => links.roundTripMs(peer),
    addresses: () => host.getMultiaddrs().sort(nearestFirst).map(String),
    refusals: () => refusals.counted,
    signs: () => ({
      multicastHeard,
      dialled:
        (dialledAt !== null && Date.now() - dialledAt < dialledLatelyMs) ||
        host.getConnections().some(({ direction }) => direction === 'inbound')
    }),
    async stop() {
      for (const timer of timers) clearInterval(timer)
      emit = null
      await discovery.stop()
      redial.stop()
      links.stop()
      await host.stop()
    }
  }
}

function portOf(
  addresses: ReturnType<Awaited<ReturnType<typeof createHost>>['getMultiaddrs']>
): number | null {
  const port = addresses[0]?.getComponents().find(({ name }) => name === 'tcp')?.value
  return port === undefined ? null : Number(port)
}
