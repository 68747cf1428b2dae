/**
 * Why a download goes as it goes, in words that a page can translate and a terminal can say: out of the state that the
 * decisions were made from, not out of a second opinion.
 *
 * Whoever asks changes nothing: no die is rolled, nothing is noted, and no patience is measured anew (`Claims.deadline` would
 * do that), so an agent that is watched decides as one that is not.
 */
import { chunksOf } from '@starling/shared/chunking.ts'
import type { Role } from '@starling/shared/credential.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'
import type { Around } from './around.ts'
import type { WanRates } from './events.ts'
import { requestsPerPeerMax } from './limits.ts'
import type { ScoreLook } from './peer-score.ts'
import type { Swarm } from './swarm.ts'

type Nothing = Readonly<Record<string, never>>
type Reason<Params> = {
  [Code in keyof Params]: { readonly code: Code; readonly params: Readonly<Params[Code]> }
}[keyof Params]

/** Of the download as a whole. */
export interface TransferReasons {
  complete: Nothing
  'not-wanted': Nothing
  /** Nobody waits for it, here or at the site. */
  background: Nothing
  /** Chunks are being asked of peers. */
  'from-peers': { requests: number; peers: number }
  'from-origin': { flows: number }
  /** The origin's part, drawn from a gateway beyond the site. */
  'from-far-gateway': { flows: number }
  /** Others of the site fetch what is missing; it comes from them. */
  'others-fetch': { chunks: number; claimants: number }
  'no-peers': Nothing
  /** Peers are there, and none has any of what is missing. */
  'peers-have-nothing': { peers: number }
  'digests-missing': { chunks: number }
  /** Why this agent does not ask the origin. */
  'waits-for-gateway': { ms: Millis }
  'waits-for-peers-back': { ms: Millis }
  'upstream-failed': { ms: Millis }
  'upstream-refused': Nothing
  /** policy: upstreamWeight is 0. */
  'wan-forbidden': Nothing
  'no-address': Nothing
  'one-whole-answer': Nothing
  'not-a-fetcher': Nothing
  'waits-for-turn': Nothing
  /** What policy allows, and is used up. */
  'site-flows-used': { slots: number }
  'own-flows-used': { slots: number }
  'requests-used': { slots: number }
  /** `policy` has the name of the delay before a client's chunk is fetched over HTTP out of turn. */
  'http-delayed': { policy: string; ms: Millis; waitedMs: Millis }
  'lan-rate': { bytesPerSecond: BytesPerSecond }
  'wan-rate': { bytesPerSecond: BytesPerSecond }
  'foreground-rate': { bytesPerSecond: BytesPerSecond }
  'background-rate': { bytesPerSecond: BytesPerSecond }
  'disk-full': Nothing
  'gives-nothing': Nothing
}
export type TransferReason = Reason<TransferReasons>

/** Of one peer: why it is asked, or is not. */
export interface PeerReasons {
  /** Requests to it are open. */
  asked: { requests: number }
  /** It could be asked, and others were drawn. */
  ready: Nothing
  'has-nothing-needed': Nothing
  /** It has said nothing of this content. */
  'does-not-know-it': Nothing
  banned: { ms: Millis }
  'sent-corrupt': { strikes: number; ms: Millis }
  /** The same, and it may be asked again. */
  'sent-corrupt-before': { strikes: number }
  /** It failed again and again, or never delivered: not believed until it does. */
  failing: { failures: number; ms: Millis }
  /** The same, and it may be asked again. */
  unproven: Nothing
  busy: { ms: Millis }
  'queue-full': { requests: number }
  /** A gateway is one port for the whole site: asked only for what no agent has. */
  'gateway-spared': Nothing
  /** Of another site: what comes from it crosses the WAN, and so is claimed like the origin's. */
  'other-site': Nothing
  /** It claimed and brought nothing: its claims do not count for a while. */
  'claims-ignored': Nothing
  /** It takes much longer than the quickest one here. */
  slow: { chunkMs: Millis; bestMs: Millis }
}
export type PeerReason = Reason<PeerReasons>

export interface WhyPeer {
  readonly peer: AgentId
  readonly role: Role
  readonly otherSite: boolean
  /** Chunks that it has said to have; of these, what is wanted and missing here. */
  readonly chunks: number
  readonly useful: number
  readonly reasons: readonly PeerReason[]
}

