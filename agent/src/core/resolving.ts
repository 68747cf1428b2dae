/**
 * From a key to a version of it. The first agent of a site that wants a key asks its peers; if nobody knows, one of
 * those who want it asks upstream and tells the others, so that a flash crowd is one first request and not two
 * hundred. Who it is follows from rendezvous rank; a gateway, if there is one, does it for all.
 */
import type { AgentId, KeyHash, TransferId } from '@starling/shared/ids.ts'
import { isOf, type PurgeTarget } from '@starling/shared/purge.ts'
import { keyHashOf, type SignedHead } from '@starling/shared/manifest.ts'
import { hash32 } from '@starling/shared/prng.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import { isLargeSite, type Around } from './around.ts'
import type { FlowId, WishId } from './events.ts'
import {
  askGatewayWaitMs,
  askWaitMs,
  headInTimeMs,
  largeResolveWaitMs,
  meetingWaitMs,
  notSharedMs,
  relayHeadMs,
  resolveStaggerMs,
  resolveWaitMs
} from './limits.ts'
import { MeetingPoints } from './meeting-points.ts'
import { isBefore, rankOf } from './rendezvous.ts'

/** A key that somebody wants and whose version is not known yet. */
interface Search {
  readonly key: KeyHash
  url: string | null
  rangeFirst: boolean
  readonly wishes: Set<WishId>
  /** Peers that asked us and are told the result. */
  readonly askers: Set<AgentId>
  /** Peers that have tried in vain, or have gone. */
  readonly useless: Set<AgentId>
  /** In a large site: those who were dialled for this key, and are asked as soon as they have joined. */
  readonly dialled: Set<AgentId>
  state:
    /** Waiting for peers' answers; `rivals` want the key too and have not begun. */
    | {
        readonly kind: 'asking'
        readonly since: Millis
        readonly until: Millis
        readonly silent: Set<AgentId>
        readonly rivals: Set<AgentId>
      }
    /** Somebody else is finding out. */
    | { readonly kind: 'waiting'; readonly on: AgentId; readonly until: Millis }
    /** `overtaken`: what was purged since the request left. Its answer may be from before. */
    | { readonly kind: 'resolving'; readonly flow: FlowId; readonly overtaken: PurgeTarget[] }
}

export interface ResolvingHost {
  /** A version of the key became known: makes or finds its swarm, and answers the wishes. */
  known(head: SignedHead, url: string | null, wishes: Iterable<WishId>): void
  /** The newest head for a key that is still fresh. */
  fresh(key: KeyHash): SignedHead | null
  /** Whether a purge says that this is not to be taken any more. */
  isPurged(head: SignedHead): boolean
  /** Whether a peer has shown that it knows of the transfer. */
  isInterested(peer: AgentId, transfer: TransferId): boolean
}

/** A head to be passed on, to whoever of those that asked does not have it by then. */
interface Relay {
  readonly at: Millis
  readonly to: readonly AgentId[]
  readonly head: SignedHead
}

export class Resolving {
  readonly #searches = new Map<KeyHash, Search>()
  readonly #notShared = new Map<KeyHash, { until: Millis; reason: string }>()
  readonly #serials = new Map<KeyHash, number>()
  readonly #relays: Relay[] = []
  readonly #meeting: MeetingPoints
  readonly #around: Around
  readonly #host: ResolvingHost

  constructor(around: Around, host: ResolvingHost) {
    this.#around = around
    this.#host = host
    this.#meeting = new MeetingPoints(around)
  }

  wanted(wish: WishId, key: KeyHash, url: string, rangeFirst: boolean, now: Millis): void {
    const fresh = this.#host.fresh(key)
    if (fresh !== null) {
      this.#host.known(fresh, url, [wish])
      return
    }
    const not = this.#notShared.get(key)
    if (not !== undefined && not.until > now) {
      this.#around.effect({ type: 'pass-wish', wish, reason: not.reason })
      return
    }
    const search = this.#search(key, url, rangeFirst, now)
    search.wishes.add(wish)
  }

