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
import { Claims } from './claims.ts'
import type { FlowEnd, FlowId } from './events.ts'
import type { Fetchers } from './fetchers.ts'
import {
  claimRepeatMs,
  claimStaggerMs,
  fetchersMax,
  gatewayPatienceMs,
  releaseDelayMs,
  upstreamRetryMs,
  upstreamRetryMsMax
} from './limits.ts'
import type { Members } from './members.ts'
import { isBefore, rankOf, type Candidate } from './rendezvous.ts'
import type { Wants } from './wants.ts'

interface Flow {
  readonly id: FlowId
  /** Where it began in the present extent, the chunk that is filling now, and where the flow ends. */
  from: number
  next: number
  end: number
  /** Body bytes so far, and how many there were when the current extent began. */
  bytes: Bytes
  bytesBefore: Bytes
  cancelled: boolean
  /** For a client that has waited long enough: it yields to nobody. */
  readonly escapes: boolean
}

/** What claiming needs to know of its swarm. */
export interface ClaimingSwarm {
  readonly transfer: TransferId
  readonly chunks: number
  readonly chunkBytes: Bytes
  readonly members: Members
  readonly fetchers: Fetchers
  readonly wants: Wants
  /** This agent has the chunk, or is getting it from a peer. */
  underWay(chunk: number): boolean
  url(): string | null
  /** Somebody has it who can be asked for it: not merely one who fails us or lied to us. */
  heldByOthers(chunk: number): boolean
  /** What others have of it counts: somebody whose word we take has signed its digest. */
  vouched(chunk: number): boolean
  /** With a full disk nothing is fetched but what clients wait for: so many chunks ahead of each; null: no such limit. */
  onlyAhead(): number | null
  /** To the interested, or to every peer of the site. */
  say(message: { type: 'claim' | 'release'; claim: Claim }, toAll?: boolean): void
  /** Chunks no longer (or newly) under a flow of ours: may they be asked of peers? */
  refresh(first: number, end: number): void
}

export class Claiming {
  readonly claims: Claims
  readonly #swarm: ClaimingSwarm
  readonly #around: Around
  readonly #seed: number
  readonly #flows = new Map<FlowId, Flow>()
  /** Since when an extent has been open to be claimed, as we see it. */
  readonly #openSince = new Map<number, Millis>()
  /** Ranks among the fetchers of this version. */
  readonly #ranks = new Map<number, number>()
  #ranksOf = -1
  /** Given back, but not yet told. */
  readonly #releases: Array<{ readonly at: Millis; readonly extent: number; readonly bytesDone: Bytes }> = []
  /** When a claim of ours was last repeated to somebody who claimed the same. */
  readonly #saidAgainAt = new Map<number, Millis>()
  #sequence = 0
  #repeatAt: Millis | null = null
  #failures = 0
  #retryAt: Millis = 0
  #refused = false
  /** The upstream sends everything whatever we ask: one flow for the whole site is enough. */
  #wholeOnly = false
  #gatewaySignAt: Millis | null = null

