/**
 * One transfer as this agent lives it: who has what, who wants what, what is asked of whom. Two roads bring chunks:
 * from peers (chunk-picker, source-choice) and from upstream (claiming). This file joins them, and tells the site
 * what we have.
 *
 * Everything happens in `advance`, which every event ends in and which says when it wants to be woken.
 */
import { Bitfield } from '@starling/shared/bitfield.ts'
import { chunkCount, chunkLength, extentOf, type Span } from '@starling/shared/chunking.ts'
import type { Role } from '@starling/shared/credential.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import { keyHashOf, type Digest, type SignedDigests, type SignedHead } from '@starling/shared/manifest.ts'
import { hash32, mix32 } from '@starling/shared/prng.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { Claim, SwarmMessage } from '@starling/shared/wire.ts'
import { isLargeSite, type Around } from './around.ts'
import { Claiming } from './claiming.ts'
import { DigestBook } from './digest-book.ts'
import type { FlowEnd, FlowId, ReaderId } from './events.ts'
import { Fetchers } from './fetchers.ts'
import { Fetching } from './fetching.ts'
import {
  askWaitMs,
  digestPatienceMs,
  escapePatienceMax,
  escapeStaggerMs,
  fetchersRepeatMs,
  gatewayStaggerMs,
  haveBatchMs,
  heldWindowChunks,
  hopelessMs,
  largeSiteWaitMs,
  ownLatenessMs,
  windowChunks
} from './limits.ts'
import { Members, type Member } from './members.ts'
import { rankOf } from './rendezvous.ts'
import { Wants } from './wants.ts'

export class Swarm {
  readonly transfer: TransferId
  readonly head: SignedHead
  readonly chunks: number
  readonly chunkBytes: Bytes
  readonly members: Members
  readonly fetchers: Fetchers
  readonly wants: Wants
  readonly have: Bitfield
  readonly digests: DigestBook
  readonly claiming: Claiming
  readonly fetching: Fetching
  pinned = false
  lastUsedAt: Millis
  readonly #around: Around
  readonly #seed: number
  /** Verified, in memory only: the disk is full. */
  readonly #held = new Set<number>()
  #diskFull = false
  /** The URL a local client (or, for a gateway, an agent) asked for: signed URLs differ from client to client. */
  #url: string | null = null
  /** Said `interested` to the site at; null: not interested now. */
  #interestedAt: Millis | null = null
  #wantsTold = ''
  readonly #toAnnounce: number[] = []
  readonly #toSign: Array<readonly [number, Digest]> = []
  #announceAt: Millis | null = null
  /** Chunks that only gateways have, until it is our turn to ask them. */
  readonly #delayed = new Map<number, Millis>()
  readonly #digestsMissing = new Set<number>()
  #askDigestsAt: Millis | null = null
  #lastChunkAt: Millis
  /** When a peer last told us of a chunk that we do not have. */
  #newsAt: Millis = 0
  /** The time of the last turn. */
  #now: Millis = 0
  #tellFetchersAt: Millis | null = null
  /** Since when this agent has been one of the fetchers of a large site. */
  #fetcherSince: Millis | null = null
  /** Chunks that this agent went to fetch out of turn. */
  readonly #escaped = new Set<number>()
  #settled = false
  #wake: Millis | null = null

  constructor(head: SignedHead, around: Around, now: Millis, have?: Bitfield) {
    this.head = head
    this.transfer = head.transfer
    this.chunkBytes = head.head.chunkBytes
    this.chunks = chunkCount(head.head.length, head.head.chunkBytes)
    this.have = have ?? new Bitfield(this.chunks)
    this.members = new Members(this.chunks)
    this.wants = new Wants(this.chunks, this.chunkBytes)
    this.digests = new DigestBook(this.chunks)
    this.#around = around
    this.#seed = hash32(head.transfer)
    this.fetchers = new Fetchers(this.#seed)
    this.lastUsedAt = now
    this.#lastChunkAt = now
    this.#settled = this.have.full
    this.claiming = new Claiming(
      {
        transfer: this.transfer,
        chunks: this.chunks,
        chunkBytes: this.chunkBytes,
        members: this.members,
        fetchers: this.fetchers,
        wants: this.wants,
        underWay: chunk => this.#has(chunk) || this.fetching.isFetching(chunk),
        url: () => this.#url,
        heldByOthers: chunk => this.#heldByOthers(chunk),
        vouched: chunk => around.role !== 'gateway' || this.digests.of(chunk) !== undefined,
        onlyAhead: () => (this.#diskFull ? heldWindowChunks : null),
        say: (message, toAll) => {
          this.#say(toAll === true ? [...around.peers.keys()] : this.members.leechers(), {
            ...message,
            transfer: this.transfer
          })
        },
        refresh: (first, end) => {
          for (let chunk = first; chunk < end; chunk++) this.#refresh(chunk)
        }
      },
      around
    )
    this.fetching = new Fetching(
      {
        transfer: this.transfer,
        members: this.members,
        chunkLength: chunk => chunkLength(chunk, head.head.length, head.head.chunkBytes),
        digestOf: chunk => this.digests.of(chunk),
        isWanted: chunk => this.#isObtainable(chunk),
        windows: () => this.#windows(),
        backgroundToo: () => !this.#diskFull
      },
      this.chunks,
      around
    )
  }

