/** The proxy's numbers, each with its reason. */
import { KiB, MiB, minuteMs, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'

/** How long a client of a cache host is left without a byte: it bans us after 20 s, and our 504 has to reach it before. */
export const owedMsMax: Millis = 12 * secondMs
/** Windows keeps idle connections for up to 30 s and then closes them itself: ours must last longer. */
export const keepAliveMs: Millis = 75 * secondMs
/** Local programs send their headers at once; who takes longer than this holds a socket for nothing (slow-loris). */
export const requestHeadersMs: Millis = 20 * secondMs
export const requestHeadersMax = 200
/** Of HTTP/2, whose heads are unpacked before the door sees them (proxy.limits.headerBytes): cookies are long, more no real client sends. */
export const http2HeaderBytesMax: Bytes = 32 * KiB
/** A client that takes no byte for so long is gone, or stopped in a debugger. */
export const clientIdleMs: Millis = 10 * minuteMs
/** Far above what the programs of one machine open; keeps a runaway one from taking all sockets. */
export const connectionsMax = 2000

/** How long a client may go on with an upload that was refused: a well-made one has read so by then. */
export const lingerMs: Millis = 2 * secondMs

/** HTTPS and plain HTTP; anything else (mail, databases) is not what a web proxy is for, unless listed. */
export const connectPortsDefault: readonly number[] = [443, 80]

/** Requests at once on one connection of HTTP/2: what RFC 9113 (6.5.2) names as the least. */
export const streamsMax = 100
/** Connections in memory that a client of HTTP/2 keeps for its next requests: what a browser asks for at once, mostly. Each counts as one of its client's. */
export const spareConnectionsMax = 8

/** When TCP begins to ask whether the other end of a silent tunnel still lives. */
export const tunnelProbeMs: Millis = minuteMs

/** Heads kept so that a HEAD needs no upstream request: more than one machine asks for in a day, and small. */
export const headsKeptMax = 500

/** Changes (PUT, POST, DELETE) that are remembered, so that the swarm's older version is not given to who made them. */
export const changesKeptMax = 1000

/** Ranges in one answer. BITS and download managers ask for a few; hundreds are an attack on whoever serves them. */
export const rangesMax = 8
/** The most that may be fetched beyond what one request asks for (RangeAmp: a byte asked for, gigabytes fetched): one extent. */
export const rangeAddedBytesMax: Bytes = 4 * MiB

/** A response that is larger is no small one. What the swarm may share and is at least 1 MiB goes there anyway. */
export const smallBytesMax: Bytes = 4 * MiB
/** Small responses in memory: what a machine asks for again and again fits many times over. */
export const memoryBytesMax: Bytes = 64 * MiB
/** Of what a stored response takes beside its body. */
export const entryOverheadBytes: Bytes = 2 * KiB
/** Behind the clients' backs there is time, but not for ever: until then no other freshens the same. */
export const refreshMsMax: Millis = minuteMs
/** Variants of one key (Vary): encodings, a language or two. */
export const variantsMax = 4

/** URLs whose meaning is remembered: more than one client is at at a time, some hundred bytes each. */
export const urlsRememberedMax = 2000

/** Until a server says whether it agrees to an upgrade: it has nothing to compute for that. */
export const upgradeAnswerMs: Millis = minuteMs