  dropped(wish: WishId): void {
    for (const search of this.#searches.values()) search.wishes.delete(wish)
  }

  /**
   * The answer to our own upstream request. @returns whether its body is of use: with a gateway at the site, what
   * turned out to be worth sharing only now is left to it, because it must see the bytes to sign them.
   */
  resolved(key: KeyHash, head: SignedHead, now: Millis): boolean {
    const search = this.#searches.get(key)
    const gateway = this.#gateways().find(peer => search?.useless.has(peer) !== true)
    if (search !== undefined && gateway !== undefined && !search.rangeFirst && search.url !== null) {
      search.rangeFirst = true
      search.state = { kind: 'waiting', on: gateway, until: now + resolveWaitMs }
      this.#say([gateway], { type: 'ask', key, url: search.url })
      return false
    }
    if (
      search?.state.kind === 'resolving' &&
      search.state.overtaken.some(target => isOf(target, head.head))
    ) {
      this.#resolve(search)
      return false
    }
    this.#serials.set(key, Math.max(head.signed.serial, this.#serials.get(key) ?? 0))
    this.#say([...(search?.askers ?? [])], { type: 'head', head })
    this.#finish(key, head)
    return true
  }

  notResolved(key: KeyHash, reason: string, failed: boolean, now: Millis): void {
    if (!failed) this.#notShared.set(key, { until: now + notSharedMs, reason })
    const search = this.#searches.get(key)
    if (search === undefined) return
    for (const wish of search.wishes) this.#around.effect({ type: 'pass-wish', wish, reason })
    this.#say([...search.askers], { type: 'not-shared', key, reason, failed })
    this.#searches.delete(key)
  }

  /** What was found out about this before is not true any more. */
  purged(target: PurgeTarget): void {
    for (const key of this.#notShared.keys()) if (mayBe(target, key)) this.#notShared.delete(key)
    for (const { key, state } of this.#searches.values())
      if (state.kind === 'resolving' && mayBe(target, key)) state.overtaken.push(target)
    const relays = this.#relays.splice(0).filter(({ head }) => !this.#host.isPurged(head))
    this.#relays.push(...relays)
  }

  // ------------------------------------------------------------------------------------------- peers

  asked(peer: AgentId, key: KeyHash, url: string | null, now: Millis): void {
    const fresh = this.#host.fresh(key)
    if (fresh !== null) {
      this.#say([peer], { type: 'head', head: fresh })
      if (url !== null) this.#host.known(fresh, url, [])
      return
    }
    const not = this.#notShared.get(key)
    if (not !== undefined && not.until > now) {
      this.#say([peer], { type: 'not-shared', key, reason: not.reason, failed: false })
      return
    }
    let search = this.#searches.get(key)
    if (search === undefined && this.#around.role === 'gateway' && url !== null) {
      search = this.#search(key, url, true, now)
    }
    if (search === undefined) {
      const by = this.#isLargeSite() ? this.#meeting.asked(key, peer) : null
      this.#say([peer], by === null ? { type: 'unknown-key', key } : { type: 'asked-before', key, by })
      return
    }
    search.askers.add(peer)
    if (search.state.kind === 'asking') {
      this.#say([peer], { type: 'looking', key, stage: 'asking', by: this.#around.self })
      if (this.#around.role === 'gateway' && !this.#isGateway(peer)) return
      search.state.rivals.add(peer)
      if (this.#goesBefore(peer, search)) {
        // It may have begun after our own question reached it, so it has to hear that we wait for its answer.
        this.#say([peer], { type: 'ask', key, url: null })
        this.#waitFor(search, peer, now)
      }
    } else if (search.state.kind === 'resolving')
      this.#say([peer], { type: 'looking', key, stage: 'resolving', by: this.#around.self })
    else this.#say([peer], { type: 'looking', key, stage: 'asking', by: search.state.on })
  }

  said(peer: AgentId, message: SwarmMessage, now: Millis): void {
    if (message.type === 'head') {
      if (!this.#host.isPurged(message.head)) this.#heardHead(message.head, now)
      else this.#offeredOld(peer, keyHashOf(message.head.head.key), now)
      return
    }
    if (message.type === 'asked-before') {
      const search = this.#searches.get(message.key)
      if (search?.state.kind !== 'asking') return
      search.state.silent.delete(peer)
      // One is enough: he knows the others.
      if (search.dialled.size === 0 || search.dialled.has(peer)) this.#meet(search, [message.by], now)
      return
    }
    if (message.type !== 'looking' && message.type !== 'unknown-key' && message.type !== 'not-shared') return
    const search = this.#searches.get(message.key)
    if (search === undefined) return
    if (message.type === 'not-shared') {
      if (message.failed || search.state.kind === 'resolving') this.#lost(search, peer, now)
      else this.notResolved(message.key, message.reason, false, now)
    } else if (message.type === 'looking') this.#heardLooking(search, peer, message.stage, message.by, now)
    else if (search.state.kind === 'asking') search.state.silent.delete(peer)
  }

  /** Who was dialled for a key is asked for it. */
  joined(peer: AgentId): void {
    for (const search of this.#searches.values())
      if (search.dialled.has(peer) && search.state.kind === 'asking')
        this.#say([peer], { type: 'ask', key: search.key, url: null })
  }

  left(peer: AgentId, now: Millis): void {
    this.#meeting.left(peer)
    for (const search of this.#searches.values()) {
      search.askers.delete(peer)
      this.#lost(search, peer, now)
    }
  }

  // ------------------------------------------------------------------------------------------- the turn

  /** @returns when it next wants to be called. */
  advance(now: Millis): Millis | null {
    let wake = this.#relayDue(now)
    for (const [key, not] of this.#notShared) if (not.until <= now) this.#notShared.delete(key)
    for (const search of this.#searches.values()) {
      if (search.state.kind === 'resolving') continue
      if (search.wishes.size === 0 && search.askers.size === 0) {
        this.#searches.delete(search.key)
        continue
      }
      const at = this.#dueAt(search, now)
      if (at <= now && this.#isLonely(search)) this.#meet(search, this.#meeting.of(search.key), now)
      const dueAt = this.#dueAt(search, now)
      if (dueAt <= now) this.#resolve(search)
      else if (wake === null || dueAt < wake) wake = dueAt
    }
    return wake
  }

  /** No neighbour knows the key, and nobody at the usual places has been asked yet. Only a download is worth the wait. */
  #isLonely({ state, dialled, rangeFirst }: Search): boolean {
    if (state.kind !== 'asking' || state.rivals.size > 0 || dialled.size > 0 || !rangeFirst) return false
    return this.#isLargeSite() && this.#around.role !== 'gateway' && this.#gateways().length === 0
  }

  /** Dials these and waits for what they say; those who are neighbours have been asked. */
  #meet(search: Search, agents: readonly AgentId[], now: Millis): void {
    if (search.state.kind !== 'asking') return
    const { self, peers } = this.#around
    const strangers = agents.filter(id => id !== self && !search.dialled.has(id) && !search.useless.has(id))
    for (const id of strangers) {
      search.dialled.add(id)
      if (peers.has(id)) continue
      search.state.silent.add(id)
      this.#around.effect({ type: 'dial', peer: id })
    }
    search.state = { ...search.state, until: now + meetingWaitMs }
  }

  /** When this agent asks upstream itself if nothing else comes. */
  #dueAt(search: Search, now: Millis): Millis {
    if (search.state.kind === 'waiting') return search.state.until
    if (search.state.kind === 'resolving') return Infinity
    const { silent, rivals, until, since } = search.state
    if (silent.size > 0 && now < until) return until
    if (this.#isLargeSite() && now < since + largeResolveWaitMs) return since + largeResolveWaitMs
    if (rivals.size === 0) return now
    const rank = rankOf(
      { id: this.#around.self, weight: 1 },
      [...rivals].map(id => ({ id, weight: 1 })),
      hash32(search.key)
    )
    return rank === 0 ? now : until + rank * resolveStaggerMs
  }

  #search(key: KeyHash, url: string, rangeFirst: boolean, now: Millis): Search {
    let search = this.#searches.get(key)
    if (search !== undefined) {
      search.url ??= url
      return search
    }
    search = {
      key,
      url,
      rangeFirst,
      wishes: new Set(),
      askers: new Set(),
      useless: new Set(),
      dialled: new Set(),
      state: { kind: 'asking', since: now, until: now, silent: new Set(), rivals: new Set() }
    }
    this.#searches.set(key, search)
    this.#ask(search, now)
    return search
  }

  #ask(search: Search, now: Millis): void {
    const { key, url } = search
    const peers = [...this.#around.peers.keys()].filter(peer => !search.useless.has(peer))
    const gateways = peers.filter(peer => this.#isGateway(peer))
    // A gateway waits for no agent: it is they who wait for it.
    const others = this.#around.role === 'gateway' ? [] : peers.filter(peer => !this.#isGateway(peer))
    const waitMs = gateways.length > 0 && this.#around.role !== 'gateway' ? askGatewayWaitMs : askWaitMs
    search.state = {
      kind: 'asking',
      since: now,
      until: now + waitMs,
      silent: new Set([...gateways, ...others]),
      rivals: new Set()
    }
    // Only what is surely a download is worth a gateway's request: it would fetch every small page once more.
    this.#say(gateways, {
      type: 'ask',
      key,
      url: search.rangeFirst && this.#around.role !== 'gateway' ? url : null
    })
    this.#say(others, { type: 'ask', key, url: null })
  }

  #resolve(search: Search): void {
    if (search.url === null) {
      this.#searches.delete(search.key)
      return
    }
    const flow = this.#around.nextId()
    search.state = { kind: 'resolving', flow, overtaken: [] }
    this.#say([...search.askers], {
      type: 'looking',
      key: search.key,
      stage: 'resolving',
      by: this.#around.self
    })
    this.#around.effect({ type: 'resolve', key: search.key, url: search.url, flow })
  }

  #heardHead(head: SignedHead, now: Millis): void {
    const key = keyHashOf(head.head.key)
    const search = this.#searches.get(key)
    if (search === undefined || now >= Math.max(head.signed.expiresAt, head.signed.issuedAt + headInTimeMs))
      return
    // While a gateway is finding out, its word counts and not a member's.
    const fromMember = this.#around.peers.get(head.signed.issuer)?.role === 'agent'
    if (fromMember && search.state.kind === 'waiting' && this.#isGateway(search.state.on)) return
    // A head older than one we have seen is a rollback, however well it is signed.
    if (head.signed.serial < (this.#serials.get(key) ?? 0)) return
    this.#serials.set(key, head.signed.serial)
    const askers = [...search.askers]
    if (this.#isLargeSite()) this.#say(askers, { type: 'head', head })
    // In a full mesh they asked whom we asked, so they have just heard the same.
    else this.#relays.push({ at: now + relayHeadMs, to: askers, head })
    this.#finish(key, head)
  }

  /** It has not heard of the purge: of no more use for this key than one who does not know it. */
  #offeredOld(peer: AgentId, key: KeyHash, now: Millis): void {
    const search = this.#searches.get(key)
    if (search !== undefined) this.#lost(search, peer, now)
  }

  #heardLooking(
    search: Search,
    peer: AgentId,
    stage: 'asking' | 'resolving',
    by: AgentId,
    now: Millis
  ): void {
    const { state } = search
    if (state.kind === 'resolving') return
    if (this.#around.role === 'gateway' && !this.#isGateway(peer)) return
    if (stage === 'resolving' || (this.#isGateway(peer) && this.#around.role !== 'gateway')) {
      if (state.kind !== 'waiting' || !this.#isGateway(state.on)) this.#waitFor(search, peer, now)
      return
    }
    if (state.kind === 'asking') {
      state.silent.delete(peer)
      state.rivals.add(peer)
    }
    if (by === this.#around.self || search.useless.has(by)) return
    // In a large site the best candidate may be somebody whom only others hear: word of it spreads from asker to asker.
    const best = state.kind === 'waiting' ? state.on : this.#around.self
    if (
      !this.#isGateway(best) &&
      isBefore({ id: by, weight: 1 }, { id: best, weight: 1 }, hash32(search.key))
    )
      this.#waitFor(search, by, now)
  }

  #waitFor(search: Search, on: AgentId, now: Millis): void {
    search.state = { kind: 'waiting', on, until: now + this.#patienceMs(search) }
    if (this.#isLargeSite())
      this.#say([...search.askers], { type: 'looking', key: search.key, stage: 'asking', by: on })
  }

  #isLargeSite(): boolean {
    return isLargeSite(this.#around)
  }

  /** A peer cannot tell us (any more): if it was the one we waited for, the others come to a new agreement. */
  #lost(search: Search, peer: AgentId, now: Millis): void {
    search.useless.add(peer)
    if (search.state.kind === 'asking') {
      search.state.silent.delete(peer)
      search.state.rivals.delete(peer)
    } else if (search.state.kind === 'waiting' && search.state.on === peer) this.#ask(search, now)
  }

  #patienceMs(search: Search): Millis {
    return resolveWaitMs + this.#rank(search) * resolveStaggerMs
  }

  /** Among all peers: who else waits for the same is not known for sure. */
  #rank(search: Search): number {
    const candidates = [...this.#around.peers.keys()].map(id => ({ id, weight: 1 }))
    return rankOf({ id: this.#around.self, weight: 1 }, candidates, hash32(search.key))
  }

  #goesBefore(peer: AgentId, search: Search): boolean {
    return isBefore({ id: peer, weight: 1 }, { id: this.#around.self, weight: 1 }, hash32(search.key))
  }

  #isGateway(peer: AgentId): boolean {
    return this.#around.peers.get(peer)?.role === 'gateway'
  }

  #gateways(): AgentId[] {
    return [...this.#around.peers.keys()].filter(peer => this.#isGateway(peer))
  }

  #finish(key: KeyHash, head: SignedHead): void {
    const search = this.#searches.get(key)
    this.#searches.delete(key)
    this.#host.known(head, search?.url ?? null, search?.wishes ?? [])
  }

  /** @returns when the next relay is due. */
  #relayDue(now: Millis): Millis | null {
    while (this.#relays[0] !== undefined && this.#relays[0].at <= now) {
      const { to, head } = this.#relays.shift()!
      const without = to.filter(
        peer => this.#around.peers.has(peer) && !this.#host.isInterested(peer, head.transfer)
      )
      this.#say(without, { type: 'head', head })
    }
    return this.#relays[0]?.at ?? null
  }

  #say(to: readonly AgentId[], message: SwarmMessage): void {
    if (to.length > 0) this.#around.effect({ type: 'say', to, message })
  }
}

/** The class of a key is not known before its head is. */
function mayBe(target: PurgeTarget, key: KeyHash): boolean {
  return target.kind === 'class' || target.key === key
}
