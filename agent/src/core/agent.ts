/**
 * The agent's mind: a machine from events to effects (events.ts). It keeps one swarm a transfer, the search for keys
 * not known yet, and what is common to all swarms: peers and their scores, upload slots, the disk. It holds no byte of
 * content, reads no clock and rolls no die but its seeded one, so the simulator runs it ten thousand times over.
 */
import { assert } from '@starling/shared/errors.ts'
import type { Role } from '@starling/shared/credential.ts'
import type { AgentId, KeyHash, SiteId, TransferId } from '@starling/shared/ids.ts'
import type { Machine } from '@starling/shared/machine.ts'
import { keyHashOf, type SignedHead } from '@starling/shared/manifest.ts'
import { Prng } from '@starling/shared/prng.ts'
import { isOf, type PurgeTarget } from '@starling/shared/purge.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import type { Around, PeerKind } from './around.ts'
import { Bandwidth } from './bandwidth.ts'
import { chooseEvictions, chooseExpired } from './eviction.ts'
import type { AgentEffect, AgentEvent, CorePolicy, ReaderId, WishId } from './events.ts'
import { busyRetryMs } from './limits.ts'
import { PeerScores } from './peer-score.ts'
import { Purging } from './purging.ts'
import { seedOf } from './rendezvous.ts'
import { RequestWindow } from './request-window.ts'
import { Resolving } from './resolving.ts'
import { givesTo, isPeer, shareWithSite, type Nearness, type Sharing } from './sharing.ts'
import { Swarm } from './swarm.ts'
import { Uploads } from './uploads.ts'
import {
  lookAtCopies,
  lookAtPeers,
  lookAtTransfer,
  movingOf,
  type Copies,
  type PeerLook,
  type TransferLook
} from './why.ts'

interface Joined {
  readonly near: Nearness
  /** By its proof, whatever group we share. */
  readonly isOfOtherSite: boolean
}

const nearest: Nearness = { sameGroup: true, sameSubnet: true, sameLink: true }

export interface AgentCoreInit {
  readonly self: AgentId
  readonly role: Role
  readonly site: SiteId
  readonly policy: CorePolicy
  /** Differs from agent to agent, so that not all draw alike; fixed for a replay. */
  readonly seed: number
  /** Bans of an earlier life. */
  readonly bans: ReadonlyArray<{ readonly peer: AgentId; readonly until: Millis }>
}

/** The machine, and what people may see of its mind. Looking changes nothing. */
export interface AgentCoreMachine extends Machine<AgentEvent, AgentEffect> {
  /** Null: there is no such transfer. */
  lookAt(transfer: TransferId, now: Millis): TransferLook | null
  moving(transfer: TransferId): ReturnType<typeof movingOf>
  lookAtPeers(now: Millis): PeerLook[]
  lookAtCopies(): ReadonlyMap<TransferId, Copies>
}

export function createAgentCore(init: AgentCoreInit): AgentCoreMachine {
  return new AgentCore(init)
}

class AgentCore implements AgentCoreMachine {
  readonly #around: Around
  readonly #peers = new Map<AgentId, PeerKind>()
  readonly #joined = new Map<AgentId, Joined>()
  readonly #site: SiteId
  readonly #scores = new PeerScores()
  readonly #uploads = new Uploads()
  readonly #swarms = new Map<TransferId, Swarm>()
  readonly #newest = new Map<KeyHash, TransferId>()
  readonly #readers = new Map<ReaderId, Swarm>()
  readonly #resolving: Resolving
  readonly #purging: Purging
  readonly #bandwidth: Bandwidth
  #policy: CorePolicy
  #sharing: Sharing = shareWithSite
  #effects: AgentEffect[] = []
  #lastId = 0
  #now: Millis = 0
  #resolvingWake: Millis | null = null
  #bandwidthWake: Millis | null = null
  /** Swarms with something to do or to wait for; the others cost nothing. */
  readonly #active = new Set<Swarm>()

