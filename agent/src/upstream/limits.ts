/** The upstream's numbers, each with its reason. */
import { KiB, minuteMs, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'

export interface UpstreamTimeouts {
  readonly connectMs: Millis
  readonly headersMs: Millis
  readonly bodyIdleMs: Millis
}

export const defaultTimeouts: UpstreamTimeouts = {
  /** A handshake across the world takes under a second; one lost SYN is repeated after one and after three. */
  connectMs: 5 * secondMs,
  /** Delivery Optimization gives up on us after 20 s without a byte: so we give up on the origin no later. */
  headersMs: 20 * secondMs,
  /** What drips slower than this is dead; a client whose own limits are longer asks again. */
  bodyIdleMs: 30 * secondMs
}

/** What passes through may be a long poll or a slow service; browsers give up after five minutes, so do we. */
export const patienceMs: Millis = 5 * minuteMs

/** CDNs close idle connections after 15 to 120 s; the server's own Keep-Alive hint counts where it gives one. */
export const keepAliveMs: Millis = 10 * secondMs
export const keepAliveMsMax: Millis = 2 * minuteMs

/** Signed URLs come back in Location, and some origins send long policies: twice Node's default. */
export const headerBytesMax: Bytes = 32 * KiB

/** A pool rarely holds more stale connections than this at once; a server that resets each time is not worth more. */
export const lostConnectionRetries = 2

/** As many as RFC-minded clients follow; a real chain has one or two. */
export const redirectsMax = 5

/** A proxy that did not answer is asked last for so long: a dead one must not cost each request its connect timeout. */
export const proxyRestMs: Millis = 30 * secondMs

/** Twenty per cent: with one of three servers failing each third request a tenth is needed; more would double an outage. */
export const retryShare = 0.2
/** So that somebody who asks once in a while may still ask twice. */
export const retriesPerSecond = 3
/** What one server's death breaks at once is what it had in flight: for a site that is 16 fetchers, and some pages. */
export const retriesAtOnce = 64
/** So often one request is sent once more before its headers are there, however many servers there are. */
export const repeatsMax = 2

/** A body that breaks more often than this will not come. */
export const resumesMax = 4
/** Before each of them: a proxy that restarts needs a second or two, another one none. */
export const resumeAfterMs: readonly Millis[] = [0, 100, 500, 1500]

/** While a server is in doubt it is probed so often: within two seconds all must know that it is dead. */
export const probeInDoubtMs: Millis = secondMs

/** Without an answer to anybody for so long, and others answering: within two seconds all must know that it hangs. */
export const hangsMsMin: Millis = 500

/** Enough for a 95th percentile, few enough to forget how it was an hour ago. */
export const firstBytesKept = 64
