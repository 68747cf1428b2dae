/**
 * Chunks asked of peers: which one next, of whom, and what becomes of each request. Decides nothing about upstream.
 */
import type { Span } from '@starling/shared/chunking.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Digest } from '@starling/shared/manifest.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { Around } from './around.ts'
import { ChunkPicker } from './chunk-picker.ts'
import type { FetchFailure, FetchId } from './events.ts'
import {
  busyRetryMs,
  failureCooldownMs,
  fetchMsMax,
  hedgeWindowChunks,
  unprovenFetchMsMin
} from './limits.ts'
import type { Members } from './members.ts'
import { choosePeer, type Load } from './source-choice.ts'

export interface FetchingSwarm {
  readonly transfer: TransferId
  readonly members: Members
  chunkLength(chunk: number): Bytes
  digestOf(chunk: number): Digest | undefined
  /** Wanted, not here, with somebody who has it and a digest that says what it must be. */
  isWanted(chunk: number): boolean
  /** Its one source is this gateway beyond the site: a claim of ours draws it from there. Null: any holder. */
  drawnFrom(chunk: number): AgentId | null
  /** Where clients wait: these come first and in order. */
  windows(): readonly Span[]
  /** Whether anything beyond the windows is fetched. */
  backgroundToo(): boolean
}

interface Fetch {
  readonly id: FetchId
  readonly chunk: number
  readonly peer: AgentId
  readonly startedAt: Millis
}

/** After so many chunks in a row that nobody could be asked for, the rest is left for the next turn. */
const attemptsMax = 8

export class Fetching {
  readonly #swarm: FetchingSwarm
  readonly #around: Around
  readonly #picker: ChunkPicker
  readonly #byId = new Map<FetchId, Fetch>()
  /** One request, or two when the first is late. */
  readonly #byChunk = new Map<number, Fetch[]>()
  readonly #byPeer = new Map<AgentId, number>()

  constructor(swarm: FetchingSwarm, chunks: number, around: Around) {
    this.#swarm = swarm
    this.#around = around
    this.#picker = new ChunkPicker(chunks)
  }