  constructor(init: AgentCoreInit) {
    this.#policy = init.policy
    this.#site = init.site
    for (const ban of init.bans) this.#scores.restoreBan(ban.peer, ban.until)
    const effect = (one: AgentEffect): void => {
      this.#effects.push(one)
    }
    this.#bandwidth = new Bandwidth(() => this.#policy, effect)
    this.#around = {
      self: init.self,
      selfSeed: seedOf(init.self),
      role: init.role,
      prng: new Prng(init.seed),
      scores: this.#scores,
      peers: this.#peers,
      isAwake: false,
      policy: () => this.#policy,
      givesTo: peer => this.#givesTo(peer),
      willingness: () => (this.#sharing.gives ? this.#policy.upstreamWeight : 0),
      requests: new RequestWindow(),
      site: { others: [], aloneSince: null },
      lanDown: this.#bandwidth.lanDown,
      nextId: () => ++this.#lastId,
      effect
    }
    this.#purging = new Purging(this.#around, { forget: target => this.#purge(target) })
    this.#resolving = new Resolving(this.#around, {
      fresh: key => this.#fresh(key),
      isPurged: ({ head, signed }) => this.#purging.covers(head, signed.issuedAt),
      known: (head, url, wishes) => this.#known(head, url, wishes),
      isInterested: (peer, transfer) => this.#swarms.get(transfer)?.members.get(peer)?.interested === true
    })
  }

  step(event: AgentEvent, now: Millis): AgentEffect[] {
    this.#now = now
    this.#around.isAwake = event.type === 'woke'
    this.#handle(event)
    this.#bandwidthWake = this.#bandwidth.advance(this.#backgroundUrl(), now)
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  lookAt(transfer: TransferId, now: Millis): TransferLook | null {
    const swarm = this.#swarms.get(transfer)
    return swarm === undefined ? null : lookAtTransfer(swarm, this.#around, this.#bandwidth.rates, now)
  }

  moving(transfer: TransferId): ReturnType<typeof movingOf> {
    const swarm = this.#swarms.get(transfer)
    return swarm === undefined ? [] : movingOf(swarm)
  }

  lookAtPeers(now: Millis): PeerLook[] {
    return lookAtPeers(this.#swarms.values(), this.#around, now)
  }

  lookAtCopies(): Map<TransferId, Copies> {
    return lookAtCopies(this.#swarms.values())
  }

  wakeAt(): Millis | null {
    let wake = this.#resolvingWake
    if (this.#bandwidthWake !== null && (wake === null || this.#bandwidthWake < wake))
      wake = this.#bandwidthWake
    for (const swarm of this.#active) {
      if (swarm.wake !== null && (wake === null || swarm.wake < wake)) wake = swarm.wake
    }
    return wake
  }

  #handle(event: AgentEvent): void {
    const now = this.#now
    switch (event.type) {
      case 'content-wanted':
        this.#resolving.wanted(event.wish, event.key, event.url, event.rangeFirst, now)
        this.#advanceResolving()
        break
      case 'wish-dropped':
        this.#resolving.dropped(event.wish)
        break
      case 'range-wanted':
        this.#swarmDo(event.transfer, swarm => {
          this.#readers.set(event.reader, swarm)
          swarm.addReader(event.reader, { start: event.start, end: event.end }, event.background, now)
        })
        break
      case 'range-moved':
        this.#readerDo(event.reader, swarm => {
          swarm.moveReader(event.reader, event.position, now)
        })
        break
      case 'range-done':
        this.#readerDo(event.reader, swarm => {
          swarm.removeReader(event.reader, now)
        })
        this.#readers.delete(event.reader)
        break
      case 'resolved':
        if (!this.#resolving.resolved(event.key, event.head, now)) {
          if (event.flow !== null)
            this.#around.effect({ type: 'cancel-flow', flow: event.flow.id, afterChunk: false })
        } else if (event.flow !== null) {
          const { id, firstChunk, endChunk } = event.flow
          this.#swarmDo(event.head.transfer, swarm => {
            swarm.claiming.adopt(id, firstChunk, endChunk, now)
          })
        }
        break
      case 'not-resolved':
        this.#resolving.notResolved(event.key, event.reason, event.failed, now)
        this.#advanceResolving()
        break
      case 'peer-joined':
        if (this.#scores.banned(event.peer, now)) {
          this.#around.effect({ type: 'hang-up', peer: event.peer, reason: 'banned' })
          break
        }
        if (!this.#join(event)) break
        this.#around.site.aloneSince = null
        this.#purging.joined(event.peer)
        for (const swarm of this.#active) swarm.peerJoined(event.peer)
        this.#resolving.joined(event.peer)
        break
      case 'peer-left':
        this.#joined.delete(event.peer)
        this.#peers.delete(event.peer)
        if (this.#peers.size === 0) this.#around.site.aloneSince = now
        this.#scores.left(event.peer)
        for (const swarm of this.#swarms.values()) {
          if (swarm.members.get(event.peer) === undefined) continue
          swarm.fetching.peerLeft(event.peer)
          swarm.peerLeft(event.peer, now)
          this.#advance(swarm)
        }
        this.#resolving.left(event.peer, now)
        this.#advanceResolving()
        break
      case 'peer-said':
        this.#peerSaid(event.peer, event.message)
        break
      case 'chunk-asked':
        this.#chunkAsked(event)
        break
      case 'upload-ended':
        this.#uploads.ended(event.upload)
        break
      case 'chunk-stored':
        this.#swarmDo(event.transfer, swarm => {
          if (event.fetch !== null && event.source.kind === 'peer')
            swarm.fetching.delivered(event.fetch, event.source.peer, now)
          swarm.stored(event.chunk, event.digest, event.kept, event.source.kind === 'upstream', now)
          if (event.source.kind === 'upstream') swarm.claiming.filled(event.source.flow, event.chunk, now)
        })
        break
      case 'chunk-dropped':
        this.#swarmDo(event.transfer, swarm => {
          swarm.dropped(event.chunk)
        })
        break
      case 'fetch-failed':
        this.#ownerDo(
          swarm => swarm.fetching.owns(event.fetch),
          swarm => {
            swarm.fetchFailed(event.fetch, event.reason, event.retryAfterMs, now)
          }
        )
        break
      case 'flow-progress':
        this.#ownerDo(
          swarm => swarm.claiming.hasFlow(event.flow),
          swarm => {
            swarm.claiming.progress(event.flow, event.bytes, now)
          }
        )
        break
      case 'flow-moved':
        this.#ownerDo(
          swarm => swarm.claiming.hasFlow(event.flow),
          swarm => {
            swarm.claiming.moved(event.flow, event.firstChunk, event.endChunk, now)
          }
        )
        break
      case 'flow-ended':
        this.#ownerDo(
          swarm => swarm.claiming.hasFlow(event.flow),
          swarm => {
            swarm.flowEnded(event.flow, event.reason, now)
            if (event.reason === 'changed') this.#newest.delete(keyHashOf(swarm.head.head.key))
          }
        )
        break
      case 'digests-signed':
        this.#swarmDo(event.digests.transfer, swarm => {
          swarm.learnt(event.digests, true, now)
        })
        break
      case 'transfer-loaded': {
        if (this.#purging.covers(event.head.head, event.head.signed.issuedAt)) {
          this.#around.effect({ type: 'forget-transfer', transfer: event.head.transfer })
          break
        }
        const swarm = new Swarm(event.head, this.#around, now, event.have)
        swarm.lastUsedAt = event.lastUsedAt
        // What an older program completed was complete when it was used last, or earlier.
        swarm.completedAt = event.completedAt ?? (event.have.full ? event.lastUsedAt : null)
        swarm.pinned = event.pinned
        for (const digests of event.digests) swarm.digests.add(digests)
        this.#swarms.set(swarm.transfer, swarm)
        this.#noteNewest(event.head)
        if (event.unsigned.length > 0)
          this.#swarmDo(swarm.transfer, loaded => loaded.sign(event.unsigned, now))
        break
      }
      case 'transfer-pinned':
        this.#swarmDo(event.transfer, swarm => {
          swarm.pinned = event.pinned
        })
        break
      case 'transfer-forgotten':
        this.#forget(event.transfer)
        break
      case 'purged':
        this.#purging.heard(event.purge, null, now)
        break
      case 'disk-changed':
        this.#makeRoom(event)
        break
      case 'site-changed':
        this.#around.site.others = event.others
        break
      case 'delay-sample':
        this.#bandwidth.sampled(event.roundTrip, event.backgroundBytes, now)
        break
      case 'local-time':
        this.#bandwidth.localTime(event.time)
        break
      case 'policy-changed':
        this.#policy = event.policy
        this.#bandwidth.policyChanged()
        for (const swarm of this.#active) this.#advance(swarm)
        break
      case 'sharing-changed':
        this.#share(event.sharing)
        break
      case 'woke':
        if (this.#resolvingWake !== null && this.#resolvingWake <= now) this.#advanceResolving()
        for (const swarm of this.#active) if (swarm.wake !== null && swarm.wake <= now) this.#advance(swarm)
        break
    }
  }

  /** @returns false: there is to be no talk with it. */
  #join({ peer, role, site, near = nearest }: AgentEvent & { type: 'peer-joined' }): boolean {
    if (!isPeer(this.#sharing, this.#around.role, { role }, near)) {
      this.#around.effect({ type: 'hang-up', peer, reason: 'policy' })
      return false
    }
    this.#joined.set(peer, { near, isOfOtherSite: site !== this.#site })
    this.#peers.set(peer, { role, far: this.#isFar(peer, role, this.#sharing) })
    return true
  }

  /** Agents of a group are one site, wherever they are; a gateway is at its own. */
  #isFar(peer: AgentId, role: Role, { scope }: Sharing): boolean {
    const { near, isOfOtherSite } = this.#joined.get(peer)!
    return role === 'agent' && scope === 'group' && near.sameGroup ? false : isOfOtherSite
  }

  #share(sharing: Sharing): void {
    const given = new Set([...this.#joined.keys()].filter(peer => this.#givesTo(peer)))
    for (const [peer, { role, far }] of this.#peers) {
      const { near } = this.#joined.get(peer)!
      const stays =
        isPeer(sharing, this.#around.role, { role }, near) && this.#isFar(peer, role, sharing) === far
      // Who has become another kind of peer comes back as one.
      if (!stays) this.#around.effect({ type: 'hang-up', peer, reason: 'policy' })
    }
    this.#sharing = sharing
    const nowGiven = [...this.#joined.keys()].filter(peer => this.#givesTo(peer) && !given.has(peer))
    for (const swarm of this.#swarms.values()) {
      swarm.sharingChanged(nowGiven, this.#now)
      if (this.#active.has(swarm)) this.#advance(swarm)
    }
  }

  #givesTo(peer: AgentId): boolean {
    return givesTo(this.#sharing, this.#around.role, this.#joined.get(peer)?.isOfOtherSite === true)
  }

  #peerSaid(peer: AgentId, message: SwarmMessage): void {
    const kind = this.#peers.get(peer)
    if (kind === undefined) return
    switch (message.type) {
      case 'ask':
        this.#resolving.asked(peer, message.key, message.url, this.#now)
        this.#advanceResolving()
        break
      case 'looking':
      case 'head':
      case 'not-shared':
      case 'unknown-key':
      case 'asked-before':
        this.#resolving.said(peer, message, this.#now)
        this.#advanceResolving()
        // A gateway that has just learnt of the transfer did not hear our interest.
        if (message.type === 'head' && kind.role === 'gateway')
          this.#swarms.get(message.head.transfer)?.peerJoined(peer)
        break
      case 'purge': {
        const { target, signed } = message.purge
        const word = { signed, proof: message.proof }
        this.#purging.heard({ target, purgedAt: signed.issuedAt, word }, peer, this.#now)
        break
      }
      case 'digests':
        this.#swarmDo(message.digests.transfer, swarm => {
          // The same version may have been purged because its bytes were wrong.
          if (this.#purging.covers(swarm.head.head, message.digests.signed.issuedAt)) return
          swarm.learnt(message.digests, false, this.#now)
        })
        break
      case 'interested':
      case 'not-interested':
      case 'bitfield':
      case 'have':
      case 'claim':
      case 'release':
      case 'fetchers':
      case 'ask-digests': {
        const swarm = this.#swarms.get(message.transfer)
        if (swarm !== undefined) {
          const matters = swarm.said(peer, kind, message, this.#now)
          if (matters || (swarm.wake !== null && swarm.wake <= this.#now)) this.#advance(swarm)
        } else if (message.type === 'interested') {
          this.#around.effect({
            type: 'say',
            to: [peer],
            message: { type: 'bitfield', transfer: message.transfer, bits: new Uint8Array(0), claims: [] }
          })
        }
      }
    }
  }

  #chunkAsked(event: AgentEvent & { type: 'chunk-asked' }): void {
    const swarm = this.#swarms.get(event.transfer)
    if (swarm === undefined || !swarm.have.has(event.chunk) || !this.#givesTo(event.peer)) {
      this.#around.effect({ type: 'refuse', upload: event.upload, reason: 'gone', retryAfterMs: 0 })
      return
    }
    const { lanUp } = this.#bandwidth
    const waitMs = lanUp.freeAt() - this.#now
    if (waitMs <= 0 && this.#uploads.take(event.upload, event.peer, this.#policy.uploadSlots)) {
      swarm.lastUsedAt = this.#now
      lanUp.take(swarm.chunkBytes, this.#now)
      this.#around.effect({ type: 'serve', upload: event.upload })
    } else {
      const retryAfterMs = Math.max(busyRetryMs, Math.ceil(waitMs))
      this.#around.effect({ type: 'refuse', upload: event.upload, reason: 'busy', retryAfterMs })
    }
  }

  #known(head: SignedHead, url: string | null, wishes: Iterable<WishId>): void {
    let swarm = this.#swarms.get(head.transfer)
    if (swarm === undefined && head.head.length < this.#sharing.contentBytesMin) {
      for (const wish of wishes)
        this.#around.effect({ type: 'pass-wish', wish, reason: 'too small to be shared here' })
      return
    }
    if (swarm === undefined) {
      swarm = new Swarm(head, this.#around, this.#now)
      this.#swarms.set(head.transfer, swarm)
      this.#around.effect({ type: 'open-transfer', head })
    } else if (swarm.head.signed.expiresAt <= this.#now && head.signed.serial > swarm.head.signed.serial) {
      // The same version, looked up again: it is fresh for another while. Before that each head heard would be written anew.
      swarm.head = head
      this.#around.effect({ type: 'open-transfer', head })
    }
    this.#noteNewest(head)
    if (url !== null) swarm.wish(url)
    for (const wish of wishes) this.#around.effect({ type: 'answer-wish', wish, transfer: head.transfer })
    this.#advance(swarm)
  }

  #noteNewest(head: SignedHead): void {
    const key = keyHashOf(head.head.key)
    const known = this.#newest.get(key)
    const serial = known === undefined ? -1 : (this.#swarms.get(known)?.head.signed.serial ?? -1)
    if (head.signed.serial >= serial) this.#newest.set(key, head.transfer)
  }

  #fresh(key: KeyHash): SignedHead | null {
    const transfer = this.#newest.get(key)
    const swarm = transfer === undefined ? undefined : this.#swarms.get(transfer)
    return swarm !== undefined && swarm.head.signed.expiresAt > this.#now ? swarm.head : null
  }

  #makeRoom(disk: AgentEvent & { type: 'disk-changed' }): void {
    const swarms = [...this.#swarms.values()].map(swarm => ({
      transfer: swarm.transfer,
      keptBytes: swarm.keptBytes,
      lastUsedAt: swarm.lastUsedAt,
      completedAt: swarm.completedAt,
      copies: swarm.members.complete(),
      pinned: swarm.pinned,
      atWork: swarm.atWork
    }))
    const expired = new Set(
      disk.ageMsMax === undefined ? [] : chooseExpired(swarms, disk.ageMsMax, this.#now)
    )
    const others = swarms.filter(({ transfer }) => !expired.has(transfer))
    for (const transfer of [...expired, ...chooseEvictions(others, disk)])
      this.#around.effect({ type: 'evict', transfer })
  }

  #forget(transfer: TransferId): void {
    const swarm = this.#swarms.get(transfer)
    if (swarm === undefined) return
    for (const [reader, owner] of this.#readers) if (owner === swarm) this.#readers.delete(reader)
    swarm.fetching.stop()
    swarm.claiming.stop(this.#now)
    this.#swarms.delete(transfer)
    this.#active.delete(swarm)
    const key = keyHashOf(swarm.head.head.key)
    if (this.#newest.get(key) === transfer) this.#newest.delete(key)
  }

  /** @returns how many transfers are gone. */
  #purge(target: PurgeTarget): number {
    const old = [...this.#swarms.values()].filter(
      ({ head: { head }, signedAt }) => isOf(target, head) && this.#purging.covers(head, signedAt)
    )
    for (const { transfer } of old) {
      this.#forget(transfer)
      this.#around.effect({ type: 'forget-transfer', transfer })
    }
    this.#resolving.purged(target)
    this.#advanceResolving()
    return old.length
  }

  #backgroundUrl(): string | null {
    for (const swarm of this.#active) {
      const { backgroundUrl } = swarm
      if (backgroundUrl !== null) return backgroundUrl
    }
    return null
  }

  #advanceResolving(): void {
    this.#resolvingWake = this.#resolving.advance(this.#now)
  }

  #swarmDo(transfer: TransferId, action: (swarm: Swarm) => void): void {
    const swarm = this.#swarms.get(transfer)
    if (swarm === undefined) return
    action(swarm)
    this.#advance(swarm)
  }

  #readerDo(reader: ReaderId, action: (swarm: Swarm) => void): void {
    const swarm = this.#readers.get(reader)
    if (swarm === undefined) return
    action(swarm)
    this.#advance(swarm)
  }

  #ownerDo(owns: (swarm: Swarm) => boolean, action: (swarm: Swarm) => void): void {
    for (const swarm of this.#active) {
      if (!owns(swarm)) continue
      action(swarm)
      this.#advance(swarm)
      return
    }
  }

  #advance(swarm: Swarm): void {
    assert(this.#swarms.get(swarm.transfer) === swarm, 'only living swarms advance')
    swarm.advance(this.#now)
    if (swarm.atWork || swarm.wake !== null) this.#active.add(swarm)
    else this.#active.delete(swarm)
  }
}
