/**
 * A proxy between real clients and real origins on loopback, and a small true ContentPort behind it that has all the
 * bytes: for the tests of the proxy. `cleanUp` belongs in each file's `afterEach`.
 */
import { createHash } from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import {
  createServer,
  request,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestListener,
  type Server
} from 'node:http'
import {
  connect,
  createServer as createNetServer,
  type AddressInfo,
  type Server as NetServer,
  type Socket
} from 'node:net'
import { createLog } from '@starling/agent/log.ts'
import type { AccessLogPort, ContentPort, UpstreamPort, Wish } from '@starling/agent/ports.ts'
import { createHttpCache, type HttpCache } from '@starling/agent/proxy/http-cache/http-cache.ts'
import {
  createProxy,
  type Proxy,
  type ProxyOptions,
  type ProxyRules
} from '@starling/agent/proxy/http-proxy.ts'
import { createUpstream, type UpstreamOptions } from '@starling/agent/upstream/upstream.ts'
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import { judgeResponse } from '@starling/shared/http-sharing.ts'
import { transferIdOf, type SignedHead } from '@starling/shared/manifest.ts'
import { limitsShape } from '@starling/shared/policy/access.ts'
import { MiB, type Bytes } from '@starling/shared/units.ts'
import { startFaultyProxy, type FaultyProxy } from './faulty-proxy.ts'

const log = createLog('silent', 'test')
/** What is to be closed after the test, the youngest first. */
export const closers: Array<() => unknown> = []

export async function cleanUp(): Promise<void> {
  for (const close of closers.splice(0).toReversed()) await close()
}

type Upstream = ReturnType<typeof createUpstream>
export async function listen(server: Server | NetServer): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closers.push(
    () =>
      new Promise(resolve => {
        server.close(resolve)
        if ('closeAllConnections' in server) server.closeAllConnections()
      })
  )
  return (server.address() as AddressInfo).port
}

/** A proxy that fails on request; see faulty-proxy.ts. */
export async function faultyProxy(seed = 1): Promise<FaultyProxy> {
  const proxy = await startFaultyProxy(seed)
  closers.push(() => proxy.die())
  return proxy
}

export const serve = async (handler: RequestListener): Promise<string> =>
  `http://127.0.0.1:${await listen(createServer(handler))}`

/** 3 MiB and a bit in which each 4 bytes tell where they are. */
export const content = Buffer.alloc(3 * MiB + 1000)
for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(at, at)
export const etag = '"v1"'
export const lastModified = 'Sun, 06 Nov 1994 08:49:37 GMT'

/** An origin that serves the content as a good origin does, and remembers who asked for what. */
export async function origin(seen: IncomingMessage[] = []): Promise<string> {
  return serve((req, res) => {
    seen.push(req)
    const headers: OutgoingHttpHeaders = {
      etag,
      'last-modified': lastModified,
      'content-type': 'application/x-iso'
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? '')
    const fresh = req.headers['if-range'] === undefined || req.headers['if-range'] === etag
    if (range === null || !fresh)
      return void res.writeHead(200, { ...headers, 'content-length': content.length }).end(content)
    const start = Number(range[1])
    const end = range[2] === '' ? content.length : Math.min(content.length, Number(range[2]) + 1)
    const place = `bytes ${start}-${end - 1}/${content.length}`
    res
      .writeHead(206, { ...headers, 'content-length': end - start, 'content-range': place })
      .end(content.subarray(start, end))
  })
}

/**
 * The whole content as the swarm would have it. `read` may be exchanged to make it fail.
 * @param upstream is asked first, as when a key has to be resolved
 */
export interface Swarm extends ContentPort {
  readonly wishes: Wish[]
  readonly reads: Array<readonly [start: number, end: number]>
  read: ContentPort['read']
}

export function swarm(
  upstream: UpstreamPort | null = null,
  issuedAt = Date.now(),
  length: Bytes = content.length
): Swarm {
  const wishes: Wish[] = []
  const reads: Array<readonly [number, number]> = []
  return {
    wishes,
    reads,
    want: async wish => {
      wishes.push(wish)
      const recognised = recognise(wish.url)
      const headers: ReadonlyArray<readonly [string, string]> = [
        ['content-length', String(length)],
        ['content-type', 'application/x-iso'],
        ['etag', etag],
        ['last-modified', lastModified],
        ['cache-control', 'max-age=60']
      ]
      if (upstream !== null) {
        const asking = { ...wish, method: 'GET', headers: wish.headers, range: null, ifRange: null }
        const response = await upstream.request(asking).catch(() => null)
        if (response === null) return { kind: 'pass', reason: 'the origin cannot be reached', response }
        const judgement = judgeResponse(response, recognised)
        if (judgement.kind === 'pass') return { kind: 'pass', reason: judgement.reason, response }
        response.cancel()
      }
      const judgement = judgeResponse({ status: 200, headers }, recognised)
      if (judgement.kind === 'pass') return { kind: 'pass', reason: judgement.reason, response: null }
      const signed = { issuer: '', issuedAt, expiresAt: issuedAt, serial: 0, bytes: new Uint8Array() }
      return {
        kind: 'transfer',
        head: { transfer: transferIdOf(judgement.head), head: judgement.head, signed } satisfies SignedHead
      }
    },
    expectPieces: () => {},
    isKept: () => false,
    async *read(_transfer, start, end) {
      reads.push([start, end])
      yield* partsOf(start, end)
    }
  }
}

