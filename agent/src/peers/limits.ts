/**
 * The tunables of the peers shell. Everything that a stranger can make grow has a bound here, and each number
 * its reason; tests make them small to see them work.
 */
import { MiB, minuteMs, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'

export interface PeersLimits {
  /** From connection to the other side's valid `hello`. A LAN needs milliseconds; a busy machine some more. */
  readonly helloMs: Millis
  /** A second connection of a pair (both dialled at once) may wait so long for the first to prove dead. */
  readonly spareMs: Millis
  /** How long a connection may take to answer when a second one of the same peer makes us doubt it. */
  readonly aliveMs: Millis
  /** A peer that has not said anything for so long is asked whether it lives, and has as long to answer. */
  readonly silentMs: Millis
  /** All connections, strangers and peers: a full mesh is 32, a gateway of a large site has some hundreds. */
  readonly connectionsMax: number
  /** Inbound connections that have not said a valid `hello` yet; 500 agents that start at once come back. */
  readonly strangersMax: number
  /** New inbound connections a second from one address; many agents may live behind one in tests and labs. */
  readonly inboundPerSecond: number
  /** Frames a second and peer, over time and at once. Digests of 300 chunks/s are the most we know of. */
  readonly framesPerSecond: number
  readonly framesAtOnce: number
  /** Control bytes that wait for a peer. Beyond it, the peer does not read and is hung up. */
  readonly pendingWriteBytes: Bytes
  /** First and longest pause between attempts to reach a peer. */
  readonly redialMs: Millis
  readonly redialMsMax: Millis
  /** A link that lived so long was a good one: the next redial starts from `redialMs` again. */
  readonly settledMs: Millis
  /** A hint that is not repeated is forgotten after this; config's stand for ever. */
  readonly hintLifeMs: Millis
  /** Peers we keep addresses of; a spoofer on the LAN may name any number. */
  readonly hintsMax: number
  /** The higher id lets the lower dial first, so that two agents that see each other make one connection. */
  readonly yieldMs: Millis
  /** Times at which all peers' proofs are looked at again: credentials end while links live. */
  readonly recheckMs: Millis
}

export const peersLimitsDefault: PeersLimits = {
  helloMs: 5 * secondMs,
  spareMs: 30 * secondMs,
  aliveMs: 2 * secondMs,
  silentMs: 10 * secondMs,
  connectionsMax: 512,
  strangersMax: 128,
  inboundPerSecond: 100,
  framesPerSecond: 1000,
  framesAtOnce: 4000,
  pendingWriteBytes: 4 * MiB,
  redialMs: secondMs,
  redialMsMax: minuteMs,
  settledMs: 30 * secondMs,
  hintLifeMs: 10 * minuteMs,
  hintsMax: 512,
  yieldMs: 300,
  recheckMs: minuteMs
}
