/**
 * HTTP/2 from clients, as HTTP/1.1: each stream becomes a request on a connection in memory to the server that takes all
 * others. So there is one reading of requests, one set of rules and one way to break an answer off, and nothing
 * behind the server needs to know of HTTP/2. It costs a copy of each body in memory.
 *
 * Such connections are kept for the next streams of the same client's connection. New ones each time would cost more, and
 * a client of HTTP/1.1 that will not ask again closes its end with the last byte, often before the server has ended
 * its answer: every other one was taken for broken off.
 *
 * What HTTP/2 forbids in messages (RFC 9113, 8.2) nghttp2 has refused by then, and what HTTP/1.1 could be misled by Node's
 * client refuses to write.
 */
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http'
import { performServerHandshake, type ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { messageOf } from '@starling/shared/errors.ts'
import type { HeaderList } from '@starling/shared/http-fields.ts'
import {
  clientIdleMs,
  http2HeaderBytesMax,
  requestHeadersMax,
  spareConnectionsMax,
  streamsMax
} from './limits.ts'
import { copyingPair } from './copying-pair.ts'
import { explanation, headersOf } from './fields.ts'

/**
 * @param connect gives our server a new connection
 * @param heard the client has said something, if only its settings
 */
export function serveHttp2(socket: Duplex, connect: (connection: Duplex) => void, heard: () => void): void {
  const session = performServerHandshake(socket, {
    maxHeaderListPairs: requestHeadersMax,
    // What an origin has sent twice is handed on twice, as over HTTP/1.1.
    strictSingleValueFields: false,
    settings: {
      enablePush: false,
      maxConcurrentStreams: streamsMax,
      maxHeaderListSize: http2HeaderBytesMax
    }
  })
  session.once('remoteSettings', heard)
  const connections = new InMemory(connect)
  session.on('error', () => socket.destroy())
  session.once('close', () => connections.destroy())
  session.setTimeout(clientIdleMs, () => session.close())
  session.on('stream', (stream, _headers, _flags, rawHeaders) => {
    // Its reason is in the stream's code; who reads from it hears of it by its end.
    stream.on('error', () => {})
    try {
      answer(stream, pairsOf(rawHeaders), connections)
    } catch (error) {
      refuse(stream, messageOf(error))
    }
  })
}

/** Connections to our server, of one client. They end with it, and so need none of the timers that sockets need. */
class InMemory extends Agent {
  readonly #connect: (connection: Duplex) => void

  constructor(connect: (connection: Duplex) => void) {
    super({ keepAlive: true, maxFreeSockets: spareConnectionsMax })
    this.#connect = connect
  }

  override createConnection(): Duplex {
    const [ours, theirs] = copyingPair()
    this.#connect(theirs)
    // What Node does to a socket that it takes up again.
    return Object.assign(ours, { ref: () => ours })
  }

  override keepSocketAlive(): boolean {
    return true
  }
}

/** @throws what Node's client does not write */
function answer(stream: ServerHttp2Stream, headers: HeaderList, agent: Agent): void {
  const pseudo = (name: string): string | undefined => headers.find(([header]) => header === name)?.[1]
  const [method, path] = [pseudo(':method'), pseudo(':path')]
  if (method === undefined || path === undefined || method === 'CONNECT')
    return refuse(stream, 'this connection takes no tunnels')
  const hasBody = !stream.endAfterHeaders
  const asked = request({
    agent,
    method,
    path,
    headers: fieldsOf(headers, hasBody).flat(),
    setHost: false,
    // Our own server's answers, which may hold what an origin has sent.
    maxHeaderSize: 4 * http2HeaderBytesMax
  })
  asked.on('continue', () => {
    if (!stream.destroyed) stream.additionalHeaders({ ':status': 100 })
  })
  asked.on('response', response => {
    try {
      hand(response, stream, method)
    } catch {
      // An origin's field that HTTP/2 does not know how to carry.
      breakOff(stream)
    }
  })
  asked.on('error', () => breakOff(stream))
  stream.once('close', () => asked.destroy())
  sendBody(stream, asked, hasBody)
}

function sendBody(stream: ServerHttp2Stream, asked: ClientRequest, hasBody: boolean): void {
  if (hasBody) stream.pipe(asked)
  else asked.end()
}

function hand(response: IncomingMessage, stream: ServerHttp2Stream, method: string): void {
  if (stream.destroyed) return
  const status = response.statusCode!
  const hasTrailers = response.headers.trailer !== undefined
  const isEmpty = method === 'HEAD' || status === 204 || status === 304
  stream.respond(
    { ':status': status, ...recordOf(headersOf(response)) },
    { endStream: isEmpty, waitForTrailers: hasTrailers && !isEmpty }
  )
  if (isEmpty) return void response.resume()
  stream.once('wantTrailers', () => {
    const trailers = headersOf({ rawHeaders: response.rawTrailers })
    if (trailers.length > 0) stream.sendTrailers(recordOf(trailers))
    else stream.close()
  })
  // A body that breaks off must not look like one that ends.
  response.once('error', () => breakOff(stream))
  response.pipe(stream)
}

function refuse(stream: ServerHttp2Stream, text: string): void {
  const body = `Starling: ${text}\n`
  stream.respond({
    ':status': 400,
    'content-type': 'text/plain; charset=utf-8',
    'x-starling': explanation('own', 'reason=Bad Request')
  })
  stream.end(body)
}

function breakOff(stream: ServerHttp2Stream): void {
  // To close it would end it first, as if it were whole.
  stream.destroy(new Error('the answer broke off'))
}

/** Fields of HTTP/1.1, which frames a body by them. */
function fieldsOf(headers: HeaderList, hasBody: boolean): HeaderList {
  const fields = headers.filter(([name]) => !name.startsWith(':') && name !== 'cookie' && name !== 'host')
  const authority =
    headers.find(([name]) => name === ':authority') ?? headers.find(([name]) => name === 'host')
  // Cookies come in crumbs (RFC 9113, 8.2.3).
  const cookies = headers.filter(([name]) => name === 'cookie').map(([, crumb]) => crumb)
  const isLong = hasBody && !fields.some(([name]) => name === 'content-length')
  return [
    ['host', authority?.[1] ?? ''],
    ...fields,
    ...(cookies.length === 0 ? [] : [['cookie', cookies.join('; ')] as const]),
    ...(isLong ? [['transfer-encoding', 'chunked'] as const] : [])
  ]
}

/** Without what is about a connection of HTTP/1.1, which HTTP/2 forbids. */
const ofConnection: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade'
])

function recordOf(headers: HeaderList): Record<string, string[]> {
  const record: Record<string, string[]> = {}
  for (const [name, value] of headers) if (!ofConnection.has(name)) (record[name] ??= []).push(value)
  return record
}

function pairsOf(raw: readonly string[]): HeaderList {
  return headersOf({ rawHeaders: [...raw] })
}
