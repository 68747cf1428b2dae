/**
 * One copy over the WAN: which extents this agent fetches from upstream, when it starts, when it yields, and when it
 * takes over from others. protocol: docs/PROTOCOL.md, "Claims".
 *
 * Only as many extents are open to be claimed as the site has free upstream slots, the first ones that nobody has or
 * fetches, so that chunks arrive nearly in order and few flows share the line. Each of them belongs to the agent that
 * ranks first for it; the others wait a little longer each.
 */
import { chunksOf, extentOf } from '@starling/shared/chunking.ts'
import { hash32, mix32 } from '@starling/shared/prng.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { Claim } from '@starling/shared/wire.ts'
import { isLargeSite, type Around } from './around.ts'
import { ClaimTelling, type SayClaim } from './claim-telling.ts'
import { Claims } from './claims.ts'
import type { FlowEnd, FlowId } from './events.ts'
import type { Fetchers } from './fetchers.ts'
import { GatewayWatch } from './gateway-watch.ts'
import {
  backgroundSlotsShare,
  claimStaggerMs,
  farFlowsMax,
  firstFlowsMax,
  fetchersMax,
  gatewayPatienceMs,
  upstreamRetryMs,
  upstreamRetryMsMax
} from './limits.ts'
import type { Members } from './members.ts'
import { OpenExtents, type Surroundings } from './open-extents.ts'
import { extentAt, move, OwnFlows, type Flow } from './own-flows.ts'
import { isBefore, type Candidate } from './rendezvous.ts'

/** What claiming needs to know of its swarm. */
export interface ClaimingSwarm extends Surroundings {
  readonly transfer: TransferId
  readonly chunkBytes: Bytes
  readonly members: Members
  readonly fetchers: Fetchers
  url(): string | null
  /** This agent has the chunk and tells so. */
  kept(chunk: number): boolean
  /** A gateway beyond the site that has the chunk and is of use; null: none. */
  farSource(chunk: number): AgentId | null
  /** Requests to peers for this chunk that are under way are not wanted any more. */
  cancelFetches(chunk: number): void
  /** Nobody of the site waits for it. */
  isBackground(): boolean
  readonly say: SayClaim
  /** Chunks no longer (or newly) under a flow of ours: may they be asked of peers? */
  refresh(first: number, end: number): void
}

export type HoldsBack =
  | 'no-address'
  | 'upstream-refused'
  | 'wan-forbidden'
  | 'one-whole-answer'
  | 'waits-for-peers-back'
  | 'waits-for-gateway'
  | 'not-a-fetcher'
  | 'upstream-failed'

export class Claiming {
  readonly claims: Claims
  readonly gateway: GatewayWatch
  readonly farGateway: GatewayWatch
  readonly #open: OpenExtents
  readonly #telling: ClaimTelling
  readonly #swarm: ClaimingSwarm
  readonly #around: Around
  readonly #seed: number
  readonly #flows = new OwnFlows()
  /** Since when an extent has been open to be claimed, as we see it. */
  readonly #openSince = new Map<number, Millis>()
  /** When something last came to the site, as far as we know. */
  #movedAt: Millis = 0
  /** Some chunk has shown up at the site. */
  #hasBegun = false
  #failures = 0
  #retryAt: Millis = 0
  /** Since when we may begin anything; null: a gateway is waited for, say. The ranks are counted from there on, or all would begin at once. */
  #freeSince: Millis | null = 0
  #refused = false
  /** The upstream sends everything whatever we ask: one flow for the whole site is enough. */
  #wholeOnly = false

  constructor(swarm: ClaimingSwarm, around: Around) {
    this.#swarm = swarm
    this.#around = around
    this.#seed = hash32(swarm.transfer)
    this.claims = new Claims(swarm.chunkBytes)
    this.gateway = new GatewayWatch(around.peers, false)
    this.farGateway = new GatewayWatch(around.peers, true)
    this.#telling = new ClaimTelling(around.self, this.claims, swarm.say)
    this.#open = new OpenExtents(swarm, this.claims)
  }

