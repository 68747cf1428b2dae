/**
 * Who is connected, and the one control stream of each pair.
 *
 * Both sides of a pair may dial at the same moment and then have two connections. So that they never disagree
 * on which one counts, one of them decides alone: the lower AgentId opens the control stream, on whichever
 * connection comes first, no matter who dialled. The higher one takes what it is given; a second stream on
 * another connection means that the lower one knows the first to be dead. (The other way, "each dialler opens a
 * stream and the better one wins", needs a handover without loss between two streams; this needs nothing.)
 *
 * The opener says `hello`; the other side checks it and only then says its own, so that an agent that is not of
 * the fleet learns nothing from whom it dialled. Until both were fine the peer does not exist for anybody else:
 * `linked` and `bulkAt` are what bulk asks before it serves or dials.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { messageOf } from '@starling/shared/errors.ts'
import { isAgentId, type AgentId } from '@starling/shared/ids.ts'
import { swarmProtocol, type Hello, type Message, type SwarmMessage } from '@starling/shared/wire.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import type { PeerInfo, TrustPort } from '../ports.ts'
import { socketHostOf } from './addresses.ts'
import { createControlStream, encodeFrame, type ControlStream } from './control-stream.ts'
import { checkHello, makeHello, provenRole, type Ourselves } from './greeting.ts'
import type { PeersLimits } from './limits.ts'
import type { Refusals } from './refusals.ts'
import { toldBy } from './told.ts'

/** Asked on a connection that is in doubt; answered with "no such protocol", which is an answer. */
const aliveProtocol = '/starling/alive/1'

export interface LinksWorld {
  readonly self: AgentId
  readonly us: Ourselves
  readonly trust: TrustPort
  readonly refusals: Refusals
  readonly log: Log
  joined(peer: AgentId, hello: Hello, host: string | null): void
  left(peer: AgentId, reason: string, lastedMs: Millis): void
  said(peer: AgentId, message: SwarmMessage): void
}

export interface Links {
  opened(connection: Connection): void
  closed(connection: Connection): void
  /** A peer opened a control stream. */
  accept(stream: Stream, connection: Connection): void
  readonly linked: (peer: AgentId) => Connection | null
  write(peer: AgentId, frame: Uint8Array): void
  hangUp(peer: AgentId, reason: string): void
  /** Looks at all proofs again: credentials end, and revocations arrive, while links live. */
  recheck(): void
  /**
   * Asks whoever has been silent for `silentMs`: a peer that lost power or the network does not say so, and nothing else
   * would tell us within hours. Who talks to us anyway is not asked.
   */
  askSilent(): void
  /** Connections that have not said a valid `hello`. */
  strangers(): number
  /** Where a linked peer serves chunks. */
  readonly bulkAt: (peer: AgentId) => { readonly host: string; readonly port: number } | null
  readonly list: () => PeerInfo[]
  /** By asking for a protocol that it does not have. Null: it is not linked, or did not answer in time. */
  roundTripMs(peer: AgentId): Promise<Millis | null>
  stop(): void
}

interface Contact {
  readonly id: AgentId
  readonly connections: Map<Connection, NodeJS.Timeout>
  link: Link | null
}

interface Link {
  readonly connection: Connection
  readonly deadline: NodeJS.Timeout
  /** Null while the stream is being opened. */
  control: ControlStream | null
  /** The peer's, once it was found good and ours was said. */
  hello: Hello | null
  openedAt: Millis
  /** When its last message came. */
  heardAt: Millis
}

