/**
 * What all replayers share: connections that are counted, answers that are judged by what the real clients demand, and the
 * file that is put together from them. A replayer never repeats what went wrong and never falls back, as the real ones
 * do: each fault shows, as a complaint in one sentence.
 */
import { createHash } from 'node:crypto'
import type { Span } from '@starling/shared/chunking.ts'
import { secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { Offer } from '../windows-update.ts'
import { openConnection, type Connection, type Exchange, type Question } from './connection.ts'
import type { Target } from './target.ts'

export interface ReplayOptions {
  /** Of everything that is drawn: orders and sizes. */
  readonly seed?: number
  /** The client gives up on an answer that has not begun by then. */
  readonly firstByteMsMax?: Millis
  /** How many connections at once, for clients that have several. */
  readonly connections?: number
}

export interface ReplayResult {
  readonly client: string
  readonly exchanges: readonly Exchange[]
  readonly connections: number
  /** Body bytes that came, of everything. */
  readonly bodyBytes: Bytes
  /** Of the file as the client has put it together; null when parts are missing. */
  readonly sha256: string | null
  /** What the real client would not have taken, or would have suffered from; empty when all is well. */
  readonly complaints: readonly string[]
  readonly ms: Millis
}

export type Replayer = (target: Target, offer: Offer, options?: ReplayOptions) => Promise<ReplayResult>

export interface Ask extends Question {
  /** How the request is called in complaints. */
  readonly name: string
  /** What must come: a part (206), everything (200), or 'anything', which is judged by the caller. */
  readonly expect: Span | 'all' | 'anything'
  /** The client goes away after so many bytes. */
  readonly leaveAfter?: Bytes
}

export interface Replay {
  connect(): Connection
  /** Asks, judges, and keeps what is of the file. */
  ask(connection: Connection, ask: Ask): Promise<Reply>
  keep(start: Bytes, bytes: Uint8Array): void
  complain(sentence: string): void
  /** Closes the connections. */
  finish(): ReplayResult
}

export interface Reply {
  readonly exchange: Exchange
  readonly body: Buffer
  /** Whether everything that was expected has come. */
  readonly good: boolean
}

/** Below 4 kB/s over 20 s the open-source client turns to the origin and leaves a cache host alone for 15 minutes. */
const firstByteMsMaxDefault: Millis = 20 * secondMs
/** Windows itself closes connections that have been idle for 27 to 30 s: a server that is sooner breaks a request. */
const keepAliveSecondsMin = 31

export function createReplay(client: string, target: Target, offer: Offer, options: ReplayOptions): Replay {
  const startedAt = performance.now()
  const firstByteMsMax = options.firstByteMsMax ?? firstByteMsMaxDefault
  const connections: Connection[] = []
  const exchanges: Exchange[] = []
  const complaints: string[] = []
  const file = Buffer.alloc(offer.length)
  const covered: Span[] = []
  let known: Identity | null = null

  return {
    connect() {
      const connection = openConnection(target, connections.length + 1, firstByteMsMax)
      connections.push(connection)
      return connection
    },
    async ask(connection, ask) {
      const pieces: Buffer[] = []
      let bytes = 0
      const exchange = await connection.ask(ask, ({ statusCode }, piece) => {
        // Nobody downloads a whole file for a megabyte of it.
        if (typeof ask.expect === 'object' && statusCode !== 206) return false
        pieces.push(piece)
        bytes += piece.length
        return ask.leaveAfter === undefined || bytes < ask.leaveAfter
      })
      exchanges.push(exchange)
      const found = [
        ...judgeTransport(exchange, firstByteMsMax),
        ...(ask.expect === 'anything' ? [] : judgeContent(exchange, ask, offer.length))
      ]
      if (exchange.status === expectedStatus(ask)) {
        const identity = identityOf(exchange)
        known ??= identity
        found.push(...differences(known, identity))
      }
      complaints.push(...found.map(words => `${ask.name}: ${words}`))
      return { exchange, body: Buffer.concat(pieces), good: found.length === 0 && exchange.ended === 'well' }
    },
    keep(start, bytes) {
      file.set(bytes.subarray(0, Math.max(0, offer.length - start)), start)
      covered.push({ start, end: start + bytes.length })
    },
    complain: sentence => void complaints.push(sentence),
    finish() {
      for (const connection of connections) connection.close()
      const sha256 = covers(covered, offer.length) ? createHash('sha256').update(file).digest('hex') : null
      if (sha256 !== null && sha256 !== offer.sha256) complaints.push('the file has another SHA-256')
      return {
        client,
        exchanges,
        connections: connections.length,
        bodyBytes: exchanges.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0),
        sha256,
        // Connections run side by side: in which order they fail is chance.
        complaints: complaints.toSorted(),
        ms: performance.now() - startedAt
      }
    }
  }
}

