/** The numbers of interception, each with its reason. */
import { assert } from '@starling/shared/errors.ts'
import { dayMs, hourMs, minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'

/** A CA that everybody trusts is a thing to lose: a stolen key is of use for a month at most. */
export const caLifeMs: Millis = 30 * dayMs
/** Then its successor is made. */
export const caRenewBeforeMs: Millis = caLifeMs / 3
/** There is no way to revoke a leaf of ours but to let it expire. */
export const leafLifeMs: Millis = 7 * dayMs
/** A leaf with less left is made anew, so that no client meets one on its last day. */
export const leafRenewBeforeMs: Millis = dayMs
/** Clocks of clients are late. */
export const backdatedMs: Millis = dayMs
/** The file is read again so often: `starling ca init` beside a running agent. */
export const caLookMs: Millis = 10 * minuteMs

/** Leaves and their keys in memory: more hosts than an admin lists. */
export const leavesMax = 500
export const handshakeMs: Millis = 10 * secondMs
/** Who connects and says nothing waits for the server to begin, which no TLS client does. */
export const firstByteMs: Millis = 5 * secondMs

/** A client that does not take our certificate will not take it an hour later either, but may after a day: it was deployed. */
export const misfitRestMs: Millis = dayMs
/** What an origin does not like of us may be over sooner: it may have been an outage. */
export const originRestMs: Millis = hourMs
export const misfitsMax = 1000
/** A client that leaves so soon after the handshake, without a word, has not liked what it saw. */
export const silentEndMs: Millis = 10 * secondMs
/** Browsers open connections in stock and let them go: one is no sign yet. */
export const silentEndsMax = 2

assert(leafLifeMs + hourMs < caLifeMs, 'a leaf must fit into the life of its CA')
