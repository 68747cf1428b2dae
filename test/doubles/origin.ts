/**
 * A real HTTP origin for tests, the demo and the bench: it serves content of any size with a strong ETag and
 * Ranges, can be wrong in every way we have met (origin-faults.ts), and above all it counts. What the site costs
 * its WAN is what this server hands to the kernel: body bytes, per path, per request.
 *
 * A piece that was cut off in mid-write is counted in full: the count may be up to one piece a broken connection
 * too high, never too low.
 */
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { KiB, type Bytes, type BytesPerSecond, type Millis } from '@starling/shared/units.ts'
import type { Content } from './content.ts'
import { corrupted, type Faults } from './origin-faults.ts'
import { multipart, multipartType, partType } from './origin-multipart.ts'
import { selectRange } from './origin-range.ts'
import { createWanLine, type WanLine } from './wan-line.ts'

/** One answer, as it went. */
export interface Served {
  readonly method: string
  readonly status: number
  /** What the response was to carry, `end` exclusive; an empty span for an answer without content. */
  readonly start: Bytes
  readonly end: Bytes
  /** Body bytes handed to the kernel. */
  bodyBytes: Bytes
  readonly via: string | null
  done: boolean
}

/** An answer that is no content: a page, an error with words. */
export interface PlainAnswer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: string
}

/** Stands before the content and sees each request first: it answers, or adds faults to this one answer, or neither. */
export type Front = (
  request: IncomingMessage,
  path: string
) => Promise<{ readonly faults: Faults; readonly answer: PlainAnswer | null }>

export interface PathStats {
  readonly bodyBytes: Bytes
  readonly requests: number
  readonly flowsNow: number
  readonly flowsMax: number
  readonly served: readonly Served[]
}

export interface Origin {
  readonly url: string
  /** Makes `path` serve this content from now on; a second call is a new version. */
  put(path: string, content: Content): void
  /** Replaces the content once so many more body bytes, or requests, of the path were served. */
  replaceAfter(
    path: string,
    content: Content,
    after: { readonly bodyBytes?: Bytes; readonly requests?: number }
  ): void
  /** Replaces all faults of the path. */
  setFaults(path: string, faults: Faults): void
  setRate(rate: BytesPerSecond | null): void
  stats(path: string): PathStats
  paths(): readonly string[]
  /** Resolves when `holds`, looked at after each piece that any path sent. For tests that must act in the middle. */
  when(path: string, holds: (stats: PathStats) => boolean): Promise<void>
  close(): Promise<void>
}

interface Entry {
  content: Content | null
  faults: Faults
  faultyLeft: number
  next: { content: Content; bodyBytes: Bytes; requests: number } | null
  bodyBytes: Bytes
  requests: number
  flowsNow: number
  flowsMax: number
  served: Served[]
}

/** Small enough that a rate limit is smooth and little is miscounted, large enough to be fast. */
const pieceBytes: Bytes = 64 * KiB

/** Windows keeps idle connections for half a minute, and IIS keeps them for two. */
const keepAliveMs: Millis = 120_000

export interface OriginOptions {
  readonly host?: string
  readonly port?: number
  readonly rate?: BytesPerSecond | null
  readonly front?: Front
}

export async function startOrigin(options: OriginOptions = {}): Promise<Origin> {
  const entries = new Map<string, Entry>()
  const line = createWanLine(options.rate ?? null)
  const watchers = new Set<() => void>()
  const sockets = new Set<Socket>()
  const contents = new Set<Content>()
  const tell = () => watchers.forEach(look => look())

  const entryOf = (path: string): Entry => {
    let entry = entries.get(path)
    if (entry === undefined) {
      entry = {
        content: null,
        faults: {},
        faultyLeft: Infinity,
        next: null,
        bodyBytes: 0,
        requests: 0,
        flowsNow: 0,
        flowsMax: 0,
        served: []
      }
      entries.set(path, entry)
    }
    return entry
  }

  const front = options.front ?? nothingInFront
  const server = createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
    const path = new URL(request.url ?? '/', 'http://origin').pathname
    front(request, path)
      .then(verdict => answer(entryOf(path), verdict, line, request, response, tell))
      .catch(() => response.destroy())
  })
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const host = options.host ?? '127.0.0.1'
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, resolve)
  })

  const stats = (path: string): PathStats => {
    const { bodyBytes, requests, flowsNow, flowsMax, served } = entryOf(path)
    return { bodyBytes, requests, flowsNow, flowsMax, served }
  }

  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    put(path, content) {
      contents.add(content)
      entryOf(path).content = content
    },
    replaceAfter(path, content, after) {
      contents.add(content)
      const entry = entryOf(path)
      entry.next = {
        content,
        bodyBytes: entry.bodyBytes + (after.bodyBytes ?? Infinity),
        requests: entry.requests + (after.requests ?? Infinity)
      }
    },
    setFaults(path, faults) {
      const entry = entryOf(path)
      entry.faults = faults
      entry.faultyLeft = faults.times ?? Infinity
    },
    setRate: rate => line.setRate(rate),
    stats,
    paths: () => [...entries.keys()],
    when: (path, holds) =>
      new Promise(resolve => {
        const look = () => {
          if (!holds(stats(path))) return
          watchers.delete(look)
          resolve()
        }
        watchers.add(look)
        look()
      }),
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
      for (const content of contents) await content.close()
    }
  }
}

const nothingInFront: Front = async () => ({ faults: {}, answer: null })