/** Who of the site fetches a run of chunks over the WAN. */
export interface WhyClaim {
  readonly extent: number
  readonly firstChunk: number
  readonly endChunk: number
  readonly claimant: AgentId
  readonly own: boolean
  readonly bytesDone: Bytes
  readonly sinceMs: Millis
  /** So long nothing more of it has shown up. */
  readonly silentMs: Millis
}

export interface TransferLook {
  readonly transfer: TransferId
  readonly key: string
  /** What was asked for last, by a client here or (of a gateway) by an agent; null: nothing since the start. */
  readonly url: string | null
  readonly background: boolean
  /** Upstream flows of this agent for it, and requests to peers. */
  readonly flows: number
  readonly requests: number
  readonly chunks: number
  readonly keptChunks: number
  /** Wanted, and not here. */
  readonly missingChunks: number
  readonly reasons: readonly TransferReason[]
  readonly peers: readonly WhyPeer[]
  readonly claims: readonly WhyClaim[]
}

/** Slower than this many times the quickest is worth a word. */
const slowTimes = 4

export function lookAtTransfer(swarm: Swarm, around: Around, rates: WanRates, now: Millis): TransferLook {
  const missing = missingOf(swarm)
  const peers = peersOf(swarm, around, missing, now)
  const claims = claimsOf(swarm, around, now)
  return {
    transfer: swarm.transfer,
    key: swarm.head.head.key,
    url: swarm.url,
    background: swarm.background,
    flows: swarm.claiming.ownFlows().length,
    requests: swarm.fetching.size,
    chunks: swarm.chunks,
    keptChunks: swarm.have.count,
    missingChunks: missing.length,
    reasons: swarm.have.full
      ? [{ code: 'complete', params: {} }]
      : reasonsOf(swarm, around, { rates, missing, peers, claims, now }),
    peers,
    claims
  }
}

/** What is on its way here: the chunk, and the peer that it comes from; null: the origin. */
export function movingOf(swarm: Swarm): Array<{ readonly chunk: number; readonly from: AgentId | null }> {
  return [
    ...swarm.fetching.open().map(({ chunk, peer }) => ({ chunk, from: peer })),
    ...swarm.claiming
      .ownFlows()
      .filter(({ via, next, end }) => via === null && next < end)
      .map(({ next }) => ({ chunk: next, from: null }))
  ]
}

function missingOf(swarm: Swarm): number[] {
  const missing: number[] = []
  for (const { start, end } of swarm.wants.spans)
    for (let chunk = start; chunk < end; chunk++) if (!swarm.has(chunk)) missing.push(chunk)
  return missing
}

interface Seen {
  readonly rates: WanRates
  readonly missing: readonly number[]
  readonly peers: readonly WhyPeer[]
  readonly claims: readonly WhyClaim[]
  readonly now: Millis
}

function reasonsOf(swarm: Swarm, around: Around, seen: Seen): TransferReason[] {
  if (!swarm.wants.any) return [{ code: 'not-wanted', params: {} }]
  return [
    ...comingFrom(swarm),
    ...peersLacking(swarm, around, seen),
    ...(seen.missing.length === 0 ? [] : waiting(swarm, around, seen)),
    ...limited(swarm, around, seen)
  ]
}

function comingFrom(swarm: Swarm): TransferReason[] {
  const reasons: TransferReason[] = []
  const open = swarm.fetching.open()
  const flows = swarm.claiming.ownFlows()
  const far = flows.filter(({ via }) => via !== null).length
  if (open.length > 0)
    reasons.push({
      code: 'from-peers',
      params: { requests: open.length, peers: new Set(open.map(({ peer }) => peer)).size }
    })
  if (flows.length > far) reasons.push({ code: 'from-origin', params: { flows: flows.length - far } })
  if (far > 0) reasons.push({ code: 'from-far-gateway', params: { flows: far } })
  if (swarm.background) reasons.push({ code: 'background', params: {} })
  return reasons
}

function peersLacking(swarm: Swarm, around: Around, { missing, peers, claims }: Seen): TransferReason[] {
  const reasons: TransferReason[] = []
  const others = claims.filter(({ own }) => !own)
  const claimed = missing.filter(chunk =>
    others.some(({ firstChunk, endChunk }) => chunk >= firstChunk && chunk < endChunk)
  )
  if (claimed.length > 0)
    reasons.push({
      code: 'others-fetch',
      params: { chunks: claimed.length, claimants: new Set(others.map(({ claimant }) => claimant)).size }
    })
  if (around.peers.size === 0) reasons.push({ code: 'no-peers', params: {} })
  else if (missing.length > 0 && peers.every(({ useful }) => useful === 0))
    reasons.push({ code: 'peers-have-nothing', params: { peers: around.peers.size } })
  const undigested = missing.filter(
    chunk => swarm.digests.of(chunk) === undefined && swarm.members.holders(chunk) > 0
  )
  if (undigested.length > 0) reasons.push({ code: 'digests-missing', params: { chunks: undigested.length } })
  return reasons
}