  get size(): number {
    return this.#byId.size
  }
  /** The requests that are under way. */
  open(): ReadonlyArray<{ readonly chunk: number; readonly peer: AgentId }> {
    return [...this.#byId.values()]
  }
  isFetching(chunk: number): boolean {
    return this.#byChunk.has(chunk)
  }
  /** When the latest request for the chunk left. */
  startedAt(chunk: number): Millis | undefined {
    return this.#byChunk.get(chunk)?.at(-1)?.startedAt
  }
  owns(fetch: FetchId): boolean {
    return this.#byId.has(fetch)
  }

  /** Something about the chunk changed: it goes into the bag of what can be asked for, or out of it. */
  refresh(chunk: number): void {
    if (!this.#byChunk.has(chunk) && this.#swarm.isWanted(chunk)) this.#picker.add(chunk)
    else this.#picker.remove(chunk)
  }

  /** Asks for as much as slots allow. @returns when to try again, if something must wait for a resting peer. */
  fetchMore(now: Millis): Millis | null {
    const givenUpAt = this.#giveUp(now)
    let attempts = 0
    let again: Millis | null = null
    const passedOver = new Set<number>()
    const { lanDown } = this.#around
    while (this.#hasRoom() && attempts < attemptsMax) {
      if (lanDown.freeAt() > now) {
        again = lanDown.freeAt()
        break
      }
      const chunk = this.#next(passedOver)
      if (chunk === null) break
      const peer = this.#choose(chunk, now)
      if (peer !== null) {
        this.#ask(chunk, peer, now)
        continue
      }
      attempts++
      passedOver.add(chunk)
      const freeAt = this.#freeAt(chunk, now)
      if (again === null || freeAt < again) again = freeAt
    }
    for (const at of [this.#hedge(now), givenUpAt])
      if (at !== null && (again === null || at < again)) again = at
    return again
  }

  /** A request that has had no answer for long has failed. @returns when the next one will have. */
  #giveUp(now: Millis): Millis | null {
    let next: Millis | null = null
    for (const { id, chunk, peer, startedAt } of this.#byId.values()) {
      // What comes over the WAN takes its time.
      if (this.#swarm.drawnFrom(chunk) !== null) continue
      const at = startedAt + this.#patienceMs(peer)
      if (at <= now && this.#around.isAwake) {
        this.#around.effect({ type: 'cancel-fetch', fetch: id })
        this.failed(id, 'timeout', 0, now)
      } else if (next === null || at < next) next = at
    }
    return next
  }

  /** Where a client waits, a request that is later than its peer's usual is made once more elsewhere; the first answer wins. */
  #hedge(now: Millis): Millis | null {
    let next: Millis | null = null
    for (const { start, end } of this.#swarm.windows()) {
      for (let chunk = start; chunk < Math.min(end, start + hedgeWindowChunks); chunk++) {
        const [first, second] = this.#byChunk.get(chunk) ?? []
        if (first === undefined || second !== undefined || !this.#hasRoom()) continue
        if (this.#swarm.drawnFrom(chunk) !== null || this.#around.lanDown.freeAt() > now) continue
        const lateAt = first.startedAt + this.#around.scores.lateAfterMs(first.peer)
        if (lateAt > now) {
          if (next === null || lateAt < next) next = lateAt
          continue
        }
        const { scores, prng } = this.#around
        const others = this.#swarm.members
          .holdersOf(chunk)
          .filter(peer => peer !== first.peer && !scores.isTroubled(peer))
        const peer = choosePeer(others, this.#load(), scores, prng, now)
        if (peer !== null) this.#ask(chunk, peer, now)
      }
    }
    return next
  }

  /** Perhaps one who has never delivered only says that it has things; but where all are slow, so may it be. */
  #patienceMs(peer: AgentId): Millis {
    const { scores, requests } = this.#around
    if (scores.isProven(peer)) return fetchMsMax
    return Math.min(fetchMsMax, Math.max(unprovenFetchMsMin, requests.usualMs * 4))
  }

  /** The chunk is here, by whatever road: a request for it that is still open is not needed any more. */
  have(chunk: number): void {
    for (const fetch of this.#byChunk.get(chunk) ?? []) {
      this.#around.effect({ type: 'cancel-fetch', fetch: fetch.id })
      this.#around.scores.ended(fetch.peer)
      this.#forget(fetch)
    }
  }

  delivered(id: FetchId, from: AgentId, now: Millis): void {
    const fetch = this.#byId.get(id)
    if (fetch === undefined) return this.#around.scores.cameThrough(from)
    const tookMs = now - fetch.startedAt
    this.#around.scores.delivered(fetch.peer, this.#swarm.chunkLength(fetch.chunk), tookMs)
    if (this.#around.peers.get(fetch.peer)?.far === false) this.#around.requests.delivered(tookMs)
    this.#forget(fetch)
  }

  /** @returns the chunk that the request was for; null: it was not wanted any more. */
  failed(id: FetchId, reason: FetchFailure, retryAfterMs: Millis, now: Millis): number | null {
    const fetch = this.#byId.get(id)
    if (fetch === undefined) return null
    const { scores } = this.#around
    this.#forget(fetch)
    if (reason === 'busy') scores.busy(fetch.peer, Math.max(busyRetryMs, retryAfterMs), now)
    else if (reason === 'gone') {
      scores.ended(fetch.peer)
      this.#swarm.members.hasNot(fetch.peer, fetch.chunk)
    } else if (reason === 'corrupt') this.#blame(fetch, now)
    else scores.failed(fetch.peer, now)
    this.refresh(fetch.chunk)
    return fetch.chunk
  }

  peerLeft(peer: AgentId): void {
    for (const fetch of this.#byId.values()) {
      if (fetch.peer !== peer) continue
      this.#around.effect({ type: 'cancel-fetch', fetch: fetch.id })
      this.#forget(fetch)
      this.refresh(fetch.chunk)
    }
  }

  stop(): void {
    for (const fetch of this.#byId.values()) {
      this.#around.effect({ type: 'cancel-fetch', fetch: fetch.id })
      this.#around.scores.ended(fetch.peer)
      this.#forget(fetch)
      this.refresh(fetch.chunk)
    }
  }

  #hasRoom(): boolean {
    return this.#around.requests.hasRoom(this.#around.policy().downloadSlots)
  }

  #next(passedOver: ReadonlySet<number>): number | null {
    if (this.#picker.size <= passedOver.size) return null
    for (const window of this.#swarm.windows()) {
      for (let from = window.start; from < window.end; from++) {
        const chunk = this.#picker.nextInWindow(from, window.end)
        if (chunk === null) break
        if (!passedOver.has(chunk)) return chunk
        from = chunk
      }
    }
    if (!this.#swarm.backgroundToo()) return null
    const rarest = this.#picker.rarest(chunk => this.#swarm.members.holders(chunk), this.#around.prng)
    return rarest === null || passedOver.has(rarest) ? null : rarest
  }

  #choose(chunk: number, now: Millis): AgentId | null {
    const { members } = this.#swarm
    const { scores, prng } = this.#around
    const load = this.#load()
    const far = this.#swarm.drawnFrom(chunk)
    if (far !== null) return choosePeer([far], load, scores, prng, now)
    const holders = members.holdersOf(chunk)
    if (members.onlyGatewaysHave(chunk)) return choosePeer(holders, load, scores, prng, now)
    // A gateway is one port for the whole site: it is asked only when no agent that has the chunk is of use.
    const agents = holders.filter(peer => members.get(peer)?.role !== 'gateway')
    const useless = agents.every(
      peer => scores.banned(peer, now) || scores.restsUntil(peer) > now + failureCooldownMs
    )
    return choosePeer(useless ? holders : agents, load, scores, prng, now)
  }

  #load(): Load {
    return { total: this.#byId.size, at: peer => this.#byPeer.get(peer) ?? 0 }
  }

  /** When one of the chunk's holders stops resting; a little later if all are merely full. */
  #freeAt(chunk: number, now: Millis): Millis {
    let soonest = now + 1000
    const far = this.#swarm.drawnFrom(chunk)
    for (const peer of far === null ? this.#swarm.members.holdersOf(chunk) : [far]) {
      const at = this.#around.scores.restsUntil(peer)
      if (at > now && at < soonest) soonest = at
    }
    return soonest
  }

  #ask(chunk: number, peer: AgentId, now: Millis): void {
    const digest = this.#swarm.digestOf(chunk)
    if (digest === undefined) return
    const fetch: Fetch = { id: this.#around.nextId(), chunk, peer, startedAt: now }
    this.#around.requests.open++
    this.#around.lanDown.take(this.#swarm.chunkLength(chunk), now)
    this.#byId.set(fetch.id, fetch)
    const others = this.#byChunk.get(chunk)
    if (others === undefined) this.#byChunk.set(chunk, [fetch])
    else others.push(fetch)
    this.#byPeer.set(peer, (this.#byPeer.get(peer) ?? 0) + 1)
    this.#picker.remove(chunk)
    this.#around.scores.asked(peer)
    this.#around.effect({
      type: 'fetch-chunk',
      fetch: fetch.id,
      transfer: this.#swarm.transfer,
      chunk,
      digest,
      peer
    })
  }

  #blame(fetch: Fetch, now: Millis): void {
    const { scores } = this.#around
    const strikes = scores.corrupt(fetch.peer, now)
    this.#swarm.members.hasNot(fetch.peer, fetch.chunk)
    this.#around.effect({
      type: 'report',
      fact: {
        what: 'peer-blamed',
        peer: fetch.peer,
        transfer: this.#swarm.transfer,
        chunk: fetch.chunk,
        strikes
      }
    })
    if (!scores.banned(fetch.peer, now)) return
    const until = scores.bannedUntil(fetch.peer)
    this.#around.effect({
      type: 'report',
      fact: { what: 'peer-banned', peer: fetch.peer, until, reason: 'sent corrupt chunks' }
    })
    this.#around.effect({ type: 'hang-up', peer: fetch.peer, reason: 'sent corrupt chunks' })
  }

  #forget(fetch: Fetch): void {
    this.#around.requests.open--
    this.#byId.delete(fetch.id)
    const left = this.#byChunk.get(fetch.chunk)?.filter(other => other !== fetch) ?? []
    if (left.length === 0) this.#byChunk.delete(fetch.chunk)
    else this.#byChunk.set(fetch.chunk, left)
    const open = (this.#byPeer.get(fetch.peer) ?? 1) - 1
    if (open === 0) this.#byPeer.delete(fetch.peer)
    else this.#byPeer.set(fetch.peer, open)
  }
}
