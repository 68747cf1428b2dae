/**
 * One transfer as this agent lives it: who has what, who wants what, what is asked of whom. Two roads bring chunks:
 * from peers (chunk-picker, source-choice) and from upstream (claiming). This file joins them, and tells the site
 * what we have.
 *
 * Everything happens in `advance`, which every event ends in and which says when it wants to be woken.
 */
import { Bitfield } from '@starling/shared/bitfield.ts'
import { chunkCount, chunkLength, type Span } from '@starling/shared/chunking.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import {
  keyHashOf,
  type Digest,
  type DigestEntry,
  type SignedDigests,
  type SignedHead
} from '@starling/shared/manifest.ts'
import { hash32 } from '@starling/shared/prng.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { Claim, SwarmMessage } from '@starling/shared/wire.ts'
import { Announcing } from './announcing.ts'
import type { Around, PeerKind } from './around.ts'
import { Claiming } from './claiming.ts'
import { DigestBook } from './digest-book.ts'
import type { FetchFailure, FetchId, FlowEnd, FlowId, ReaderId } from './events.ts'
import { FetcherGossip } from './fetcher-gossip.ts'
import { Fetchers } from './fetchers.ts'
import { Fetching } from './fetching.ts'
import { GatewayTurns } from './gateway-turns.ts'
import { Interest } from './interest.ts'
import {
  claimStallBackgroundMs,
  claimStallMs,
  heldWindowChunks,
  finishShare,
  lingerMs,
  ownLatenessMs,
  windowChunks
} from './limits.ts'
import { Members, type Member } from './members.ts'
import { MissingDigests } from './missing-digests.ts'
import { ReadersWatch } from './readers-watch.ts'
import { finisher, Wants } from './wants.ts'