  get wake(): Millis | null {
    return this.#wake
  }
  get atWork(): boolean {
    return this.wants.any || this.fetching.size > 0 || this.claiming.flowing
  }
  get keptBytes(): Bytes {
    return this.have.count * this.chunkBytes
  }

  // ------------------------------------------------------------------------------------------- clients

  wish(url: string): void {
    this.#url = url
  }

  addReader(reader: ReaderId, bytes: Span, now: Millis): void {
    this.lastUsedAt = now
    this.wants.addReader(reader, bytes, now)
    this.#wantsChanged(now)
  }

  moveReader(reader: ReaderId, position: Bytes, now: Millis): void {
    if (this.wants.moveReader(reader, position, now)) this.lastUsedAt = now
  }

  removeReader(reader: ReaderId, now: Millis): void {
    if (this.wants.readers.delete(reader)) this.#wantsChanged(now)
  }

  // ------------------------------------------------------------------------------------------- peers

  peerJoined(peer: AgentId): void {
    if (this.#interestedAt !== null) this.#tellInterest([peer])
  }

  peerLeft(peer: AgentId, now: Millis): void {
    const had = this.members.leave(peer)
    this.claiming.left(peer, now)
    if (this.fetchers.drop(peer)) this.#fetchersChanged(now)
    for (const chunk of had) this.#refresh(chunk)
    if (this.#around.role === 'gateway') this.#wantsChanged(now)
  }

  /** @returns whether it changed anything that this agent may act on; most haves are of chunks that it has. */
  said(
    peer: AgentId,
    role: Role,
    message: SwarmMessage & { readonly transfer: TransferId },
    now: Millis
  ): boolean {
    const member = this.members.of(peer, role)
    if (role === 'gateway' && message.type !== 'not-interested') this.#gatewaySign(member, now)
    if (message.type === 'interested') this.#heardInterested(member, message, now)
    else if (message.type === 'not-interested') {
      member.interested = false
      member.wants = []
      this.members.interestChanged()
      if (this.fetchers.drop(peer)) this.#fetchersChanged(now)
      if (this.#around.role === 'gateway') this.#wantsChanged(now)
    } else if (message.type === 'bitfield') this.#heardBitfield(member, message.bits, message.claims, now)
    else if (message.type === 'have') {
      let matters = false
      for (const chunk of message.chunks) if (this.#heardHave(member, chunk, now)) matters = true
      return matters
    } else if (message.type === 'claim') return this.claiming.heard(message.claim, member, now)
    else if (message.type === 'release') this.claiming.released(message.claim, now)
    else if (message.type === 'fetchers') this.#heardFetchers(message.agents, now)
    else if (message.type === 'ask-digests') {
      for (const digests of this.digests.batches(message.first, message.count)) {
        this.#say([peer], { type: 'digests', digests, proof: null })
      }
      return false
    }
    return true
  }

  /**
   * Signed digests, of a peer or our own. While a gateway is at work on the transfer, it is its word that counts; what
   * members sign then is asked for again if the gateway falls silent.
   */
  learnt(digests: SignedDigests, own: boolean, now: Millis): void {
    if (
      !own &&
      this.claiming.gatewayAtWork(now) &&
      this.#around.peers.get(digests.signed.issuer)?.role === 'agent'
    )
      return
    const news = this.digests.add(digests)
    if (news.length > 0) this.#around.effect({ type: 'keep-digests', digests })
    for (const chunk of news) {
      this.#digestsMissing.delete(chunk)
      this.#refresh(chunk)
    }
    if (!own) return
    this.#say(this.members.leechers(), { type: 'digests', digests, proof: null })
    for (const [chunk] of digests.entries) if (this.have.has(chunk)) this.#toAnnounce.push(chunk)
    this.#announce(now)
  }

  #heardInterested(member: Member, message: SwarmMessage & { type: 'interested' }, now: Millis): void {
    const isNew = !member.interested
    member.interested = true
    member.weight = message.weight
    member.wants = message.wants.map(([start, end]) => ({ start, end: Math.min(end, this.chunks) }))
    this.members.interestChanged()
    if (this.fetchers.note(member.id, message.weight, now)) this.#fetchersChanged(now)
    if (isNew) {
      this.#say([member.id], {
        type: 'bitfield',
        transfer: this.transfer,
        bits: this.have.toBytes(),
        claims: this.claiming.inForce()
      })
      // It may have come after our own `interested`, or before we knew the transfer: it has to hear of our interest too.
      if (this.#interestedAt !== null) this.#tellInterest([member.id])
      else if (this.#around.role === 'gateway' && this.#url !== null) {
        this.#say([member.id], {
          type: 'interested',
          transfer: this.transfer,
          weight: this.#around.policy().upstreamWeight,
          wants: []
        })
      }
    }
    if (this.#around.role === 'gateway') {
      this.lastUsedAt = now
      this.#wantsChanged(now)
    }
  }