  constructor(swarm: ClaimingSwarm, around: Around) {
    this.#swarm = swarm
    this.#around = around
    this.#seed = hash32(swarm.transfer)
    this.claims = new Claims(swarm.chunkBytes)
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

  /** Whether a flow of ours is going to fill this chunk in its present extent. */
  covers(chunk: number): boolean {
    for (const flow of this.#flows.values()) {
      if (
        !flow.cancelled &&
        chunk >= flow.next &&
        chunk < flow.end &&
        extentOf(chunk) === extentOf(flow.next)
      )
        return true
    }
    return false
  }

  /** How many of the fetchers go before us for this extent. */
  rank(thing: number): number {
    const { version } = this.#swarm.fetchers
    if (version !== this.#ranksOf) {
      this.#ranksOf = version
      this.#ranks.clear()
    }
    let rank = this.#ranks.get(thing)
    if (rank === undefined) {
      rank = rankOf(this.#self(), this.#swarm.fetchers.top, mix32(this.#seed ^ thing))
      this.#ranks.set(thing, rank)
    }
    return rank
  }

  // ------------------------------------------------------------------------------------------- what is heard

  /** A gateway of the site showed that it is at work on this transfer. */
  gatewaySign(now: Millis): void {
    this.#gatewaySignAt = now
  }

  gatewayAtWork(now: Millis): boolean {
    return this.#gatewaySignAt !== null && now < this.#gatewaySignAt + gatewayPatienceMs
  }

  /** We have become interested: a gateway that is connected gets the time to show that it fetches for us. */
  begin(now: Millis): void {
    if (this.#gatewayThere()) this.#gatewaySignAt = now
  }

  #gatewayThere(): boolean {
    return [...this.#around.peers.values()].some(({ role }) => role === 'gateway')
  }

  /** @returns whether there is a new claim in the book. */
  heard(claim: Claim, from: Candidate, now: Millis): boolean {
    const record = this.claims.of(claim.extent)
    this.claims.heardOf(claim)
    if (record === undefined) {
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
    const mayWin = !(
      isOurs &&
      (this.#around.scores.isIdle(claim.claimant, now) || this.#escaping(claim.extent))
    )
    if (!mayWin || !this.#wins(theirBytes, from, record.bytesDone, holder, claim.extent)) {
      // It has not heard of ours, or it would not have claimed: without a word it would fetch on.
      // Not more often than progress is told: it may be as sure of its claim as we are of ours.
      if (isOurs && now >= (this.#saidAgainAt.get(record.extent) ?? -Infinity) + claimRepeatMs) {
        this.#saidAgainAt.set(record.extent, now)
        this.#sayClaim('claim', record.extent, record.bytesDone)
      }
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
    if (!this.#gatewayThere()) this.#gatewaySignAt = null
  }

  /** A chunk of the extent showed up somewhere at the site. */
  showed(chunk: number, now: Millis): void {
    const extent = extentOf(chunk)
    const record = this.claims.of(extent)
    if (record === undefined) return
    this.claims.showed(extent, now)
    if (record.claimant !== this.#around.self && !this.#missing(extent))
      this.claims.release(extent, record.claimant)
  }

  /** Claims in force, for a newcomer. */
  inForce(): Claim[] {
    return [...this.claims.all()]
      .slice(0, 64)
      .map(({ extent, claimant, sequence, bytesDone }) => ({ extent, claimant, sequence, bytesDone }))
  }

  // ------------------------------------------------------------------------------------------- own flows

  /** A flow that began by resolving the key: its first extent counts as claimed. */
  adopt(id: FlowId, firstChunk: number, endChunk: number, now: Millis): void {
    const flow: Flow = {
      id,
      from: firstChunk,
      next: firstChunk,
      end: endChunk,
      bytes: 0,
      bytesBefore: 0,
      cancelled: false,
      escapes: false
    }
    this.#flows.set(id, flow)
    const extent = extentOf(firstChunk)
    // Taken already, or here: the key was only asked about again because its head had grown old.
    if (this.claims.of(extent) !== undefined || !this.#missingForMe(extent)) return this.#cancel(flow, false)
    this.#claim(extent, now)
    // Nobody has said `interested` yet, but those who waited for the head will want just this in a moment.
    this.#swarm.say(
      {
        type: 'claim',
        claim: { extent, claimant: this.#around.self, sequence: ++this.#sequence, bytesDone: 0 }
      },
      true
    )
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

  moved(id: FlowId, firstChunk: number, endChunk: number, now: Millis): void {
    const flow = this.#flows.get(id)
    if (flow === undefined) return
    this.#wholeOnly = true
    this.#giveBack(this.#extentAt(flow), now)
    if ([...this.#flows.values()].some(other => other !== flow && !other.cancelled)) {
      // One whole answer is enough: the other flow is either one already, or finds out in a moment.
      this.#cancel(flow, false)
      return
    }
    flow.from = firstChunk
    flow.next = firstChunk
    flow.end = endChunk
    flow.bytes = 0
    flow.bytesBefore = 0
    this.#enter(flow, now)
  }

  ended(id: FlowId, reason: FlowEnd, now: Millis): void {
    const flow = this.#flows.get(id)
    if (flow === undefined) return
    this.#flows.delete(id)
    const filledLast = reason === 'done' && flow.next >= flow.end
    const extent = this.#extentAt(flow)
    if (filledLast && !this.#missingForMe(extent)) this.claims.release(extent, this.#around.self)
    else if (!flow.cancelled) this.#giveBack(extent, now)
    if (reason === 'failed' || reason === 'corrupt') {
      this.#retryAt = now + Math.min(upstreamRetryMsMax, upstreamRetryMs * 2 ** Math.min(10, this.#failures))
      this.#failures++
    }
    if (reason === 'refused') this.#refused = true
    this.#refreshExtent(extent)
  }

  /** Nobody here wants more: flows stop with the chunk they are in. */
  stop(now: Millis): void {
    for (const flow of this.#flows.values()) {
      if (flow.cancelled) continue
      // What is half here is finished: a client that read to the end left before its last chunk was verified and kept.
      this.#cancel(flow, true)
      this.#giveBack(this.#extentAt(flow), now)
    }
  }

  // ------------------------------------------------------------------------------------------- taking

  /** Starts what this agent should fetch now. @returns when it wants to be asked again. */
  take(now: Millis): Millis | null {
    for (const expired of this.claims.expire(this.#around.self, now)) {
      this.#openSince.set(expired.extent, now)
      this.#around.scores.idled(expired.claimant, now)
      this.#around.effect({
        type: 'report',
        fact: {
          what: 'claim-taken-over',
          transfer: this.#swarm.transfer,
          extent: expired.extent,
          from: expired.claimant
        }
      })
    }
    let wake = this.#nextDeadline()
    const sooner = (at: Millis): void => {
      if (wake === null || at < wake) wake = at
    }
    const waitsUntil = this.#waitsUntil(now)
    if (waitsUntil === null) return wake
    if (waitsUntil > now) {
      sooner(waitsUntil)
      return wake
    }
    const policy = this.#around.policy()
    const siteFree = policy.siteUpstreamSlots - this.claims.size
    const ownSlots = this.#around.role === 'gateway' ? policy.siteUpstreamSlots : policy.upstreamSlots
    if (siteFree <= 0 || this.#flows.size >= ownSlots) return wake
    for (const extent of this.#openExtents(siteFree)) {
      if (this.#flows.size >= ownSlots) break
      const since = this.#openSince.get(extent) ?? now
      this.#openSince.set(extent, since)
      const startAt = since + this.rank(extent) * claimStaggerMs
      if (startAt > now) sooner(startAt)
      else this.#start(extent, now)
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
    this.#begin(chunk, chunk + 1, url, now, true)
    return true
  }

  /** Tells progress of own claims, and what was given back, when it is due. @returns when next. */
  repeat(now: Millis): Millis | null {
    while (this.#releases[0] !== undefined && this.#releases[0].at <= now) {
      const { extent, bytesDone } = this.#releases.shift()!
      if (this.claims.of(extent) === undefined) this.#sayClaim('release', extent, bytesDone)
    }
    const releaseAt = this.#releases[0]?.at ?? null
    const progressAt = this.#tellProgress(now)
    return releaseAt === null || (progressAt !== null && progressAt < releaseAt) ? progressAt : releaseAt
  }

  #tellProgress(now: Millis): Millis | null {
    if (this.#flows.size === 0) this.#repeatAt = null
    else if (this.#repeatAt === null) this.#repeatAt = now + claimRepeatMs
    else if (this.#repeatAt <= now) {
      this.#repeatAt = now + claimRepeatMs
      for (const record of this.claims.all()) {
        if (record.claimant === this.#around.self) this.#sayClaim('claim', record.extent, record.bytesDone)
      }
    }
    return this.#repeatAt
  }

  /** Null: not at all for now; else from when on this agent may claim. */
  #waitsUntil(now: Millis): Millis | null {
    if (this.#swarm.url() === null || this.#refused || this.#around.policy().upstreamWeight === 0) return null
    if (this.#wholeOnly && (this.claims.size > 0 || this.#flows.size > 0)) return null
    // Who has just lost everybody has lost his own cable, or was asleep: they will be back in a moment.
    const { aloneSince } = this.#around.site
    if (aloneSince !== null && now < aloneSince + gatewayPatienceMs) return aloneSince + gatewayPatienceMs
    if (this.#around.role !== 'gateway') {
      if (this.gatewayAtWork(now)) return this.#gatewaySignAt! + gatewayPatienceMs
      if (
        !this.#swarm.fetchers.has(this.#around.self) &&
        (isLargeSite(this.#around) || this.#swarm.fetchers.top.length >= fetchersMax)
      )
        return null
    }
    return Math.max(now, this.#retryAt)
  }

  /** The first extents that are wanted and that nobody has or fetches: before a waiting client first. */
  #openExtents(most: number): number[] {
    const open: number[] = []
    const look = (start: number, end: number): void => {
      for (let extent = extentOf(start); chunksOf(extent, end).start < end && open.length < most; extent++) {
        if (this.claims.of(extent) === undefined && !open.includes(extent) && this.#missing(extent))
          open.push(extent)
      }
    }
    const ahead = this.#swarm.onlyAhead()
    for (const { chunk, endChunk } of this.#swarm.wants.readers.values()) {
      look(chunk, ahead === null ? endChunk : Math.min(endChunk, chunk + ahead))
    }
    if (ahead === null) for (const span of this.#swarm.wants.spans) look(span.start, span.end)
    return open
  }

  /** Some chunk of the extent is nowhere at the site. */
  #missing(extent: number): boolean {
    return this.#firstMissing(extent) !== null
  }

  #firstMissing(extent: number): number | null {
    const span = chunksOf(extent, this.#swarm.chunks)
    for (let chunk = span.start; chunk < span.end; chunk++) {
      if (this.#isMissing(chunk)) return chunk
    }
    return null
  }

  #isMissing(chunk: number): boolean {
    return (
      this.#neededNow(chunk) &&
      !this.#swarm.underWay(chunk) &&
      (!this.#swarm.heldByOthers(chunk) || !this.#swarm.vouched(chunk))
    )
  }

  /** With a full disk, what a client has read is gone again, and must not be fetched for nobody. */
  #neededNow(chunk: number): boolean {
    const ahead = this.#swarm.onlyAhead()
    if (ahead === null) return true
    for (const reader of this.#swarm.wants.readers.values()) {
      if (
        chunk >= reader.chunk &&
        chunk < reader.endChunk &&
        extentOf(chunk) <= extentOf(reader.chunk + ahead)
      )
        return true
    }
    return false
  }

  #missingForMe(extent: number): boolean {
    const span = chunksOf(extent, this.#swarm.chunks)
    for (let chunk = span.start; chunk < span.end; chunk++) if (!this.#swarm.underWay(chunk)) return true
    return false
  }

  #start(extent: number, now: Millis): void {
    const first = this.#firstMissing(extent)
    const url = this.#swarm.url()
    if (first === null || url === null) return
    const span = chunksOf(extent, this.#swarm.chunks)
    let end = first + 1
    while (end < span.end && this.#isMissing(end)) end++
    this.#begin(first, end, url, now)
  }

  #begin(first: number, end: number, url: string, now: Millis, escapes = false): void {
    const id = this.#around.nextId()
    this.#flows.set(id, {
      id,
      from: first,
      next: first,
      end,
      bytes: 0,
      bytesBefore: 0,
      cancelled: false,
      escapes
    })
    this.#claim(extentOf(first), now)
    this.#around.effect({
      type: 'fetch-upstream',
      flow: id,
      transfer: this.#swarm.transfer,
      url,
      firstChunk: first,
      endChunk: end
    })
    this.#swarm.refresh(first, end)
  }

  /** A long flow comes to its next extent: claimed, unless others have it or are at it. */
  #enter(flow: Flow, now: Millis): void {
    const extent = extentOf(flow.next)
    const record = this.claims.of(extent)
    const taken = record !== undefined && record.claimant !== this.#around.self
    // A flow of everything cannot skip, so it goes on through extents that are here, as long as something is missing.
    if (taken || (!this.#wholeOnly && !this.#missing(extent)) || !this.#anythingMissing(flow))
      this.#cancel(flow, false)
    else this.#claim(extent, now)
  }

  #anythingMissing(flow: Flow): boolean {
    for (let chunk = flow.next; chunk < flow.end; chunk++) {
      if (this.#swarm.wants.isWanted(chunk) && !this.#swarm.underWay(chunk)) return true
    }
    return false
  }

  #claim(extent: number, now: Millis): void {
    this.#openSince.delete(extent)
    this.claims.set({ extent, claimant: this.#around.self, sequence: ++this.#sequence, bytesDone: 0 }, now)
    this.#sayClaim('claim', extent, 0)
  }

  #noteOwn(extent: number, bytesDone: Bytes, now: Millis): void {
    const record = this.claims.of(extent)
    if (record === undefined || record.claimant !== this.#around.self || bytesDone <= record.bytesDone) return
    record.bytesDone = bytesDone
    record.progressAt = now
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
    for (const flow of this.#flows.values()) {
      if (flow.escapes && !flow.cancelled && extentOf(flow.next) === extent) return true
    }
    return false
  }

  #yieldExtent(extent: number): void {
    for (const flow of this.#flows.values()) {
      if (!flow.cancelled && extentOf(flow.next) === extent) this.#cancel(flow, false)
    }
  }

  #cancel(flow: Flow, afterChunk: boolean): void {
    flow.cancelled = true
    this.#around.effect({ type: 'cancel-flow', flow: flow.id, afterChunk })
    this.#refreshExtent(this.#extentAt(flow))
  }

  /** The extent that a flow is in; at its end, the one it has just filled. */
  #extentAt(flow: Flow): number {
    return extentOf(flow.next >= flow.end ? Math.max(flow.from, flow.next - 1) : flow.next)
  }

  #giveBack(extent: number, now: Millis): void {
    const record = this.claims.of(extent)
    if (record?.claimant !== this.#around.self) return
    this.claims.release(extent, this.#around.self)
    // Whoever hears our haves for all of it lets go of the claim by himself.
    if (!this.#missingForMe(extent)) return
    this.#openSince.set(extent, now)
    // The haves of what did arrive must be heard first, or the next in rank fetches that again.
    if (record.bytesDone < this.#swarm.chunkBytes) this.#sayClaim('release', extent, record.bytesDone)
    else this.#releases.push({ at: now + releaseDelayMs, extent, bytesDone: record.bytesDone })
  }

  #refreshExtent(extent: number): void {
    const span = chunksOf(extent, this.#swarm.chunks)
    this.#swarm.refresh(span.start, span.end)
  }

  #sayClaim(type: 'claim' | 'release', extent: number, bytesDone: Bytes): void {
    const sequence = ++this.#sequence
    const record = this.claims.of(extent)
    if (record?.claimant === this.#around.self) record.sequence = sequence
    this.#swarm.say({ type, claim: { extent, claimant: this.#around.self, sequence, bytesDone } })
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
      weight: this.#around.policy().upstreamWeight,
      seed: this.#around.selfSeed
    }
  }

  #candidate(id: AgentId): Candidate {
    return { id, weight: this.#swarm.members.get(id)?.weight ?? 0 }
  }
}