async function answer(
  entry: Entry,
  front: Awaited<ReturnType<Front>>,
  line: WanLine,
  request: IncomingMessage,
  response: ServerResponse,
  tell: () => void
): Promise<void> {
  entry.requests++
  renew(entry)
  const faulty = entry.faultyLeft > 0
  if (faulty) entry.faultyLeft--
  const faults: Faults = { ...(faulty ? entry.faults : {}), ...front.faults }
  const { content } = entry

  const served = (status: number, start: Bytes, end: Bytes): Served => {
    const via = request.headers.via ?? null
    const record = { method: request.method ?? '', status, start, end, bodyBytes: 0, via, done: false }
    entry.served.push(record)
    return record
  }
  const brief = (status: number, headers: OutgoingHttpHeaders = {}, body = ''): void => {
    const record = served(status, 0, 0)
    record.bodyBytes = request.method === 'HEAD' ? 0 : Buffer.byteLength(body)
    entry.bodyBytes += record.bodyBytes
    record.done = true
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body)
    tell()
  }

  if (faults.firstByteAfterMs !== undefined) {
    const closed = new AbortController()
    response.once('close', () => closed.abort())
    await sleep(faults.firstByteAfterMs, undefined, { signal: closed.signal })
  }
  if (faults.status !== undefined) {
    const { retryAfterSeconds } = faults
    return brief(faults.status, {
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) })
    })
  }
  if (front.answer !== null) return brief(front.answer.status, front.answer.headers, front.answer.body)
  if (content === null) return brief(404)
  if (request.method !== 'GET' && request.method !== 'HEAD') return brief(405, { allow: 'GET, HEAD' })

  const range = request.headersDistinct.range?.at(faults.firstRange === true ? 0 : -1)
  const asked = { ...request.headers, range: faults.ignoreRange === true ? undefined : range }
  const choice = selectRange(asked, content)
  if (choice.kind === 'none') return brief(choice.status, choice.headers)
  const partial = choice.kind === 'several' || choice.partial
  const answered = choice.kind === 'several' ? multipart(content, choice.spans) : content
  const start = choice.kind === 'several' ? 0 : choice.start
  const end =
    choice.kind === 'several'
      ? answered.length
      : choice.partial
        ? Math.min(content.length, choice.end + (faults.widerBy ?? 0))
        : choice.end

  const headers: OutgoingHttpHeaders = {
    'content-type': choice.kind === 'several' ? multipartType : partType,
    'accept-ranges': 'bytes',
    'cache-control': 'public, max-age=3600',
    etag: content.etag,
    'last-modified': content.lastModified.toUTCString()
  }
  if (faults.chunked !== true) headers['content-length'] = end - start
  if (choice.kind === 'span' && partial)
    headers['content-range'] = `bytes ${start}-${end - 1}/${content.length}`
  for (const [name, value] of Object.entries(faults.headers ?? {})) {
    if (value === null) delete headers[name.toLowerCase()]
    else headers[name.toLowerCase()] = typeof value === 'string' ? value : [...value]
  }
  response.writeHead(partial ? 206 : 200, headers)
  if (request.method === 'HEAD') {
    served(partial ? 206 : 200, start, start).done = true
    response.end()
    return tell()
  }

  const record = served(partial ? 206 : 200, start, end)
  entry.flowsNow++
  entry.flowsMax = Math.max(entry.flowsMax, entry.flowsNow)
  try {
    await sendBody(answered, faults, line, response, record, bytes => {
      entry.bodyBytes += bytes
      tell()
    })
    record.done = true
  } finally {
    entry.flowsNow--
    renew(entry)
    tell()
  }
}

/** The content of a path is replaced when its time has come; running answers keep what they began with. */
function renew(entry: Entry): void {
  const { next } = entry
  if (next === null || (entry.bodyBytes < next.bodyBytes && entry.requests <= next.requests)) return
  entry.content = next.content
  entry.next = null
}

async function sendBody(
  content: Content,
  faults: Faults,
  line: WanLine,
  response: ServerResponse,
  record: Served,
  count: (bytes: Bytes) => void
): Promise<void> {
  const closed = new Promise<'closed'>(resolve => response.once('close', () => resolve('closed')))
  const end = record.end - (faults.shortBy ?? 0)
  const send = async (piece: Uint8Array): Promise<boolean> => {
    if (faults.dripBytesPerSecond !== undefined) {
      await Promise.race([sleep((piece.length / faults.dripBytesPerSecond) * 1000), closed])
    }
    await line.carry(piece.length)
    if (response.destroyed || response.socket === null) return false
    const handed = new Promise<'handed'>(resolve => response.write(piece, () => resolve('handed')))
    const outcome = await Promise.race([handed, closed])
    record.bodyBytes += piece.length
    count(piece.length)
    return outcome === 'handed' && !response.destroyed
  }

  // A drip is sent in small pieces, so that it drips and does not come in gulps.
  const stepBytes =
    faults.dripBytesPerSecond === undefined
      ? pieceBytes
      : Math.max(1, Math.ceil(faults.dripBytesPerSecond / 20))
  for (let at = record.start; at < end;) {
    if (at === faults.resetAt) {
      response.socket?.resetAndDestroy()
      return
    }
    if (at === faults.stallAt) {
      await closed
      return
    }
    const stop = Math.min(end, at + stepBytes, after(faults.stallAt, at), after(faults.resetAt, at))
    if (!(await send(corrupted(await content.read(at, stop), at, faults.corruptAt ?? [])))) return
    at = stop
  }
  if (faults.shortBy !== undefined) {
    response.destroy()
    return
  }
  // Beyond the Content-Length node's http writes on as long as it is not told to be strict about it.
  if (faults.longBy !== undefined && !(await send(Buffer.alloc(faults.longBy, 'x')))) return
  response.end()
  await closed
}

function after(offset: Bytes | undefined, at: Bytes): Bytes {
  return offset !== undefined && offset > at ? offset : Infinity
}