  get refused(): boolean {
    return this.#refused
  }
  get flowing(): boolean {
    return this.#flows.size > 0
  }
  hasFlow(flow: FlowId): boolean {
    return this.#flows.has(flow)
  }

  /** Those that are not cancelled. */
  ownFlows(): ReadonlyArray<Pick<Flow, 'next' | 'end' | 'via'>> {
    return [...this.#flows.live()]
  }

  /** Whether a flow of ours is going to fill this chunk in its present extent. */
  covers(chunk: number): boolean {
    return this.#flows.covers(chunk)
  }

  /** The gateway beyond the site that a flow of ours takes this chunk from now; null: none does. */
  drawnFrom(chunk: number): AgentId | null {
    return this.#flows.drawing(chunk)?.via ?? null
  }

  /** Since when the extent is known to be nobody's; 0: it is not. */
  openSince(extent: number): Millis {
    return this.#openSince.get(extent) ?? 0
  }

  /** How many of the fetchers go before us for this extent. */
  rank(extent: number): number {
    return this.#swarm.fetchers.rank(this.#self(), mix32(this.#seed ^ extent))
  }

  // ------------------------------------------------------------------------------------------- what is heard

  /** @returns whether there is a new claim in the book. */
  heard(claim: Claim, from: Candidate, now: Millis): boolean {
    const { scores } = this.#around
    if (chunksOf(claim.extent, this.#swarm.chunks).start >= this.#swarm.chunks) return false
    // What it fetches it gives to nobody.
    if (scores.isTroubled(claim.claimant)) return false
    this.claims.heardOf(claim)
    const record = this.claims.of(claim.extent)
    // Who brought nothing of one claim does not get the next.
    if (scores.isIdle(claim.claimant, now) && record?.claimant !== claim.claimant) return false
    if (record === undefined) {
      if (this.claims.isHopeless(claim.extent, claim.claimant)) return false
      this.claims.set(claim, now)
      return true
    }
    if (record.claimant === claim.claimant) {
      this.claims.progress(claim, this.#chunksSeen(claim.extent, claim.claimant), now)
      return false
    }
    const isOurs = record.claimant === this.#around.self
    const holder = isOurs ? this.#self() : this.#candidate(record.claimant)
    const theirBytes = Math.min(
      claim.bytesDone,
      (this.#chunksSeen(claim.extent, claim.claimant) + 1) * this.#swarm.chunkBytes
    )
    const mayWin =
      !isOurs || !(this.#escaping(claim.extent) || this.claims.wasVoid(claim.extent, claim.claimant))
    if (!mayWin || !this.#wins(theirBytes, from, record.bytesDone, holder, claim.extent)) {
      if (isOurs) this.#telling.sayAgain(record.extent, record.bytesDone, now)
      return false
    }
    if (isOurs) {
      this.#yieldExtent(claim.extent)
      this.#around.effect({
        type: 'report',
        fact: { what: 'claim-lost', transfer: this.#swarm.transfer, extent: claim.extent, to: from.id }
      })
    }
    this.claims.release(claim.extent, record.claimant)
    this.claims.set(claim, now)
    return true
  }

  released(claim: Claim, now: Millis): void {
    if (this.claims.release(claim.extent, claim.claimant)) this.#openSince.set(claim.extent, now)
  }

  left(peer: AgentId, now: Millis): void {
    for (const extent of this.claims.dropClaimant(peer)) this.#openSince.set(extent, now)
    this.gateway.left()
    this.farGateway.left()
    for (const flow of this.#flows.live()) if (flow.via === peer) this.ended(flow.id, 'cancelled', now)
  }

  /** A peer is the first at the site to have a chunk: it does fetch what it claims. */
  brought(peer: AgentId, chunk: number): void {
    this.#around.scores.brought(peer)
    this.claims.brought(extentOf(chunk), peer)
  }

  /** A chunk of the extent showed up somewhere at the site. */
  showed(chunk: number, now: Millis): void {
    const extent = extentOf(chunk)
    const record = this.claims.of(extent)
    this.#movedAt = now
    this.#hasBegun = true
    if (record === undefined) return
    this.claims.showed(extent, now)
    if (record.claimant !== this.#around.self && !this.#open.isMissing(extent))
      this.claims.release(extent, record.claimant)
  }

  /** Claims in force, for a newcomer; ours only if it gets what we fetch. */
  inForce(withOurs: boolean): Claim[] {
    return [...this.claims.all()]
      .filter(({ claimant }) => withOurs || claimant !== this.#around.self)
      .slice(0, 64)
      .map(({ extent, claimant, sequence, bytesDone }) => ({ extent, claimant, sequence, bytesDone }))
  }

  // ------------------------------------------------------------------------------------------- own flows

  /** A flow that began by resolving the key: its first extent counts as claimed. */
  adopt(id: FlowId, firstChunk: number, endChunk: number, now: Millis): void {
    const flow = this.#flows.add(id, firstChunk, endChunk, { escapes: false, via: null })
    const extent = extentOf(firstChunk)
    // Taken already, or here: the key was only asked about again because its head had grown old.
    if (this.claims.of(extent) !== undefined || !this.#open.isMissingHere(extent))
      return this.#cancel(flow, false)
    this.#claim(extent, now)
    // Nobody has said `interested` yet, but those who waited for the head will want just this in a moment.
    this.#telling.claimToAll(extent)
  }

  progress(id: FlowId, bytes: Bytes, now: Millis): void {
    const flow = this.#flows.get(id)
    if (flow === undefined || flow.cancelled) return
    flow.bytes = bytes
    this.#noteOwn(extentOf(flow.next), bytes - flow.bytesBefore, now)
  }

  /** A chunk of a flow of ours is stored. */
  filled(id: FlowId, chunk: number, now: Millis): void {
    const flow = this.#flows.get(id)
    this.#failures = 0
    if (flow === undefined) return
    flow.next = chunk + 1
    flow.bytes = Math.max(flow.bytes, flow.bytesBefore + (flow.next - flow.from) * this.#swarm.chunkBytes)
    const extent = extentOf(chunk)
    this.#noteOwn(extent, flow.bytes - flow.bytesBefore, now)
    if (flow.next >= flow.end || extentOf(flow.next) === extent) return
    this.claims.release(extent, this.#around.self)
    flow.bytesBefore = flow.bytes
    flow.from = flow.next
    this.#enter(flow, now)
  }

  /** A chunk came from a peer. If it is what a flow draws from a gateway, the next one is asked for. */
  drawn(chunk: number, now: Millis): void {
    const flow = this.#flows.drawing(chunk)
    if (flow === null) return
    this.filled(flow.id, chunk, now)
    if (flow.next >= flow.end || this.#swarm.farSource(flow.next) === null) this.ended(flow.id, 'done', now)
    else this.#swarm.refresh(flow.next, flow.next + 1)
  }

  /** A request to a peer failed. What a flow does not get from a gateway is left to whoever can. */
  notDrawn(chunk: number, now: Millis): void {
    const flow = this.#flows.drawing(chunk)
    if (flow !== null) this.ended(flow.id, 'cancelled', now)
  }

  moved(id: FlowId, firstChunk: number, endChunk: number, now: Millis): void {
    const flow = this.#flows.get(id)
    if (flow === undefined) return
    this.#wholeOnly = true
    this.#giveBack(extentAt(flow), now)
    if ([...this.#flows.live()].some(other => other !== flow)) {
      // One whole answer is enough: the other flow is either one already, or finds out in a moment.
      this.#cancel(flow, false)
      return
    }
    move(flow, firstChunk, endChunk)
    this.#enter(flow, now)
  }

  ended(id: FlowId, reason: FlowEnd, now: Millis): void {
    const flow = this.#flows.get(id)
    if (flow === undefined) return
    this.#flows.delete(id)
    const filledLast = reason === 'done' && flow.next >= flow.end
    const extent = extentAt(flow)
    if (!flow.cancelled || filledLast) this.#giveBack(extent, now)
    // Flows that break together are one failure: the pause doubles from one try to the next, not from flow to flow.
    if ((reason === 'failed' || reason === 'corrupt') && now >= this.#retryAt) {
      this.#retryAt = now + Math.min(upstreamRetryMsMax, upstreamRetryMs * 2 ** Math.min(10, this.#failures))
      this.#failures++
    }
    if (reason === 'refused') this.#refused = true
    this.#refreshExtent(extent)
  }

  /** Nobody here wants more: flows stop with the chunk they are in. */
  stop(now: Millis): void {
    for (const flow of this.#flows.live()) {
      // What is half here is finished: a client that read to the end left before its last chunk was verified and kept.
      this.#cancel(flow, true)
      this.#giveBack(extentAt(flow), now)
    }
  }

  // ------------------------------------------------------------------------------------------- taking

  /** Starts what this agent should fetch now. @returns when it wants to be asked again. */
  take(now: Millis): Millis | null {
    const { self, scores, isAwake } = this.#around
    const expired = isAwake ? this.claims.expire(self, peer => scores.isTroubled(peer), now) : []
    for (const { extent, claimant, since } of expired) {
      this.#openSince.set(extent, now)
      // When nobody brings anything, it is the line.
      if (this.#movedAt > since) scores.idled(claimant, now)
      this.#around.effect({
        type: 'report',
        fact: { what: 'claim-taken-over', transfer: this.#swarm.transfer, extent, from: claimant }
      })
    }
    let wake = this.#nextDeadline()
    const sooner = (at: Millis): void => {
      if (wake === null || at < wake) wake = at
    }
    const waitsUntil = this.#waitsUntil(now)
    if (waitsUntil === null) return wake
    if (waitsUntil > now) {
      this.#freeSince = null
      sooner(waitsUntil)
      return wake
    }
    this.#freeSince ??= now
    const { site: siteSlots, own: ownSlots } = this.slots()
    const siteFree = siteSlots - this.claims.size
    if (siteFree <= 0 || this.#flows.size >= ownSlots) return wake
    for (const extent of this.#open.first(siteFree)) {
      if (this.#flows.size >= ownSlots) break
      const since = this.#openSince.get(extent) ?? now
      this.#openSince.set(extent, since)
      const rank = this.rank(extent)
      const startAt = Math.max(since, this.#freeSince) + rank * claimStaggerMs
      if (startAt > now || (rank > 0 && !this.#around.isAwake)) sooner(Math.max(startAt, now))
      else this.#start(extent, sooner, now)
    }
    return wake
  }

  /** Fetches one chunk out of turn for a client that has waited long enough. */
  escape(chunk: number, now: Millis): boolean {
    const url = this.#swarm.url()
    // A whole answer begins at 0 again and would be no faster to this chunk than the one that is on its way.
    if (this.#wholeOnly && (this.claims.size > 0 || this.#flows.size > 0)) return false
    if (url === null || this.#refused || this.#retryAt > now || this.#around.policy().upstreamWeight === 0)
      return false
    const extent = extentOf(chunk)
    const record = this.claims.of(extent)
    if (record !== undefined) this.claims.release(extent, record.claimant)
    this.#begin(chunk, chunk + 1, url, { escapes: true, via: null }, now)
    return true
  }

  /** Tells what is due of own claims. @returns when next. */
  tell(now: Millis): Millis | null {
    return this.#telling.repeat(this.#flows.size > 0, now)
  }

  /** Null: not at all for now; else from when on this agent may claim. */
  #waitsUntil(now: Millis): Millis | null {
    const held = this.holdsBack(now)
    return held === null ? now : held.until
  }

  /** Why this agent does not claim now, and from when on it may (null: who knows); null: it may. */
  holdsBack(now: Millis): { readonly why: HoldsBack; readonly until: Millis | null } | null {
    if (this.#swarm.url() === null) return { why: 'no-address', until: null }
    if (this.#refused) return { why: 'upstream-refused', until: null }
    if (this.#around.policy().upstreamWeight === 0) return { why: 'wan-forbidden', until: null }
    if (this.#wholeOnly && (this.claims.size > 0 || this.#flows.size > 0))
      return { why: 'one-whole-answer', until: null }
    // Who has just lost everybody has lost his own cable, or was asleep: they will be back in a moment.
    const { aloneSince } = this.#around.site
    if (aloneSince !== null && now < aloneSince + gatewayPatienceMs)
      return { why: 'waits-for-peers-back', until: aloneSince + gatewayPatienceMs }
    if (this.#around.role !== 'gateway') {
      const gatewayUntil = this.gateway.waitUntil(now)
      if (gatewayUntil !== null) return { why: 'waits-for-gateway', until: gatewayUntil }
      if (
        !this.#swarm.fetchers.has(this.#around.self) &&
        // Who gives nothing is no fetcher of its site, but where there is none it is its own.
        this.#swarm.fetchers.top.length > 0 &&
        (isLargeSite(this.#around) || this.#swarm.fetchers.top.length >= fetchersMax)
      )
        return { why: 'not-a-fetcher', until: null }
    }
    return this.#retryAt > now ? { why: 'upstream-failed', until: this.#retryAt } : null
  }

  /** Upstream flows that the site, and this agent, may have of this transfer now. */
  slots(): { readonly site: number; readonly own: number } {
    // What a flow has under way comes whatever is decided meanwhile: where nobody waits, fewer are in nobody's way.
    const share = this.#swarm.isBackground() ? backgroundSlotsShare : 1
    const site = Math.ceil(this.#siteSlots() * share)
    const own =
      this.#around.role === 'gateway' ? site : Math.ceil(this.#around.policy().upstreamSlots * share)
    return { site, own }
  }

  #siteSlots(): number {
    const { siteUpstreamSlots } = this.#around.policy()
    const isFar = this.#around.role !== 'gateway' && this.#swarm.members.far > 0
    if (isFar && !this.claims.swift) return Math.min(siteUpstreamSlots, farFlowsMax)
    return this.#hasBegun ? siteUpstreamSlots : Math.min(siteUpstreamSlots, firstFlowsMax)
  }

  /** A gateway beyond the site is the upstream while it is at work or has what we need; without one, the URL is. */
  #start(extent: number, again: (at: Millis) => void, now: Millis): void {
    const run = this.#open.firstRun(extent)
    const url = this.#swarm.url()
    if (run === null || url === null) return
    const via = this.#around.role === 'gateway' ? null : this.#swarm.farSource(run.start)
    const farUntil = via === null ? this.farGateway.waitUntil(now) : null
    if (farUntil !== null) again(farUntil)
    else this.#begin(run.start, run.end, url, { escapes: false, via }, now)
  }

  #begin(first: number, end: number, url: string, how: Pick<Flow, 'escapes' | 'via'>, now: Millis): void {
    const id = this.#around.nextId()
    this.#flows.add(id, first, end, how)
    this.#claim(extentOf(first), now)
    if (how.via === null) {
      this.#around.effect({
        type: 'fetch-upstream',
        flow: id,
        transfer: this.#swarm.transfer,
        url,
        firstChunk: first,
        endChunk: end
      })
    }
    this.#swarm.refresh(first, end)
  }

  /** A long flow comes to its next extent: claimed, unless others have it or are at it. */
  #enter(flow: Flow, now: Millis): void {
    const extent = extentOf(flow.next)
    const record = this.claims.of(extent)
    const taken = record !== undefined && record.claimant !== this.#around.self
    // A flow of everything cannot skip, so it goes on through extents that are here, as long as something is missing.
    if (
      taken ||
      (!this.#wholeOnly && !this.#open.isMissing(extent)) ||
      !this.#open.anyMissingHere(flow.next, flow.end)
    )
      this.#cancel(flow, false)
    else this.#claim(extent, now)
  }

  #claim(extent: number, now: Millis): void {
    this.#openSince.delete(extent)
    this.#telling.claim(extent, now)
  }

  #noteOwn(extent: number, bytesDone: Bytes, now: Millis): void {
    const record = this.claims.of(extent)
    if (record === undefined || record.claimant !== this.#around.self || bytesDone <= record.bytesDone) return
    record.bytesDone = bytesDone
    record.progressAt = now
    this.#movedAt = now
  }

  /** The better claim stands: more whole chunks, then any bytes before none, else the better rank. */
  #wins(theirBytes: Bytes, they: Candidate, bytes: Bytes, holder: Candidate, extent: number): boolean {
    const { chunkBytes } = this.#swarm
    const ahead = Math.floor(theirBytes / chunkBytes) - Math.floor(bytes / chunkBytes)
    if (ahead !== 0) return ahead > 0
    if (theirBytes > 0 !== bytes > 0) return theirBytes > 0
    return isBefore(they, holder, mix32(this.#seed ^ extent))
  }

  #escaping(extent: number): boolean {
    return [...this.#flows.liveIn(extent)].some(({ escapes }) => escapes)
  }

  #yieldExtent(extent: number): void {
    for (const flow of this.#flows.liveIn(extent)) this.#cancel(flow, false)
  }

  #cancel(flow: Flow, afterChunk: boolean): void {
    flow.cancelled = true
    if (flow.via === null) this.#around.effect({ type: 'cancel-flow', flow: flow.id, afterChunk })
    else {
      this.#flows.delete(flow.id)
      this.#swarm.cancelFetches(flow.next)
    }
    this.#refreshExtent(extentAt(flow))
  }

  #giveBack(extent: number, now: Millis): void {
    const record = this.claims.of(extent)
    if (record?.claimant !== this.#around.self) return
    this.claims.release(extent, this.#around.self)
    // Whoever hears our haves for all of it lets go of the claim by himself; of what a full disk does not keep there are none.
    if (this.#isKept(extent)) return
    if (this.#open.isMissingHere(extent)) this.#openSince.set(extent, now)
    const brought = record.bytesDone >= this.#swarm.chunkBytes
    this.#telling.release(extent, record.bytesDone, brought, now)
  }

  #isKept(extent: number): boolean {
    const { start, end } = chunksOf(extent, this.#swarm.chunks)
    for (let chunk = start; chunk < end; chunk++) if (!this.#swarm.kept(chunk)) return false
    return true
  }

  #refreshExtent(extent: number): void {
    const span = chunksOf(extent, this.#swarm.chunks)
    this.#swarm.refresh(span.start, span.end)
  }

  #nextDeadline(): Millis | null {
    let next: Millis | null = null
    for (const record of this.claims.all()) {
      if (record.claimant === this.#around.self) continue
      const at = this.claims.deadline(record)
      if (next === null || at < next) next = at
    }
    return next
  }

  #chunksSeen(extent: number, claimant: AgentId): number {
    const span = chunksOf(extent, this.#swarm.chunks)
    const has = this.#swarm.members.get(claimant)?.has
    let seen = 0
    for (let chunk = span.start; chunk < span.end; chunk++) if (has?.has(chunk) === true) seen++
    return seen
  }

  #self(): Candidate {
    return {
      id: this.#around.self,
      weight: this.#around.willingness(),
      seed: this.#around.selfSeed
    }
  }

  #candidate(id: AgentId): Candidate {
    return { id, weight: this.#swarm.members.get(id)?.weight ?? 0 }
  }
}