export class Swarm {
  readonly transfer: TransferId
  /** As it was signed last. */
  head: SignedHead
  readonly chunks: number
  readonly chunkBytes: Bytes
  readonly members: Members
  readonly wants: Wants
  readonly have: Bitfield
  readonly digests: DigestBook
  readonly claiming: Claiming
  readonly fetching: Fetching
  pinned = false
  lastUsedAt: Millis
  /** Null: it is not. */
  completedAt: Millis | null = null
  readonly #around: Around
  readonly #interest: Interest
  readonly #gossip: FetcherGossip
  readonly #announcing: Announcing
  readonly #missingDigests: MissingDigests
  readonly #gatewayTurns: GatewayTurns
  readonly #watch: ReadersWatch
  /** Verified, in memory only: the disk is full. */
  readonly #held = new Set<number>()
  #diskFull = false
  /** The URL a local client (or, for a gateway, an agent) asked for: signed URLs differ from client to client. */
  #url: string | null = null
  /** The time of the last turn. */
  #now: Millis = 0
  #settled = false
  #backgroundTold = false
  /** Nobody here wants anything any more: what is under way is stopped then. */
  #stopAt: Millis | null = null
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
    const seed = hash32(head.transfer)
    const fetchers = new Fetchers(seed)
    this.#interest = new Interest(this.transfer, this.wants, this.members, around)
    this.#gossip = new FetcherGossip(this.transfer, fetchers, this.members, around)
    this.#announcing = new Announcing(head, this.have, this.members, around)
    this.#missingDigests = new MissingDigests(this.transfer, this.members, around)
    this.#gatewayTurns = new GatewayTurns(around.self, this.members, seed)
    this.#watch = new ReadersWatch(this, around, now)
    this.lastUsedAt = now
    this.#settled = this.have.full
    this.claiming = new Claiming(
      {
        transfer: this.transfer,
        chunks: this.chunks,
        chunkBytes: this.chunkBytes,
        members: this.members,
        fetchers,
        wants: this.wants,
        underWay: chunk => this.has(chunk) || this.fetching.isFetching(chunk),
        url: () => this.#url,
        kept: chunk => this.have.has(chunk),
        farSource: chunk => this.#farSource(chunk),
        cancelFetches: chunk => {
          this.fetching.have(chunk)
        },
        isBackground: () => this.background,
        heldByOthers: chunk => this.#heldByOthers(chunk),
        vouched: chunk => around.role !== 'gateway' || this.digests.of(chunk) !== undefined,
        onlyAhead: () => (this.#diskFull ? heldWindowChunks : null),
        say: (message, toAll) => {
          const to = toAll === true ? [...around.peers.keys()] : this.members.nearLeechers()
          this.#say(
            to.filter(peer => around.givesTo(peer)),
            { ...message, transfer: this.transfer }
          )
        },
        refresh: (first, end) => {
          for (let chunk = first; chunk < end; chunk++) this.fetching.refresh(chunk)
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
        drawnFrom: chunk => this.claiming.drawnFrom(chunk),
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
  /** A background flow is under way, from there. */
  get backgroundUrl(): string | null {
    return this.#backgroundTold && this.claiming.flowing ? this.#url : null
  }
  /** Something is wanted, and nobody of the site waits for it. */
  get background(): boolean {
    return this.wants.any && !this.wants.foreground && !this.members.foreground
  }
  get atWork(): boolean {
    return this.wants.any || this.fetching.size > 0 || this.claiming.flowing
  }
  get url(): string | null {
    return this.#url
  }
  /** It was, when a chunk came last. */
  get diskFull(): boolean {
    return this.#diskFull
  }
  get keptBytes(): Bytes {
    return this.have.count * this.chunkBytes
  }

  // ------------------------------------------------------------------------------------------- clients

  wish(url: string): void {
    this.#url = url
  }

  addReader(reader: ReaderId, bytes: Span, background: boolean, now: Millis): void {
    this.lastUsedAt = now
    this.wants.addReader(reader, bytes, background, now)
    this.#wantsChanged(now)
  }

  moveReader(reader: ReaderId, position: Bytes, now: Millis): void {
    if (this.wants.moveReader(reader, position, now)) this.lastUsedAt = now
  }

  /** What is nearly complete is finished, in the background: the rest is little, and without it all of it is of less use. */
  removeReader(reader: ReaderId, now: Millis): void {
    const left = this.wants.readers.get(reader)
    if (left === undefined) return
    this.wants.readers.delete(reader)
    const missing = this.chunks - this.have.count
    const isNearlyFinished = missing > 0 && missing <= this.chunks * finishShare
    if (left.endChunk === this.chunks && isNearlyFinished && !this.#diskFull && this.wants.readers.size === 0)
      this.wants.finish(now)
    this.#wantsChanged(now)
  }

  #finished(now: Millis): void {
    if (this.wants.readers.delete(finisher)) this.#wantsChanged(now)
  }

  // ------------------------------------------------------------------------------------------- peers

  peerJoined(peer: AgentId): void {
    this.#interest.tell(peer)
  }

  peerLeft(peer: AgentId, now: Millis): void {
    const had = this.members.leave(peer)
    this.claiming.left(peer, now)
    this.#gossip.drop(peer, now)
    for (const chunk of had) this.#refresh(chunk)
    if (this.#around.role === 'gateway') this.#wantsChanged(now)
  }

  /** @returns whether it changed anything that this agent may act on; most haves are of chunks that it has. */
  said(
    peer: AgentId,
    kind: PeerKind,
    message: SwarmMessage & { readonly transfer: TransferId },
    now: Millis
  ): boolean {
    const member = this.members.of(peer, kind)
    if (kind.role === 'gateway' && this.#isAtWork(message)) this.#gatewaySign(member, now)
    if (message.type === 'interested') this.#heardInterested(member, message, now)
    else if (message.type === 'not-interested') {
      member.interested = false
      member.wants = []
      this.members.interestChanged()
      this.#gossip.drop(peer, now)
      if (this.#around.role === 'gateway') this.#wantsChanged(now)
    } else if (message.type === 'bitfield') this.#heardBitfield(member, message.bits, message.claims, now)
    else if (message.type === 'have') {
      let matters = false
      for (const chunk of message.chunks) if (this.#heardHave(member, chunk, now)) matters = true
      return matters
    } else if (kind.far && isOfOneSite(message)) return false
    else if (message.type === 'claim') return this.claiming.heard(message.claim, member, now)
    else if (message.type === 'release') this.claiming.released(message.claim, now)
    else if (message.type === 'fetchers') this.#gossip.heard(message.agents, now)
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
      (this.claiming.gateway.waitUntil(now) ?? this.claiming.farGateway.waitUntil(now)) !== null &&
      this.#around.peers.get(digests.signed.issuer)?.role === 'agent'
    )
      return
    const news = this.digests.add(digests)
    if (news.length > 0) this.#around.effect({ type: 'keep-digests', digests })
    for (const chunk of news) {
      this.#missingDigests.known(chunk)
      this.#refresh(chunk)
    }
    if (!own) return
    this.#say(this.members.leechers(), { type: 'digests', digests, proof: null })
    this.#announcing.signed(digests.entries)
  }

  #heardInterested(member: Member, message: SwarmMessage & { type: 'interested' }, now: Millis): void {
    const isNew = !member.interested
    member.interested = true
    member.weight = message.weight
    member.background = message.background
    member.wants = message.wants.map(([start, end]) => ({ start, end: Math.min(end, this.chunks) }))
    this.members.interestChanged()
    if (!member.far) this.#gossip.note(member.id, message.weight, now)
    if (isNew) {
      this.#tellAll(member.id)
      // Whoever is connected has heard of our own interest; a gateway's words are also the sign that it is at work.
      const isGateway = this.#around.role === 'gateway'
      if (isGateway || member.wasIgnorant) this.#interest.answer(member.id, isGateway && this.#url !== null)
      member.wasIgnorant = false
    }
    if (this.#around.role === 'gateway') {
      this.lastUsedAt = now
      this.#wantsChanged(now)
    }
  }

  /** Whether we give, and to whom, is not what it was. */
  sharingChanged(nowGiven: readonly AgentId[], now: Millis): void {
    for (const peer of nowGiven) if (this.members.get(peer)?.interested === true) this.#tellAll(peer)
    if (!this.wants.any) return
    this.#gossip.begin(now)
    this.#interest.tellChanges()
  }

  #tellAll(peer: AgentId): void {
    const gives = this.#around.givesTo(peer)
    this.#say([peer], {
      type: 'bitfield',
      transfer: this.transfer,
      bits: (gives ? this.#announced() : new Bitfield(this.chunks)).toBytes(),
      claims: this.claiming.inForce(gives)
    })
  }

  #heardBitfield(member: Member, bits: Uint8Array, claims: readonly Claim[], now: Millis): void {
    member.introduced = true
    member.wasIgnorant = bits.length === 0
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
    for (const claim of member.far ? [] : claims) {
      const claimant = this.members.get(claim.claimant)
      if (claim.claimant !== this.#around.self && this.claiming.claims.of(claim.extent) === undefined) {
        this.claiming.heard(claim, claimant ?? { id: claim.claimant, weight: 0 }, now)
      }
    }
  }

  #heardHave(member: Member, chunk: number, now: Millis): boolean {
    if (chunk >= this.chunks || !this.members.has(member, chunk)) return false
    if (!member.far) this.claiming.showed(chunk, now)
    if (this.has(chunk)) return false
    if (!member.far) this.#watch.news(now)
    if (!member.far && this.members.holders(chunk) === 1) this.claiming.brought(member.id, chunk)
    if (this.wants.isWanted(chunk) && this.digests.of(chunk) === undefined)
      this.#missingDigests.expect(chunk, now)
    if (this.members.onlyGatewaysHave(chunk) && this.#around.role !== 'gateway')
      this.#gatewayTurns.delay(chunk, now)
    else this.#gatewayTurns.forget(chunk)
    this.#refresh(chunk)
    return true
  }

  /** Whether only a gateway that can get at the bytes says so. What it has from the site's members, and passes on, shows nothing. */
  #isAtWork(message: SwarmMessage): boolean {
    if (message.type === 'have')
      return message.chunks.some(chunk => !this.has(chunk) && this.members.holders(chunk) === 0)
    return message.type === 'interested' || message.type === 'bitfield' || message.type === 'claim'
  }

  #gatewaySign(member: Member, now: Millis): void {
    const { gateway, farGateway } = this.claiming
    if (member.interested && member.weight > 0) (member.far ? farGateway : gateway).sign(now)
  }