export function createLinks(world: LinksWorld, limits: PeersLimits): Links {
  const contacts = new Map<AgentId, Contact>()

  function opened(connection: Connection): void {
    const id = connection.remotePeer.toString()
    if (!isAgentId(id)) return refuse(connection, 'bad-id')
    const contact = contactOf(id)
    if (contact.connections.has(connection)) return
    contact.connections.set(
      connection,
      setTimeout(() => unused(contact, connection), limits.helloMs)
    )
    if (decides(contact)) consider(contact)
  }

  function contactOf(id: AgentId): Contact {
    let contact = contacts.get(id)
    if (contact === undefined) {
      contact = { id, connections: new Map(), link: null }
      contacts.set(id, contact)
    }
    return contact
  }

  function decides(contact: Contact): boolean {
    return world.self < contact.id
  }

  /** For the lower id: one link if there is any connection, and doubt when a second one comes. */
  function consider(contact: Contact): void {
    const connection = [...contact.connections.keys()].findLast(({ status }) => status === 'open')
    if (connection === undefined) return
    if (contact.link === null) void openLink(contact, connection)
    else if (contact.link.connection !== connection) void doubt(contact, contact.link, limits.aliveMs)
  }

  async function openLink(contact: Contact, connection: Connection): Promise<void> {
    const link = newLink(contact, connection)
    try {
      const stream = await connection.newStream(swarmProtocol, {
        signal: AbortSignal.timeout(limits.helloMs)
      })
      if (contact.link !== link) return stream.abort(new Error('no longer wanted'))
      link.control = listen(contact, link, stream)
      sayHello(contact, link)
    } catch (error) {
      world.log.debug({ peer: contact.id, problem: messageOf(error) }, 'no control stream')
      drop(contact, link, 'us', isUnsupported(error) ? 'not-starling' : 'hung-up')
    }
  }

  function newLink(contact: Contact, connection: Connection): Link {
    const deadline = setTimeout(() => drop(contact, link, 'us', 'no-hello'), limits.helloMs)
    const link: Link = {
      connection,
      deadline,
      control: null,
      hello: null,
      openedAt: Date.now(),
      heardAt: Date.now()
    }
    contact.link = link
    return link
  }

  function accept(stream: Stream, connection: Connection): void {
    const id = connection.remotePeer.toString()
    if (!isAgentId(id) || world.self < id)
      return stream.abort(new Error('the lower id opens the control stream'))
    const contact = contactOf(id)
    if (!contact.connections.has(connection)) opened(connection)
    if (contact.link !== null) drop(contact, contact.link, 'us', 'replaced')
    const link = newLink(contact, connection)
    link.control = listen(contact, link, stream)
  }

  function listen(contact: Contact, link: Link, stream: Stream): ControlStream {
    return createControlStream(
      stream,
      {
        message: message => heard(contact, link, message),
        ended: (by, reason) => drop(contact, link, by, reason),
        failed: error =>
          world.log.warn({ peer: contact.id, problem: messageOf(error) }, 'control stream given up')
      },
      limits
    )
  }

  function heard(contact: Contact, link: Link, message: Message | null): void {
    if (contact.link !== link) return
    link.heardAt = Date.now()
    if (link.hello === null) return greeted(contact, link, message)
    if (message === null) return
    if (message.type === 'hello' || message.type === 'bye') return drop(contact, link, 'us', 'bad-frame')
    world.said(contact.id, message)
  }

  function greeted(contact: Contact, link: Link, message: Message | null): void {
    const reason = checkHello(contact.id, message, world.trust, world.us.group())
    if (reason !== null || message?.type !== 'hello') return drop(contact, link, 'us', reason ?? 'no-hello')
    if (!decides(contact) && !sayHello(contact, link)) return
    clearTimeout(link.deadline)
    link.hello = message
    link.openedAt = Date.now()
    world.joined(contact.id, message, socketHostOf(link.connection.remoteAddr))
  }

  function sayHello(contact: Contact, link: Link): boolean {
    const proof = world.trust.proof()
    if (proof === null) drop(contact, link, 'us', 'no-proof')
    else link.control?.write(encodeFrame(makeHello(proof, world.us)))
    return contact.link === link
  }

  /** Ends a link and its connection, with a word to the other side if it is us who end it. */
  function drop(contact: Contact, link: Link, by: 'us' | 'them', reason: string): void {
    if (contact.link !== link) return
    contact.link = null
    clearTimeout(link.deadline)
    const wasOpen = link.hello !== null
    if (by === 'us') link.control?.close(reason)
    const counted = wordFor(by, reason)
    if (!wasOpen || (by === 'us' && violations.has(reason))) world.refusals.count(counted)
    // Strangers may come as often as they like; the first of each kind is news.
    const isNews = wasOpen || world.refusals.counted.get(counted) === 1
    const facts = { peer: contact.id, by, reason: reason.slice(0, 100) }
    world.log[isNews ? 'info' : 'debug'](facts, wasOpen ? 'peer left' : 'peer refused')
    release(contact, link.connection)
    hangUpOn(link.connection)
    if (wasOpen) world.left(contact.id, reason, Date.now() - link.openedAt)
    // The spare connection, if there is one, takes over.
    if (decides(contact))
      setImmediate(() => {
        if (contact.link === null) consider(contact)
      })
  }

  function refuse(connection: Connection, reason: string): void {
    world.refusals.count(reason)
    hangUpOn(connection)
  }

  /** A connection without a link: a stranger that does not speak, or the spare of a pair that has one. */
  function unused(contact: Contact, connection: Connection): void {
    if (contact.link?.connection === connection) return
    if (contact.link === null) return refuse(connection, 'no-hello')
    contact.connections.set(
      connection,
      setTimeout(() => {
        if (contact.link?.connection !== connection) hangUpOn(connection)
      }, limits.spareMs)
    )
  }

  /** Two connections: both dialled at once, or the peer came back while its old connection hangs dead. Ask the old one. */
  async function doubt(contact: Contact, link: Link, patienceMs: Millis): Promise<void> {
    try {
      const stream = await link.connection.newStream(aliveProtocol, {
        signal: AbortSignal.timeout(patienceMs)
      })
      stream.abort(new Error('it lives'))
    } catch (error) {
      if (!isUnsupported(error)) {
        link.connection.abort(new Error('no sign of life'))
        return drop(contact, link, 'us', 'dead')
      }
    }
    // Which of two connections counts is for the lower id to say.
    if (contact.link !== link || !decides(contact)) return
    for (const connection of contact.connections.keys())
      if (connection !== link.connection) hangUpOn(connection)
  }

  function closed(connection: Connection): void {
    const contact = contacts.get(connection.remotePeer.toString())
    if (contact === undefined) return
    release(contact, connection)
    if (contact.link?.connection === connection) drop(contact, contact.link, 'them', 'closed')
    if (contact.connections.size === 0 && contact.link === null) contacts.delete(contact.id)
  }

  function release(contact: Contact, connection: Connection): void {
    clearTimeout(contact.connections.get(connection))
    contact.connections.delete(connection)
  }

  const open = (): Array<[Contact, Link, Hello]> =>
    [...contacts.values()].flatMap(contact =>
      contact.link?.hello == null ? [] : [[contact, contact.link, contact.link.hello]]
    )

  return {
    opened,
    closed,
    accept,
    linked(peer) {
      const link = contacts.get(peer)?.link
      return link?.hello == null ? null : link.connection
    },
    bulkAt(peer) {
      const link = contacts.get(peer)?.link
      if (link?.hello == null || link.hello.bulkPort === 0) return null
      const host = socketHostOf(link.connection.remoteAddr)
      return host === null ? null : { host, port: link.hello.bulkPort }
    },
    write(peer, frame) {
      const link = contacts.get(peer)?.link
      if (link?.hello != null) link.control?.write(frame)
    },
    hangUp(peer, reason) {
      const contact = contacts.get(peer)
      if (contact?.link != null) drop(contact, contact.link, 'us', reason)
      for (const connection of contact?.connections.keys() ?? []) hangUpOn(connection)
    },
    recheck() {
      for (const [contact, link, hello] of open()) {
        const reason = checkHello(contact.id, hello, world.trust, world.us.group())
        if (reason !== null) drop(contact, link, 'us', reason)
      }
    },
    askSilent() {
      const silentSince = Date.now() - limits.silentMs
      for (const [contact, link] of open())
        if (link.heardAt <= silentSince) void doubt(contact, link, limits.silentMs)
    },
    strangers: () =>
      [...contacts.values()].reduce(
        (sum, { connections, link }) => sum + (link?.hello == null ? connections.size : 0),
        0
      ),
    list: () =>
      open().map(([{ id }, { connection, openedAt }, { site, proof, capabilities }]) => ({
        id,
        site,
        role: provenRole(proof),
        address: connection.remoteAddr.toString(),
        capabilities,
        ...toldBy(capabilities),
        connectedAt: openedAt
      })),
    async roundTripMs(peer) {
      const link = contacts.get(peer)?.link
      if (link?.hello == null) return null
      const askedAt = performance.now()
      try {
        const stream = await link.connection.newStream(aliveProtocol, {
          signal: AbortSignal.timeout(limits.aliveMs)
        })
        stream.abort(new Error('it lives'))
      } catch (error) {
        if (!isUnsupported(error)) return null
      }
      return performance.now() - askedAt
    },
    stop() {
      for (const contact of contacts.values()) {
        for (const timer of contact.connections.values()) clearTimeout(timer)
        const link = contact.link
        contact.link = null
        if (link === null) continue
        clearTimeout(link.deadline)
        link.control?.close('stopping')
      }
      contacts.clear()
    }
  }
}

/** Ends of a good link that say something of the peer. */
const violations = new Set(['bad-frame', 'flood', 'too-slow', 'dead', 'expired', 'revoked', 'internal-error'])

/** What a peer gives as its reason is logged, not counted: its words are unbounded. */
function wordFor(by: 'us' | 'them', reason: string): string {
  if (by === 'us') return reason
  return reason === 'closed' ? 'hung-up' : 'refused-by-peer'
}

function isUnsupported(error: unknown): boolean {
  return error instanceof Error && error.name === 'UnsupportedProtocolError'
}

/** Lets what was said go out first; whoever does not take it within a second is cut off. */
function hangUpOn(connection: Connection): void {
  if (connection.status !== 'open') return
  connection.close().catch((error: unknown) => {
    connection.abort(error instanceof Error ? error : new Error(String(error)))
  })
}