function waiting(swarm: Swarm, around: Around, { now }: Seen): TransferReason[] {
  const { claiming } = swarm
  const reasons: TransferReason[] = []
  const held = claiming.holdsBack(now)
  const ms = held?.until == null ? 0 : Math.max(0, held.until - now)
  if (held !== null) {
    const { why } = held
    reasons.push(
      why === 'waits-for-gateway' || why === 'waits-for-peers-back' || why === 'upstream-failed'
        ? { code: why, params: { ms } }
        : { code: why, params: {} }
    )
  } else if (swarm.members.far === 0) {
    // With a gateway beyond the site the slots depend on how swift its line is, and asking for that is a measurement.
    const { site, own } = claiming.slots()
    const flows = claiming.ownFlows().length
    if (claiming.claims.size >= site) reasons.push({ code: 'site-flows-used', params: { slots: site } })
    else if (flows >= own) reasons.push({ code: 'own-flows-used', params: { slots: own } })
    else if (flows === 0 && swarm.fetching.size === 0) reasons.push({ code: 'waits-for-turn', params: {} })
  }
  const policy = around.policy()
  for (const reader of swarm.wants.readers.values()) {
    const { chunk, endChunk, background, movedAt } = reader
    if (chunk >= endChunk || swarm.has(chunk) || claiming.covers(chunk)) continue
    const delayMs = background
      ? policy.delayBackgroundDownloadFromHttpMs
      : policy.delayForegroundDownloadFromHttpMs
    if (!Number.isFinite(delayMs)) continue
    const name = background ? 'DODelayBackgroundDownloadFromHttp' : 'DODelayForegroundDownloadFromHttp'
    reasons.push({
      code: 'http-delayed',
      params: { policy: name, ms: delayMs, waitedMs: Math.max(0, now - movedAt) }
    })
    break
  }
  return reasons
}

function limited(swarm: Swarm, around: Around, { rates, now }: Seen): TransferReason[] {
  const reasons: TransferReason[] = []
  const policy = around.policy()
  const lan = policy.maxLanDownloadBytesPerSecond
  if (around.requests.isFull(policy.downloadSlots))
    reasons.push({ code: 'requests-used', params: { slots: around.requests.open } })
  if (around.lanDown.freeAt() > now) reasons.push({ code: 'lan-rate', params: { bytesPerSecond: lan } })
  const rate = (code: 'wan-rate' | 'foreground-rate' | 'background-rate', value: BytesPerSecond | null) => {
    if (value !== null) reasons.push({ code, params: { bytesPerSecond: value } })
  }
  rate('wan-rate', rates.all)
  if (swarm.background) rate('background-rate', rates.background)
  else rate('foreground-rate', rates.foreground)
  if (swarm.diskFull) reasons.push({ code: 'disk-full', params: {} })
  if (around.willingness() === 0) reasons.push({ code: 'gives-nothing', params: {} })
  return reasons
}

function peersOf(swarm: Swarm, around: Around, missing: readonly number[], now: Millis): WhyPeer[] {
  const looks = new Map([...around.peers.keys()].map(peer => [peer, around.scores.look(peer, now)]))
  const times = [...looks.values()].map(({ chunkMs }) => chunkMs).filter(ms => ms > 0)
  const bestMs = times.length === 0 ? 0 : Math.min(...times)
  return [...around.peers].map(([peer, { role, far }]) => {
    const member = swarm.members.get(peer)
    const useful = missing.filter(chunk => member?.has?.has(chunk) === true)
    const open = swarm.fetching.open().filter(one => one.peer === peer).length
    return {
      peer,
      role,
      otherSite: far,
      chunks: member?.has?.count ?? 0,
      useful: useful.length,
      reasons: peerReasons(looks.get(peer)!, {
        open,
        useful: useful.length,
        isKnown: member !== undefined && (member.introduced || member.interested || member.has !== null),
        far,
        isSpared: role === 'gateway' && useful.every(chunk => !swarm.members.onlyGatewaysHave(chunk)),
        bestMs
      })
    }
  })
}