  // ------------------------------------------------------------------------------------------- data

  /** Kept in an earlier life that ended before these were signed. */
  sign(unsigned: readonly DigestEntry[], now: Millis): void {
    for (const [chunk, digest] of unsigned) this.#announcing.stored(chunk, digest, false, true, now)
  }

  stored(chunk: number, digest: Digest, kept: boolean, fromUpstream: boolean, now: Millis): void {
    this.#watch.came(now)
    this.#missingDigests.known(chunk)
    this.#gatewayTurns.forget(chunk)
    if (kept) {
      this.#held.delete(chunk)
      // A chunk that comes a second time (from a flow that could not be stopped in time) is no news.
      if (!this.have.set(chunk)) return
      this.#announcing.stored(chunk, digest, this.digests.of(chunk) !== undefined, fromUpstream, now)
    } else {
      this.#diskFull = true
      this.#held.add(chunk)
    }
    if (this.#watch.inVain(chunk, fromUpstream)) this.claiming.claims.morePatience()
    this.claiming.showed(chunk, now)
    this.fetching.have(chunk)
    if (!fromUpstream) this.claiming.drawn(chunk, now)
    this.#refresh(chunk)
    if (this.have.full && !this.#settled) {
      this.#settled = true
      this.completedAt = now
      this.#finished(now)
      this.#around.effect({ type: 'transfer-complete', transfer: this.transfer })
    }
  }

  fetchFailed(fetch: FetchId, reason: FetchFailure, retryAfterMs: Millis, now: Millis): void {
    const chunk = this.fetching.failed(fetch, reason, retryAfterMs, now)
    // A busy gateway is asked again; for anything else the others may fare better.
    if (chunk !== null && reason !== 'busy') this.claiming.notDrawn(chunk, now)
  }

  dropped(chunk: number): void {
    this.#held.delete(chunk)
    // A kept chunk that can no longer be read counts as never had.
    if (this.have.clear(chunk)) {
      this.#settled = false
      this.completedAt = null
    }
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
      this.fail('the upstream now serves another version of this content')
    }
  }