  #heardBitfield(member: Member, bits: Uint8Array, claims: readonly Claim[], now: Millis): void {
    member.introduced = true
    // A gateway that does not know the transfer (it was restarted, say) is put to work again.
    if (
      bits.length === 0 &&
      member.role === 'gateway' &&
      this.#url !== null &&
      this.#around.role !== 'gateway'
    ) {
      this.#say([member.id], { type: 'ask', key: keyHashOf(this.head.head.key), url: this.#url })
    }
    const field = Bitfield.fromBytes(bits, this.chunks)
    if (field !== null) for (const chunk of field.indices()) this.#heardHave(member, chunk, now)
    // The second-hand claims of a newcomer's first look around; the claimants' own words follow.
    for (const claim of claims) {
      const claimant = this.members.get(claim.claimant)
      if (claim.claimant !== this.#around.self && this.claiming.claims.of(claim.extent) === undefined) {
        this.claiming.heard(claim, claimant ?? { id: claim.claimant, weight: 0 }, now)
      }
    }
  }

  #heardHave(member: Member, chunk: number, now: Millis): boolean {
    if (chunk >= this.chunks || !this.members.has(member, chunk)) return false
    this.claiming.showed(chunk, now)
    if (this.#has(chunk)) return false
    this.#newsAt = now
    if (this.wants.isWanted(chunk) && this.digests.of(chunk) === undefined) {
      this.#digestsMissing.add(chunk)
      this.#askDigestsAt ??= now + digestPatienceMs
    }
    if (this.members.onlyGatewaysHave(chunk) && this.#around.role !== 'gateway') this.#delay(chunk, now)
    else this.#delayed.delete(chunk)
    this.#refresh(chunk)
    return true
  }

  /** A gateway uploads about one copy: the first rank takes it from there, and the others from the first rank. */
  #delay(chunk: number, now: Millis): void {
    const rank = rankOf(
      { id: this.#around.self, weight: 1 },
      this.#leechersAfter(chunk),
      mix32(this.#seed ^ ~chunk)
    )
    if (rank > 0) this.#delayed.set(chunk, now + rank * gatewayStaggerMs)
  }

  *#leechersAfter(chunk: number): Generator<{ id: AgentId; weight: number }> {
    for (const member of this.members.all()) {
      if (member.role === 'gateway' || !member.interested || member.has?.has(chunk) === true) continue
      if (member.wants.some(span => chunk >= span.start && chunk < span.end))
        yield { id: member.id, weight: 1 }
    }
  }

  #gatewaySign(member: Member, now: Millis): void {
    if (member.interested && member.weight > 0) this.claiming.gatewaySign(now)
  }

  // ------------------------------------------------------------------------------------------- data

  stored(chunk: number, digest: Digest, kept: boolean, fromUpstream: boolean, now: Millis): void {
    this.#lastChunkAt = now
    this.#digestsMissing.delete(chunk)
    this.#delayed.delete(chunk)
    if (kept) {
      this.#held.delete(chunk)
      // A chunk that comes a second time (from a flow that could not be stopped in time) is no news.
      if (!this.have.set(chunk)) return
      if (this.digests.of(chunk) !== undefined) this.#toAnnounce.push(chunk)
      else if (fromUpstream) this.#toSign.push([chunk, digest])
      this.#announceAt ??= now + haveBatchMs
    } else {
      this.#diskFull = true
      this.#held.add(chunk)
    }
    // Somebody brought it after all: we were too impatient.
    if (this.#escaped.delete(chunk) && !fromUpstream) this.claiming.claims.morePatience()
    this.claiming.showed(chunk, now)
    this.fetching.have(chunk)
    this.#refresh(chunk)
    if (this.have.full && !this.#settled) {
      this.#settled = true
      this.#around.effect({ type: 'transfer-complete', transfer: this.transfer })
    }
  }

  dropped(chunk: number): void {
    this.#held.delete(chunk)
    // A kept chunk that can no longer be read counts as never had.
    if (this.have.clear(chunk)) this.#settled = false
    // It is dropped because nobody needs it any more: who stood at it has read it, even if that is told only later.
    this.wants.passed(chunk)
    this.#refresh(chunk)
  }

  flowEnded(flow: FlowId, reason: FlowEnd, now: Millis): void {
    this.claiming.ended(flow, reason, now)
    if (reason === 'changed') {
      this.#around.effect({
        type: 'report',
        fact: { what: 'transfer-changed', transfer: this.transfer, reason: 'upstream serves another version' }
      })
      this.#fail('the upstream now serves another version of this content')
    }
  }

  // ------------------------------------------------------------------------------------------- the turn

  /** Does all that is due. */
  advance(now: Millis): void {
    this.#now = now
    if (this.#wake !== null && now - this.#wake > ownLatenessMs)
      this.claiming.claims.forgive(now - this.#wake)
    let wake: Millis | null = null
    const sooner = (at: Millis | null): void => {
      if (at !== null && (wake === null || at < wake)) wake = at
    }
    if (this.#announceAt !== null && this.#announceAt <= now) this.#announce(now)
    sooner(this.#announceAt)
    if (this.wants.any) {
      sooner(this.#askForDigests(now))
      sooner(this.#openDelayed(now))
      const introducedAt = this.#introducedAt(now)
      if (introducedAt <= now) sooner(this.claiming.take(now))
      else sooner(introducedAt)
      sooner(this.#tellFetchers(now))
      // Peers are asked first: a chunk that has just shown up must not be taken for one that nobody brings.
      sooner(this.fetching.fetchMore(now))
      sooner(this.#watchReaders(now))
    }
    sooner(this.claiming.repeat(now))
    this.#wake = wake
  }

  /** When everybody has answered our `interested`, or has had the time to. */
  #introducedAt(now: Millis): Millis {
    if (this.#interestedAt === null) return now
    if (this.#isLargeSite()) {
      // Who has only just become a fetcher, because others are done, must first hear what the others are at.
      return Math.max(this.#interestedAt, this.#fetcherSince ?? 0) + largeSiteWaitMs
    }
    const atTheLatest = this.#interestedAt + askWaitMs
    if (now >= atTheLatest) return atTheLatest
    for (const peer of this.#around.peers.keys())
      if (this.members.get(peer)?.introduced !== true) return atTheLatest
    return now
  }

  /** Not everybody hears everybody. */
  #isLargeSite(): boolean {
    return isLargeSite(this.#around)
  }

  #heardFetchers(agents: ReadonlyArray<readonly [AgentId, number, Millis]>, now: Millis): void {
    let changed = false
    for (const [id, weight, ageMs] of agents) {
      // Of itself and of its peers an agent knows better than anyone.
      if (id === this.#around.self || this.#around.peers.has(id)) continue
      if (this.fetchers.note(id, weight, now - ageMs)) changed = true
    }
    if (changed) this.#fetchersChanged(now)
  }

  #fetchersChanged(now: Millis): void {
    if (!this.#isLargeSite()) return
    // Those who are done leave the list, and others move up.
    if (this.wants.any) this.fetchers.note(this.#around.self, this.#around.policy().upstreamWeight, now)
    if (!this.fetchers.has(this.#around.self)) this.#fetcherSince = null
    else this.#fetcherSince ??= now
    this.#tellFetchersAt = Math.min(this.#tellFetchersAt ?? Infinity, now + haveBatchMs)
    if (!this.fetchers.has(this.#around.self)) return
    // Fetchers connect with each other, so that their claims meet at once; of two, the one with the lower id dials.
    for (const { id } of this.fetchers.top) {
      if (id > this.#around.self && !this.#around.peers.has(id))
        this.#around.effect({ type: 'dial', peer: id })
    }
  }

  #tellFetchers(now: Millis): Millis | null {
    if (!this.#isLargeSite()) return null
    this.#tellFetchersAt ??= now + fetchersRepeatMs
    if (this.#tellFetchersAt > now) return this.#tellFetchersAt
    const { self } = this.#around
    this.fetchers.note(self, this.#around.policy().upstreamWeight, now)
    for (const { id, interested, weight } of this.members.all())
      if (interested) this.fetchers.note(id, weight, now)
    this.fetchers.forget(now)
    this.#say(this.members.leechers(), {
      type: 'fetchers',
      transfer: this.transfer,
      agents: this.fetchers.told(now)
    })
    this.#tellFetchersAt = now + fetchersRepeatMs
    return this.#tellFetchersAt
  }

  #wantsChanged(now: Millis): void {
    const ofOthers: Array<readonly Span[]> = []
    if (this.#around.role === 'gateway')
      for (const member of this.members.all()) if (member.interested) ofOthers.push(member.wants)
    for (const chunk of this.wants.recompute(ofOthers)) {
      if (
        this.wants.isWanted(chunk) &&
        this.members.holders(chunk) > 0 &&
        this.digests.of(chunk) === undefined &&
        !this.#has(chunk)
      ) {
        this.#digestsMissing.add(chunk)
        this.#askDigestsAt = now
      }
      this.#refresh(chunk)
    }
    if (!this.wants.any) {
      this.fetching.stop()
      this.claiming.stop(now)
      if (this.#interestedAt !== null)
        this.#say([...this.#around.peers.keys()], { type: 'not-interested', transfer: this.transfer })
      this.#interestedAt = null
      this.#wantsTold = ''
      this.#tellFetchersAt = null
      this.fetchers.drop(this.#around.self)
      return
    }
    const told = this.wants.spans
      .slice(0, 16)
      .map(span => `${span.start}-${span.end}`)
      .join()
    if (told === this.#wantsTold) return
    this.#wantsTold = told
    if (this.#interestedAt === null) {
      this.#interestedAt = now
      this.claiming.begin(now)
      this.fetchers.note(this.#around.self, this.#around.policy().upstreamWeight, now)
      this.#fetchersChanged(now)
    }
    this.#tellInterest([...this.#around.peers.keys()])
  }

  #tellInterest(to: readonly AgentId[]): void {
    const wants = this.wants.spans.slice(0, 16).map(span => [span.start, span.end] as const)
    this.#say(to, {
      type: 'interested',
      transfer: this.transfer,
      weight: this.#around.policy().upstreamWeight,
      wants
    })
  }

  #announce(now: Millis): void {
    this.#announceAt = null
    if (this.#toSign.length > 0) {
      const entries = this.#toSign.splice(0).sort(([one], [other]) => one - other)
      for (let at = 0; at < entries.length; at += 64) {
        this.#around.effect({
          type: 'sign-digests',
          transfer: this.transfer,
          entries: entries.slice(at, at + 64)
        })
      }
    }
    const chunks = this.#toAnnounce.splice(0).filter(chunk => this.have.has(chunk))
    if (chunks.length > 0) {
      this.#lastChunkAt = now
      // Who has them does not need to know: that is half of all haves in a large site.
      this.#say(this.members.lacking(chunks), { type: 'have', transfer: this.transfer, chunks })
    }
  }

  #askForDigests(now: Millis): Millis | null {
    if (this.#askDigestsAt === null || this.#digestsMissing.size === 0) return null
    if (this.#askDigestsAt > now) return this.#askDigestsAt
    this.#askDigestsAt = now + digestPatienceMs * 5
    const missing = [...this.#digestsMissing].sort((one, other) => one - other)
    const first = missing[0]!
    const holders = this.members.holdersOf(first).filter(peer => !this.#around.scores.banned(peer, now))
    if (holders.length > 0) {
      const count = Math.min(1024, missing.at(-1)! - first + 1)
      this.#say([this.#around.prng.pick(holders)], {
        type: 'ask-digests',
        transfer: this.transfer,
        first,
        count
      })
    }
    return this.#askDigestsAt
  }

  #openDelayed(now: Millis): Millis | null {
    let next: Millis | null = null
    for (const [chunk, at] of this.#delayed) {
      if (at <= now) {
        this.#delayed.delete(chunk)
        this.#refresh(chunk)
      } else if (next === null || at < next) next = at
    }
    return next
  }

  /** A client must not be held hostage by a claim, a peer or a gateway that brings nothing. */
  #watchReaders(now: Millis): Millis | null {
    let next: Millis | null = null
    for (const reader of this.wants.readers.values()) {
      const chunk = reader.chunk
      if (chunk >= reader.endChunk || this.#has(chunk) || this.claiming.covers(chunk)) continue
      const progressAt = Math.max(
        // Where not every claim is heard, haves that keep coming are the sign that the site is at work.
        this.#isLargeSite() || this.members.holders(chunk) > 0 ? this.#newsAt : 0,
        reader.movedAt,
        this.claiming.claims.of(extentOf(chunk))?.progressAt ?? 0,
        this.fetching.startedAt(chunk) ?? 0
      )
      const claim = this.claiming.claims.of(extentOf(chunk))
      const patience = Math.min(escapePatienceMax, this.claiming.claims.patienceFactor)
      const patientUntil = Math.max(
        progressAt + this.#around.policy().delayForegroundDownloadFromHttpMs * patience,
        // On a slow line a chunk takes long: a claim that is not void yet is worth waiting for.
        claim === undefined ? 0 : this.claiming.claims.deadline(claim)
      )
      // The rank costs more than a comparison, and is not needed before the time has come at all.
      const escapeAt =
        patientUntil > now
          ? patientUntil
          : patientUntil + this.claiming.rank(extentOf(chunk)) * escapeStaggerMs
      if (escapeAt > now) {
        if (next === null || escapeAt < next) next = escapeAt
        continue
      }
      if (this.claiming.escape(chunk, now)) {
        this.#escaped.add(chunk)
        this.#around.effect({
          type: 'report',
          fact: { what: 'foreground-escape', transfer: this.transfer, chunk }
        })
      } else if (this.#hopeless(reader.movedAt, now)) {
        this.#fail('neither peers nor the upstream bring it')
        return null
      }
      const again = now + this.#around.policy().delayForegroundDownloadFromHttpMs
      if (next === null || again < next) next = again
    }
    return next
  }

  #hopeless(waitsSince: Millis, now: Millis): boolean {
    const quiet = now - Math.max(waitsSince, this.#lastChunkAt)
    return this.claiming.refused
      ? quiet >= this.#around.policy().delayForegroundDownloadFromHttpMs
      : quiet >= hopelessMs
  }

  #fail(reason: string): void {
    this.#around.effect({ type: 'fail-transfer', transfer: this.transfer, reason })
  }

  // ------------------------------------------------------------------------------------------- small questions

  #has(chunk: number): boolean {
    return this.have.has(chunk) || this.#held.has(chunk)
  }

  #heldByOthers(chunk: number): boolean {
    if (this.members.holders(chunk) === 0) return false
    const { scores } = this.#around
    return (
      !scores.anyTroubled || this.members.holdersOf(chunk).some(peer => !scores.isTroubled(peer, this.#now))
    )
  }

  /** May be asked of a peer now. */
  #isObtainable(chunk: number): boolean {
    return (
      this.wants.isWanted(chunk) &&
      !this.#has(chunk) &&
      this.members.holders(chunk) > 0 &&
      this.digests.of(chunk) !== undefined &&
      !this.#delayed.has(chunk) &&
      !this.claiming.covers(chunk)
    )
  }

  #refresh(chunk: number): void {
    this.fetching.refresh(chunk)
  }

  #windows(): Span[] {
    const ahead = this.#diskFull ? heldWindowChunks : windowChunks
    return [...this.wants.readers.values()].map(reader => ({
      start: reader.chunk,
      end: Math.min(reader.endChunk, reader.chunk + ahead)
    }))
  }

  #say(to: readonly AgentId[], message: SwarmMessage): void {
    if (to.length > 0) this.#around.effect({ type: 'say', to, message })
  }
}