export function* partsOf(start: number, end: number): Generator<Uint8Array> {
  for (let at = start; at < end; at += 65_536) yield content.subarray(at, Math.min(end, at + 65_536))
}

/** The proxy's real way out, which may ask this machine unless the test says otherwise. */
export function upstreamOf(options: UpstreamOptions = { allowPrivate: ['127.0.0.1'] }): Upstream {
  const upstream = createUpstream({ log }, options)
  closers.push(() => upstream.close())
  return upstream
}

export async function proxyOf(
  given: ContentPort,
  options: Partial<ProxyOptions> = {},
  upstream: Upstream = upstreamOf(),
  cache: HttpCache = createHttpCache(null, log),
  accessLog: AccessLogPort | null = null
): Promise<Proxy> {
  const proxy = await createProxy(
    { content: given, upstream, cache, log, accessLog },
    { host: '127.0.0.1', port: 0, ...options }
  )
  closers.push(() => proxy.close())
  return proxy
}

/** What a running proxy can be told, as it is by default. */
export const defaultRules: ProxyRules = {
  connectHosts: [],
  connectPorts: [],
  wsus: null,
  pacHosts: [],
  clients: [],
  rules: [],
  limits: limitsShape.parse({}),
  mirrors: []
}

/** The upstream's own proxy is this very proxy: as when an agent is told to use itself. */
export async function proxyOfItself(): Promise<Proxy> {
  const listener = createNetServer()
  const port = await listen(listener)
  await new Promise(resolve => listener.close(resolve))
  const itself = upstreamOf({ proxies: [`http://127.0.0.1:${port}`], directFallback: false })
  return proxyOf(swarm(), { port }, itself)
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
  readonly raw: string[]
  /** Null: the response ended as it should. */
  readonly broken: unknown
}

/** A real client: asks the proxy for a whole address. */
export async function ask(
  proxy: Proxy,
  url: string,
  headers: OutgoingHttpHeaders | string[] = {},
  method = 'GET',
  body?: string
): Promise<Answer> {
  const outgoing = request({
    host: proxy.address,
    port: proxy.port,
    path: url,
    method,
    headers,
    agent: false
  })
  outgoing.end(body)
  return answerOf(outgoing)
}

async function answerOf(outgoing: ClientRequest): Promise<Answer> {
  // What breaks after the response's head shows in its body.
  outgoing.on('error', () => {})
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  const parts: Buffer[] = []
  let broken: unknown = null
  try {
    for await (const part of response) parts.push(part as Buffer)
  } catch (error) {
    broken = error
  }
  return {
    status: response.statusCode!,
    headers: response.headers,
    raw: response.rawHeaders,
    body: Buffer.concat(parts),
    broken
  }
}

/** A client that can be made to go away. */
export interface Leaving {
  readonly answer: Promise<Answer>
  /** Done when the proxy has noticed. */
  goAway(): Promise<void>
}

/** The servers' ends of all connections in this process, by the clients' ports. */
const accepted = new Map<number, Socket>()
subscribe('net.server.socket', message => {
  const { socket } = message as { readonly socket: Socket }
  accepted.set(socket.remotePort!, socket)
})

export async function leaving(proxy: Proxy, url: string): Promise<Leaving> {
  const outgoing = request({ host: proxy.address, port: proxy.port, path: url, agent: false })
  const answer = answerOf(outgoing)
  answer.catch(() => {})
  outgoing.end()
  const [socket] = (await once(outgoing, 'socket')) as [Socket]
  if (socket.connecting) await once(socket, 'connect')
  const port = socket.localPort!
  return {
    answer,
    goAway: async () => {
      const noticed = once(accepted.get(port)!, 'close')
      outgoing.destroy()
      await noticed
    }
  }
}

/** A small cache that tells when it has been asked: whoever has asked is answered by it, or waits from then on. */
export function watchedCache(): {
  readonly cache: HttpCache
  readonly asked: (times: number) => Promise<void>
} {
  const cache = createHttpCache(null, log)
  let times = 0
  let tell = (): void => {}
  return {
    cache: {
      ...cache,
      find: (key, asked) => {
        times++
        tell()
        return cache.find(key, asked)
      }
    },
    asked: async wanted => {
      while (times < wanted) await new Promise<void>(resolve => (tell = resolve))
      await new Promise<void>(resolve => void setImmediate(resolve))
    }
  }
}

/** Says exactly this to the proxy and gives all that comes until the connection ends. */
export async function say(proxy: Proxy, text: string): Promise<string> {
  const socket = connect(proxy.port, proxy.address)
  closers.push(() => socket.destroy())
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part))
  socket.on('error', () => {})
  socket.write(Buffer.from(text, 'latin1'))
  await once(socket, 'close')
  return Buffer.concat(parts).toString('latin1')
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