  // ------------------------------------------------------------------------------------------- the turn

  /** Does all that is due. */
  advance(now: Millis): void {
    this.#now = now
    this.#tellClass()
    if (this.#wake !== null && now - this.#wake > ownLatenessMs)
      this.claiming.claims.forgive(now - this.#wake)
    let wake: Millis | null = null
    const sooner = (at: Millis | null): void => {
      if (at !== null && (wake === null || at < wake)) wake = at
    }
    sooner(this.#announcing.tellWhenDue(now))
    if (this.wants.any) {
      sooner(this.#missingDigests.ask(now))
      sooner(
        this.#gatewayTurns.open(now, chunk => {
          this.#refresh(chunk)
        })
      )
      const introducedAt = this.#interest.introducedAt(this.#gossip.memberSince, now)
      if (introducedAt <= now) sooner(this.claiming.take(now))
      else sooner(introducedAt)
      sooner(this.#gossip.tell(now))
      // Peers are asked first: a chunk that has just shown up must not be taken for one that nobody brings.
      sooner(this.fetching.fetchMore(now))
      sooner(this.#watch.look(now))
    }
    if (this.#stopAt !== null && this.#stopAt <= now) this.#stop(now)
    sooner(this.#stopAt)
    sooner(this.claiming.tell(now))
    this.#wake = wake
  }

  #stop(now: Millis): void {
    this.#stopAt = null
    this.fetching.stop()
    this.claiming.stop(now)
    this.#interest.end()
    this.#gossip.stop()
  }

  #tellClass(): void {
    const { background } = this
    if (background === this.#backgroundTold) return
    this.#backgroundTold = background
    this.claiming.claims.stallsAfter(background ? claimStallBackgroundMs : claimStallMs)
    this.#around.effect({ type: 'set-class', transfer: this.transfer, background })
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
        !this.has(chunk)
      )
        this.#missingDigests.miss(chunk, now)
      this.#refresh(chunk)
    }
    if (!this.wants.any) {
      this.#stopAt ??= this.have.full ? now : now + lingerMs
      return
    }
    this.#stopAt = null
    if (this.#interest.begin(now)) {
      this.claiming.gateway.begin(now)
      this.claiming.farGateway.begin(now)
      this.#gossip.begin(now)
    }
    this.#interest.tellChanges()
  }

  // ------------------------------------------------------------------------------------------- small questions

  /** Kept, or held in memory. */
  has(chunk: number): boolean {
    return this.have.has(chunk) || this.#held.has(chunk)
  }

  fail(reason: string): void {
    this.#around.effect({ type: 'fail-transfer', transfer: this.transfer, reason })
    this.#finished(this.#now)
  }

  /** What we have and others can check: without its digest a chunk is of use to nobody. */
  #announced(): Bitfield {
    if (this.digests.complete) return this.have
    const announced = new Bitfield(this.chunks)
    for (const chunk of this.have.indices()) if (this.digests.of(chunk) !== undefined) announced.set(chunk)
    return announced
  }

  #heldByOthers(chunk: number): boolean {
    if (this.members.holders(chunk) === 0 || this.#missingDigests.isLate(chunk, this.#now)) return false
    const { scores } = this.#around
    return !scores.anyTroubled || this.members.holdersOf(chunk).some(peer => !scores.isTroubled(peer))
  }

  #farSource(chunk: number): AgentId | null {
    if (this.digests.of(chunk) === undefined) return null
    const { scores } = this.#around
    const able = (peer: AgentId): boolean => !scores.banned(peer, this.#now) && !scores.isTroubled(peer)
    return this.members.farHoldersOf(chunk).find(able) ?? null
  }

  /** May be asked of a peer now: of one at the site, or of the gateway beyond it that a claim of ours draws it from. */
  #isObtainable(chunk: number): boolean {
    if (!this.wants.isWanted(chunk) || this.has(chunk) || this.digests.of(chunk) === undefined) return false
    return this.claiming.covers(chunk)
      ? this.claiming.drawnFrom(chunk) !== null
      : this.members.holders(chunk) > 0 && !this.#gatewayTurns.delays(chunk)
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

  /** When the oldest word that what is here rests on was signed. */
  get signedAt(): Millis {
    const batches = this.digests.batches(0, this.chunks)
    return Math.min(this.head.signed.issuedAt, ...batches.map(({ signed }) => signed.issuedAt))
  }

  #say(to: readonly AgentId[], message: SwarmMessage): void {
    if (to.length > 0) this.#around.effect({ type: 'say', to, message })
  }
}

/** Who fetches what over the WAN is agreed within a site; of another's claims nothing follows for ours. */
function isOfOneSite({ type }: SwarmMessage): boolean {
  return type === 'claim' || type === 'release' || type === 'fetchers'
}