function peerReasons(
  look: ScoreLook,
  seen: {
    readonly open: number
    readonly useful: number
    readonly isKnown: boolean
    readonly far: boolean
    readonly isSpared: boolean
    readonly bestMs: Millis
  }
): PeerReason[] {
  const { restsMs, bannedMs, strikes, failures, chunkMs } = look
  const reasons: PeerReason[] = []
  if (seen.open > 0) reasons.push({ code: 'asked', params: { requests: seen.open } })
  if (bannedMs > 0) reasons.push({ code: 'banned', params: { ms: bannedMs } })
  else if (look.isTroubled && strikes > 0)
    reasons.push(
      restsMs > 0
        ? { code: 'sent-corrupt', params: { strikes, ms: restsMs } }
        : { code: 'sent-corrupt-before', params: { strikes } }
    )
  else if (restsMs > 0 && failures > 0) reasons.push({ code: 'failing', params: { failures, ms: restsMs } })
  else if (look.isTroubled) reasons.push({ code: 'unproven', params: {} })
  else if (restsMs > 0) reasons.push({ code: 'busy', params: { ms: restsMs } })
  if (!seen.isKnown) reasons.push({ code: 'does-not-know-it', params: {} })
  else if (seen.useful === 0) reasons.push({ code: 'has-nothing-needed', params: {} })
  else if (seen.far) reasons.push({ code: 'other-site', params: {} })
  else if (seen.isSpared) reasons.push({ code: 'gateway-spared', params: {} })
  else if (look.requests >= requestsPerPeerMax)
    reasons.push({ code: 'queue-full', params: { requests: look.requests } })
  if (look.isIdle) reasons.push({ code: 'claims-ignored', params: {} })
  if (chunkMs > slowTimes * seen.bestMs && seen.bestMs > 0)
    reasons.push({ code: 'slow', params: { chunkMs, bestMs: seen.bestMs } })
  return reasons.length === 0 ? [{ code: 'ready', params: {} }] : reasons
}

function claimsOf(swarm: Swarm, around: Around, now: Millis): WhyClaim[] {
  return [...swarm.claiming.claims.all()]
    .map(({ extent, claimant, bytesDone, since, progressAt }) => {
      const { start, end } = chunksOf(extent, swarm.chunks)
      return {
        extent,
        firstChunk: start,
        endChunk: end,
        claimant,
        own: claimant === around.self,
        bytesDone,
        sinceMs: Math.max(0, now - since),
        silentMs: Math.max(0, now - progressAt)
      }
    })
    .sort((one, other) => one.extent - other.extent)
}

/** What is known of a peer beside any one transfer, and of those that one of the two is after. */
export interface PeerLook extends ScoreLook {
  readonly peer: AgentId
  readonly otherSite: boolean
  readonly transfers: ReadonlyArray<{
    readonly transfer: TransferId
    readonly has: number
    readonly of: number
    readonly interested: boolean
  }>
}

export function lookAtPeers(swarms: Iterable<Swarm>, around: Around, now: Millis): PeerLook[] {
  const shared = new Map<AgentId, Array<PeerLook['transfers'][number]>>()
  for (const { transfer, members, chunks, wants } of swarms)
    for (const { id, has, interested } of members.all()) {
      // Of thousands that are merely kept, only how many copies there are is of interest: `lookAtCopies`.
      if (!wants.any && !interested) continue
      const known = shared.get(id) ?? []
      if (known.length === 0) shared.set(id, known)
      known.push({ transfer, has: has?.count ?? 0, of: chunks, interested })
    }
  return [...around.peers].map(([peer, { far }]) => ({
    peer,
    otherSite: far,
    ...around.scores.look(peer, now),
    transfers: shared.get(peer) ?? []
  }))
}

/** How many of the peers that are connected have all of a transfer, and how many have told what they have of it. */
export interface Copies {
  readonly whole: number
  readonly told: number
}

/** Of those of which somebody has told something. */
export function lookAtCopies(swarms: Iterable<Swarm>): Map<TransferId, Copies> {
  const copies = new Map<TransferId, Copies>()
  for (const { transfer, members } of swarms) {
    let [whole, told] = [0, 0]
    for (const { has } of members.all()) {
      if (has === null) continue
      told++
      if (has.full) whole++
    }
    if (told > 0) copies.set(transfer, { whole, told })
  }
  return copies
}
