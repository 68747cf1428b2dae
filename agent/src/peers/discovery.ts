/**
 * Finding agents of the fleet on the LAN by mDNS, one socket on each interface.
 *
 * Why not @libp2p/mdns: it has one socket for all interfaces and sends on whichever the routing table prefers
 * (a VPN adapter, often), tells every address on every link, believes answers from beyond the link, and answers
 * each query at once, which is N² packets for N agents. Its records are good, and ours are the same, so that any
 * libp2p host with this service name is found, and finds us.
 *
 * Traffic: an agent asks when it starts and then every 10 to 20 s unless it heard another one ask (RFC 6762, 7.3);
 * it answers at most once a second (6), after a random moment. All agents hear all answers, so one question a
 * period is enough for a site of any size. What is found is a hint; Noise and `hello` prove the rest.
 */
import { randomBytes } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import multicastDns, { type MulticastDNS } from 'multicast-dns'
import { messageOf } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import { usableLinks, type Link } from './interfaces.ts'
import {
  cacheHostService,
  makeAnswers,
  makeCacheHostAnswers,
  readAnswers,
  serviceName
} from './mdns-records.ts'

export interface DiscoveryWorld {
  readonly log: Log
  readonly self: AgentId
  /** TCP port that peers dial; null while we speak to no one. */
  port(): number | null
  found(id: AgentId, addresses: readonly string[]): void
}

export interface DiscoveryOptions {
  readonly fleetTag: string
  readonly listenHost: string
  readonly interfaces: readonly string[] | null
  /** Port of a cache host of Delivery Optimization to tell Windows' clients of the LAN; null: nothing is told. */
  readonly cacheHostPort: number | null
}

export interface Discovery {
  start(): void
  stop(): Promise<void>
}

/** 5353 is the port of mDNS; sockets share it. */
const mdnsPort = 5353
const askEveryMs: Millis = 10 * secondMs
/** The first question may be lost while switches learn the port and groups: it is asked again soon. */
const askAgainMs: Millis = secondMs
const answerEveryMs: Millis = secondMs
/** RFC 6762, 6: answers that others give too wait 20 to 120 ms. */
const answerDelayMs = { least: 20, span: 100 }
/** The list took some 10 ms under Wine: every 5 s, that alone was half of what an idle agent cost there. */
const lookForInterfacesMs: Millis = 10 * secondMs
/** Packets of one link that are read in a second; a LAN's own mDNS chatter is far below. */
const packetsPerSecond = 500

export function createDiscovery(world: DiscoveryWorld, options: DiscoveryOptions): Discovery {
  const service = serviceName(options.fleetTag)
  /** Random, and another one at each start: nothing of the machine or its user is told. */
  const name = randomBytes(16).toString('hex')
  const sockets = new Map<string, Socket>()
  let looking: NodeJS.Timeout | undefined

  function look(): void {
    const links = usableLinks(networkInterfaces(), options.listenHost, options.interfaces)
    const wanted = new Map(links.map(link => [`${link.ip} ${link.addresses.join(' ')}`, link]))
    for (const [key, socket] of sockets) {
      if (wanted.has(key) && !socket.failed()) continue
      sockets.delete(key)
      void socket.close()
    }
    for (const [key, link] of wanted)
      if (!sockets.has(key)) sockets.set(key, openSocket(world, service, name, link, options.cacheHostPort))
  }

  return {
    start() {
      look()
      looking = setInterval(look, lookForInterfacesMs)
    },
    async stop() {
      clearInterval(looking)
      await Promise.all([...sockets.values()].map(async socket => socket.close()))
      sockets.clear()
    }
  }
}

interface Socket {
  failed(): boolean
  close(): Promise<void>
}

/** mDNS on one link. */
function openSocket(
  world: DiscoveryWorld,
  service: string,
  name: string,
  link: Link,
  cacheHostPort: number | null
): Socket {
  let hasFailed = false
  let asking: NodeJS.Timeout | undefined
  let answering: NodeJS.Timeout | null = null
  let answeredAt = 0
  let cacheHostToldAt = 0
  /** The first questions are asked whatever others ask: also one's own comes back by multicast. */
  let asked = 0
  let second = 0
  let packets = 0

  // Bound to every address, because a socket bound to one does not get multicast on Linux; `isOnLink` sorts out.
  const mdns: MulticastDNS = multicastDns({
    interface: link.ip,
    bind: '0.0.0.0',
    port: mdnsPort,
    reuseAddr: true,
    loopback: true
  })

  function ask(): void {
    const isSilent = world.port() === null
    if (!isSilent) mdns.query({ questions: [{ name: service, type: 'PTR' }] })
    if (!isSilent && asked++ === 0) answerSoon()
    askAfter(isSilent || asked < 2 ? askAgainMs : askEveryMs + Math.random() * askEveryMs)
  }
  function askAfter(pauseMs: Millis): void {
    clearTimeout(asking)
    asking = setTimeout(ask, pauseMs)
  }

  function answerSoon(): void {
    if (answering !== null) return
    const earliestMs = answeredAt + answerEveryMs - Date.now()
    answering = setTimeout(
      () => {
        answering = null
        const port = world.port()
        if (port === null) return
        answeredAt = Date.now()
        const addresses = link.addresses.map(
          ip => `/${ip.includes(':') ? 'ip6' : 'ip4'}/${ip}/tcp/${port}/p2p/${world.self}`
        )
        mdns.respond({ answers: makeAnswers(service, name, addresses) })
      },
      Math.max(0, earliestMs) + answerDelayMs.least + Math.random() * answerDelayMs.span
    )
  }

  /** Off-link senders and floods are not read. */
  function isHeard(sender: string): boolean {
    const now = Math.floor(Date.now() / secondMs)
    if (now !== second) packets = 0
    second = now
    return ++packets <= packetsPerSecond && link.isOnLink(sender)
  }

  function tellCacheHost(port: number): void {
    // As often as RFC 6762 (6) allows; who asks again within the second has heard the answer.
    if (Date.now() - cacheHostToldAt < answerEveryMs) return
    cacheHostToldAt = Date.now()
    for (const ip of link.addresses) mdns.respond({ answers: makeCacheHostAnswers(name, ip, port) })
  }

  mdns.on('query', ({ questions = [] }, { address }) => {
    if (!isHeard(address)) return
    const asks = (wanted: string): boolean =>
      questions.some(question => question.name.toLowerCase() === wanted)
    if (cacheHostPort !== null && asks(cacheHostService)) tellCacheHost(cacheHostPort)
    if (!asks(service)) return
    if (asked >= 2) askAfter(askEveryMs + Math.random() * askEveryMs)
    answerSoon()
  })
  mdns.on('response', ({ answers = [], additionals = [] }, { address }) => {
    if (!isHeard(address)) return
    const found = readAnswers([...answers, ...additionals], service, link.isOnLink)
    if (found !== null && found.id !== world.self) world.found(found.id, found.addresses)
  })
  mdns.on('warning', (error: Error) => world.log.debug({ link: link.ip, problem: messageOf(error) }, 'mdns'))
  mdns.on('error', (error: Error) => {
    hasFailed = true
    world.log.warn(
      { link: link.ip, problem: messageOf(error) },
      'mdns does not work on this interface: is the port taken?'
    )
  })
  mdns.on('ready', ask)

  return {
    failed: () => hasFailed,
    close() {
      clearTimeout(asking)
      if (answering !== null) clearTimeout(answering)
      return new Promise(resolve => {
        mdns.destroy(resolve)
      })
    }
  }
}
