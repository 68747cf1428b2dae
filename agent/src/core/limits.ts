/**
 * The core's numbers that are not policy: each with its reason, and their relations asserted below.
 */
import { assert } from '@starling/shared/errors.ts'
import { dayMs, hourMs, minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'

/** How long to wait for peers to say whether they know a key or a transfer: a LAN's round trip, on a machine that is busy. */
export const askWaitMs: Millis = 250
/** A gateway serves a whole site and may be busy; going past it costs the site a second first request. */
export const askGatewayWaitMs: Millis = secondMs
/** How long to wait for another agent's first upstream request: an origin's slow first byte, then ours. */
export const resolveWaitMs: Millis = 4 * secondMs
/** In a site without a full mesh, word of the best candidate needs some hops before anyone begins. */
export const largeResolveWaitMs: Millis = 150
/** A head that came from a peer is passed on after so long to those who do not have it from there: a LAN's round trip, doubled. */
export const relayHeadMs: Millis = 150
/** There, so many agents are asked for a key that no neighbour knows: two, for one of them may be off. */
export const meetingPoints = 2
/** ... and this is how long the search waits for each of them: to connect, and to be told of one more. */
export const meetingWaitMs: Millis = secondMs
/** So many keys of others are remembered for them: some 100 KiB. */
export const rememberedKeysMax = 1000
/** So much later each next rank asks upstream, when the one who was to do it fell silent. */
export const resolveStaggerMs: Millis = 400
/** A head of content that must be revalidated each time still answers those who waited for just this answer. */
export const headInTimeMs: Millis = minuteMs
/** A key found not to be shared is not asked about again for so long: a page's parts are reloaded often. */
export const notSharedMs: Millis = 30 * secondMs

/** Chunks that completed within so long are told in one `have`. A message per chunk and neighbour would be 20 times the traffic. */
export const haveBatchMs: Millis = 20
/** A chunk that so many others are known to have can be had without us ... */
export const commonHolders = 2
/** ... and that we have it too is told within so long: a handful of chunks on a branch office's line. */
export const commonHaveBatchMs: Millis = secondMs
/** How often a claim's progress is told. */
export const claimRepeatMs: Millis = 500
/** A claim without progress for so long is void, whatever the rate. */
export const claimStallMs: Millis = 2 * secondMs
/** ... and in the background, where a flow that yields may get a piece of 64 KiB in ten seconds, after so long. */
export const claimStallBackgroundMs: Millis = 30 * secondMs
/** In the background a site has this share of its upstream flows, and each agent of its own. */
export const backgroundSlotsShare = 1 / 2
/** A claim that proved alive after it had been declared void shows that the site is slow, not dead: patience doubles, up to so many times. */
export const patienceFactorMax = 16
/** ... but a client that waits is a person: its patience grows no more than so much. */
export const escapePatienceMax = 4
/** Our own lateness by more than this is not held against others: we could not have heard them. */
export const ownLatenessMs: Millis = 200
/** ... or for so many times the time that a chunk takes at the site's median flow. */
export const claimStallChunks = 4
/**
 * Each next rank takes a free extent so much later: longer than a claim needs to cross a LAN and a busy machine's event
 * loop. With 20 and with 50 ms, claims crossed on loaded machines, and each crossing costs bytes; the wait costs nothing,
 * because the site's other flows have the line meanwhile.
 */
export const claimStaggerMs: Millis = 120
/**
 * Chunks that a site draws from a gateway beyond it at a time. Two keep a line busy over a round trip; each more makes each
 * slower, and of a chunk from a peer nothing is heard before it is whole, so on a slow line claims would time out.
 */
export const farFlowsMax = 2
/**
 * Until a first chunk has shown up at the site, so many flows: all clients wait for the same chunk, and with six of them on
 * the line it takes six times as long.
 */
export const firstFlowsMax = 2
/** Foreground escapes are staggered by rank, so that a stalled claim costs one duplicate, not one a client. */
export const escapeStaggerMs: Millis = 100
/** A claim that is given back after some of its chunks came is told so much later: their haves go first. */
export const releaseDelayMs: Millis = 3 * haveBatchMs
/** At most so many agents of a site fetch one transfer from upstream; they hear all of each other's claims. */
export const fetchersMax = 16
/** Up to so many agents a site is a full mesh: 496 connections at most, and everybody hears every claim. */
export const fullMeshMax = 32
/** Beyond, each dials so many and is dialled by as many. */
export const dialledInLargeSite = 5
/** In a site too large for a full mesh, the list of fetchers is told again so often ... */
export const fetchersRepeatMs: Millis = 5 * secondMs
/** ... and one of whom nobody has heard for so long is off it: two repeats may be lost, over three hops. */
export const fetcherForgottenMs: Millis = 20 * secondMs
/** There, claims wait so long after `interested`, for the list to spread and the fetchers to connect. */
export const largeSiteWaitMs: Millis = 400
/** A gateway that gave no sign of life on a transfer for so long is not waited for. */
export const gatewayPatienceMs: Millis = 3 * secondMs
/** Each next rank turns to the gateway so much later for a chunk that only a gateway has: the first rank's copy is passed on by then. */
export const gatewayStaggerMs: Millis = 150

/** A waiting client's window: so many chunks ahead of it come in order, the rest rarest first. */
export const windowChunks = 16
/** Of the window, so many chunks are worth a second request when the first is late. */
export const hedgeWindowChunks = 4
/** A chunk is late at the earliest and at the latest after so long; of a peer that has not delivered yet, after the third. */
export const hedgeMsMin: Millis = 150
export const hedgeMsMax: Millis = 1500
export const hedgeMsUnknown: Millis = 600
/** With a full disk no more than this lies in memory ahead of a client. */
export const heldWindowChunks = 4
/** Rarest first looks at so many candidates drawn at random: as good as all of them, and cheap in a large content. */
export const rarestSample = 24
/** Chunk requests in flight to one peer: one that travels, one that waits, so that its disk and the wire overlap. */
export const requestsPerPeerMax = 3
/** A chunk from a peer that took longer shows that there are more requests than the network can carry ... */
export const timelyMs: Millis = 500
/** So many are made before anything is known: one that travels, one that is served meanwhile. */
export const requestsAtFirst = 2
/** At most this share of a swarm's requests goes to one peer while others have the chunk too. */
export const peerSharePercent = 25
/** ... but so many are always allowed, else a small swarm would starve. */
export const peerShareFloor = 2

/** Digests of a chunk that a peer has are asked for, if they have not come by themselves: a batch of haves later. */
export const digestPatienceMs: Millis = 30

/** A peer that sent a corrupt chunk is avoided for so long ... */
export const blameCooldownMs: Millis = 10 * minuteMs
/** ... and with so many in an hour banned for a day. */
export const strikesForBan = 3
export const strikeWindowMs: Millis = hourMs
export const banMs: Millis = dayMs
/** A peer that timed out or broke off is avoided for so long, doubled each time in a row up to a minute. */
export const failureCooldownMs: Millis = secondMs
export const failureCooldownMsMax: Millis = minuteMs

/** After so many failures in a row, what a peer says it has is not waited for: upstream has it too. */
export const failuresForTrouble = 2
/** Who claimed and brought nothing is not yielded to for so long. */
export const idleMs: Millis = minuteMs
/** A chunk is given up at a peer of the site after so long, and the peer is taken to have failed. */
export const fetchMsMax: Millis = 4 * secondMs
/**
 * ... and as soon as this at one who has never delivered: perhaps it only says that it has things. In the warm lab, ten cold machines
 * on two cores had their first chunk of the seeder after 1.4 to 2.3 s: with 2 s it was taken for mute, and what it has was fetched
 * over the WAN. A client that waits meanwhile goes past it by its own patience.
 */
export const unprovenFetchMsMin: Millis = 3 * secondMs

/** A digest that nobody gives is waited for as long as a first chunk: a cold machine needs as long for either. */
export const digestsLateMs: Millis = 3 * secondMs

/** Told to a peer whose request finds no upload slot: about one chunk's time on a gigabit LAN, a few times over. */
export const busyRetryMs: Millis = 40

/** After a failed upstream request, the next waits so long, doubled each time in a row up to the maximum. */
export const upstreamRetryMs: Millis = 500
export const upstreamRetryMsMax: Millis = 30 * secondMs
/**
 * A client that asks for one range after the other is away for a moment after each: what is under way goes on for so long, for
 * what was sent already would be sent again. Never beyond the extent that it is in.
 */
export const lingerMs: Millis = 500
/** When the last client leaves, what lacks no more than this share is finished all the same. */
export const finishShare = 0.1
/** A client is told that the swarm cannot help when nothing came for so long although we tried. */
export const hopelessMs: Millis = 15 * secondMs

assert(
  haveBatchMs < gatewayStaggerMs,
  'a chunk must be announced before the next rank asks the gateway for it'
)
assert(claimRepeatMs * 3 < claimStallMs, 'a claim must be able to lose two repeats without being void')
assert(askWaitMs < resolveStaggerMs, 'ranks must not overtake each other while they still wait for answers')
assert(gatewayPatienceMs > claimStallMs, 'a gateway is given longer than an agent')