/** What holds for any answer. */
function judgeTransport({ ended, kept, status, headers }: Exchange, firstByteMsMax: Millis): string[] {
  const found: string[] = []
  if (ended === 'too late') found.push(`no first byte within ${firstByteMsMax} ms`)
  else if (typeof ended === 'object') found.push(`the connection broke (${ended.broken})`)
  if (!kept) found.push('the connection was not kept since the answer before')
  const keptSeconds = Number(/timeout=(\d+)/.exec(headers['keep-alive']?.toString() ?? '')?.[1] ?? Infinity)
  if (keptSeconds < keepAliveSecondsMin) {
    found.push(`the connection is kept for ${keptSeconds} s, less than ${keepAliveSecondsMin} s`)
  }
  if (status !== 0 && headers.connection?.toLowerCase() === 'close') found.push('Connection: close')
  return found
}

function judgeContent({ status, headers, bodyBytes, ended }: Exchange, ask: Ask, length: Bytes): string[] {
  if (status === 0) return []
  const span = ask.expect === 'all' ? null : (ask.expect as Span)
  if (span !== null && status === 200) return ['200 to a range that can be satisfied']
  if (status >= 400 && status < 500)
    return [`status ${status}, after which a client avoids this server for 15 minutes`]
  const expected = expectedStatus(ask)
  if (status !== expected) return [`status ${status} instead of ${expected}`]

  const found: string[] = []
  const bytes = span === null ? length : span.end - span.start
  const compare = <Value extends string | number>(
    name: string,
    got: Value | undefined,
    wanted: Value
  ): void => {
    if (got !== wanted) found.push(`${name} is ${got ?? 'missing'} instead of ${wanted}`)
  }
  if (span !== null) {
    compare('Content-Range', headers['content-range'], `bytes ${span.start}-${span.end - 1}/${length}`)
  }
  if (headers['transfer-encoding'] !== undefined) {
    found.push(`Transfer-Encoding ${headers['transfer-encoding']}, which hides the size`)
  } else compare('Content-Length', headers['content-length'], String(bytes))
  if (headers['content-encoding'] !== undefined) found.push(`Content-Encoding ${headers['content-encoding']}`)
  if (ended === 'well' && ask.method === 'GET') compare('the number of bytes', bodyBytes, bytes)
  return found
}

/** By which a client knows that it still gets the same. Sizes are judged with each answer. */
interface Identity {
  readonly ETag: string | undefined
  readonly 'Last-Modified': string | undefined
}

function identityOf({ headers }: Exchange): Identity {
  return { ETag: headers.etag, 'Last-Modified': headers['last-modified'] }
}

function differences(known: Identity, identity: Identity): string[] {
  return (['ETag', 'Last-Modified'] as const)
    .filter(name => known[name] !== identity[name])
    .map(name => `${name} changed from ${known[name] ?? 'none'} to ${identity[name] ?? 'none'}`)
}

/** Null: the caller knows. */
function expectedStatus({ expect }: Ask): number | null {
  if (expect === 'anything') return null
  return expect === 'all' ? 200 : 206
}

function covers(spans: readonly Span[], length: Bytes): boolean {
  let reached = 0
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    if (start > reached) return false
    reached = Math.max(reached, end)
  }
  return reached >= length
}

/** As in a Range header, whose last byte is in. */
export function rangeText({ start, end }: Span): string {
  return `bytes=${start}-${end - 1}`
}
