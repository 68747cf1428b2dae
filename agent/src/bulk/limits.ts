/**
 * The tunables of the bulk shell. Everything that a stranger or a peer can make grow has a bound here, and each number
 * its reason; tests make them small to see them work.
 */
import { assert } from '@starling/shared/errors.ts'
import { KiB, minuteMs, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'

export interface BulkLimits {
  /** Sockets that we open to one peer; the next one only when those before are busy. */
  readonly lanesPerPeer: number
  /** Requests in flight on one of them: one that travels, and enough behind it that the peer's disk is never waited for. */
  readonly requestsPerLane: number
  /** Sockets that we have open, to all peers. Idle ones make room for new ones. */
  readonly lanesMax: number
  /** Sockets that are served, all peers together; each costs some 60 KiB of TLS state. */
  readonly servedMax: number
  /** ... and of one peer. Beyond it its oldest goes: a machine that lost power leaves dead ones behind. */
  readonly servedPerPeer: number
  /** Connections that have not proven who they are yet; 500 agents that start at once come back. */
  readonly strangersMax: number
  /** ... and from one address, so that one machine cannot keep all others out. Labs have many agents behind one. */
  readonly strangersPerAddress: number
  /** Requests of one socket that wait for an answer, given up ones included: beyond it, it floods. */
  readonly queuedMax: number
  /** Frames (requests, cancels) a second and socket, over time and at once: 1 MiB chunks at 10 Gbit/s are 1,200. */
  readonly framesPerSecond: number
  readonly framesAtOnce: number
  /** From the dial to the proven peer. A LAN needs milliseconds; a busy machine some more. */
  readonly dialMs: Millis
  /** No byte for so long while one is due, on either side: the socket is cut. */
  readonly quietMs: Millis
  /** A whole answer in drips may take no longer, lest it hold a buffer and an upload slot for ever: 70 kbit/s. */
  readonly answerMs: Millis
  /** A given-up request whose target the socket still holds gets so long to let go before the socket is cut. */
  readonly releaseMs: Millis
  /** A socket without requests is closed after this: a handshake costs 3 ms, a socket some memory on both sides. */
  readonly idleMs: Millis
  /** The serving side is more patient, so that it never closes a socket just as it is used again. */
  readonly servedIdleMs: Millis
  /** The most of an answer in one frame: what is still sent after a cancel, and how long another request's word waits. */
  readonly frameBytes: Bytes
}

export const bulkLimitsDefault: BulkLimits = {
  lanesPerPeer: 4,
  requestsPerLane: 4,
  lanesMax: 256,
  servedMax: 1024,
  servedPerPeer: 8,
  strangersMax: 128,
  strangersPerAddress: 32,
  queuedMax: 16,
  framesPerSecond: 4000,
  framesAtOnce: 8000,
  dialMs: 5 * secondMs,
  quietMs: 10 * secondMs,
  answerMs: 2 * minuteMs,
  releaseMs: secondMs,
  idleMs: 30 * secondMs,
  servedIdleMs: 2 * minuteMs,
  frameBytes: 256 * KiB
}

export function checkLimits(limits: BulkLimits): BulkLimits {
  assert(
    limits.requestsPerLane <= limits.queuedMax,
    'what one agent asks at once must be no flood to another'
  )
  assert(limits.lanesPerPeer <= limits.servedPerPeer, 'what one agent opens must be served by another')
  assert(limits.idleMs < limits.servedIdleMs, 'the asking side must be the first to close an idle socket')
  assert(limits.quietMs < limits.servedIdleMs, 'a socket that waits for us must not look idle')
  assert(limits.frameBytes > 0, 'a frame without a byte would never end an answer')
  return limits
}
