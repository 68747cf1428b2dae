/**
 * Interception on loopback: an origin that speaks TLS as it is told to, a real interception with a CA in a folder of its own,
 * a proxy before both, and TLS clients that ask through it. `cleanUp` of proxy-harness.ts closes all of it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { Agent, request as plainRequest, type RequestListener } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { ClientLimits, ProxyRule } from '@starling/shared/policy/access.ts'
import { readSecretFile, writeSecretFile } from '@starling/agent/identity/secret-file.ts'
import { createCaCommands } from '@starling/agent/intercept/ca-commands.ts'
import { createLeafMaker, makeCa, type Ca } from '@starling/agent/intercept/certificates.ts'
import { createIntercept, type Intercept } from '@starling/agent/intercept/intercept.ts'
import { watchUpstream } from '@starling/agent/intercept/watch-upstream.ts'
import { createLog } from '@starling/agent/log.ts'
import type { AccessLogPort, CaPort, ContentPort, UpstreamPort } from '@starling/agent/ports.ts'
import { isListed } from '@starling/agent/proxy/host-patterns.ts'
import { createHttpCache } from '@starling/agent/proxy/http-cache/http-cache.ts'
import { createProxy, type Proxy } from '@starling/agent/proxy/http-proxy.ts'
import type { Millis } from '@starling/shared/units.ts'
import { closers, listen, swarm, upstreamOf } from './proxy-harness.ts'

export const files = { read: readSecretFile, write: writeSecretFile }
export const silent = createLog('silent', 'test')

export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'starling-intercept-'))
  closers.push(() => rmSync(made, { recursive: true, force: true }))
  return made
}

/** Not ours: whom origins have their certificates from. */
let publicCa: Promise<Ca> | null = null
export const originCa = (): Promise<Ca> => (publicCa ??= caAt(Date.now()))
export const caAt = (now: Millis, domain = 'localhost'): Promise<Ca> =>
  makeCa({ permitted: [domain], excluded: [] }, 'origins', { now, signsFrom: now })

/** What the origin shows. */
export interface OriginTls extends ServerOptions {
  readonly ca?: string
  readonly issuer?: Ca
  readonly host?: string
  /** When its certificate was made. */
  readonly at?: Millis
}

/** @returns its port on 127.0.0.1; it is called localhost */
export async function tlsOrigin(handler: RequestListener, tls: OriginTls = {}): Promise<number> {
  const { issuer = await originCa(), host = 'localhost', at = Date.now(), ...options } = tls
  const { key, cert } = await (await createLeafMaker(issuer))(host, at)
  return await listen(createTlsServer({ key, cert, ...options }, handler))
}

export interface House {
  readonly intercept: Intercept
  readonly proxy: Proxy
  /** Our CA, as clients trust it. */
  readonly ca: string
  readonly commands: CaPort
  readonly problems: string[]
  /** What is remembered. */
  readonly kept: () => unknown
}

export interface HouseOptions {
  readonly hosts?: readonly string[]
  readonly content?: (upstream: UpstreamPort) => ContentPort
  readonly remembered?: unknown
  readonly now?: () => Millis
  readonly accessLog?: AccessLogPort
  readonly rules?: readonly ProxyRule[]
  readonly port: number
  readonly limits?: ClientLimits
}

export async function openHouse(given: HouseOptions): Promise<House> {
  const { hosts = [`localhost:${given.port}`], now = Date.now, accessLog = null } = given
  const caFile = join(folder(), 'intercept-ca.json')
  const commands = createCaCommands(files, caFile, hosts, now)
  if (hosts.length > 0) await commands.init(false)
  const problems: string[] = []
  let kept: unknown = given.remembered ?? null
  const intercept = await createIntercept(
    {
      files,
      log: silent,
      now,
      recall: async () => kept,
      remember: async value => void (kept = value),
      problem: sentence => void problems.push(sentence)
    },
    { caFile, hosts, isListed: (listed, host, port) => isListed(listed, host, port, 443) }
  )
  closers.push(() => intercept.stop())
  const upstream = watchUpstream(
    upstreamOf({
      allowPrivate: ['127.0.0.0/8', '::1', 'localhost'],
      ca: [(await originCa()).certificatePem]
    }),
    (url, why) => intercept.originRefused(url, why)
  )
  const content = given.content?.(upstream) ?? swarm(upstream)
  const proxy = await createProxy(
    { content, upstream, cache: createHttpCache(null, silent), intercept, log: silent, accessLog },
    {
      host: '127.0.0.1',
      port: 0,
      connectPorts: [given.port],
      rules: given.rules ?? [],
      ...(given.limits === undefined ? {} : { limits: given.limits })
    }
  )
  closers.push(() => proxy.close())
  const { authorities } = await commands.list()
  return {
    intercept,
    proxy,
    ca: authorities[0]?.certificatePem ?? '',
    commands,
    problems,
    kept: () => kept
  }
}

type ProxyAddress = Pick<Proxy, 'address' | 'port'>

/** A tunnel through the proxy, as its client sees it. */
export async function tunnel(proxy: ProxyAddress, authority: string): Promise<Socket> {
  const asked = plainRequest({
    host: proxy.address,
    port: proxy.port,
    method: 'CONNECT',
    path: authority,
    agent: false
  })
  asked.end()
  const [response, socket] = (await once(asked, 'connect')) as [{ statusCode: number }, Socket]
  closers.push(() => socket.destroy())
  socket.on('error', () => {})
  if (response.statusCode !== 200) throw new Error(`CONNECT was answered with ${response.statusCode}`)
  return socket
}

/** A TLS client in a tunnel; rejects as node:tls does. */
export async function tlsThrough(
  proxy: ProxyAddress,
  authority: string,
  options: ConnectionOptions
): Promise<TLSSocket> {
  const socket = connectTls({
    socket: await tunnel(proxy, authority),
    servername: authority.split(':')[0]!,
    ...options
  })
  closers.push(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

export interface Told {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  /** Null: it ended as it should. */
  readonly broken: unknown
}

export interface Asking {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Other than of the CONNECT. */
  readonly host?: string
}

/** Asks in the protocol that was agreed on. */
export type Ask = (path: string, asking?: Asking) => Promise<Told>

export async function http1(socket: TLSSocket, authority: string): Promise<Ask> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  agent.createConnection = () => socket
  return async (path, { method = 'GET', headers = {}, body, host = authority } = {}) => {
    const asked = plainRequest({ agent, method, path, headers: { host, ...headers } })
    asked.on('error', () => {})
    asked.end(body)
    const [response] = await once(asked, 'response')
    return { status: response.statusCode, headers: response.headers, ...(await bodyOf(response)) }
  }
}

export async function http2(socket: TLSSocket, authority: string): Promise<Ask> {
  const session: ClientHttp2Session = connectHttp2(`https://${authority}`, { createConnection: () => socket })
  session.on('error', () => {})
  closers.push(() => session.destroy())
  return async (path, { method = 'GET', headers = {}, body, host = authority } = {}) => {
    const stream = session.request(
      { ':method': method, ':path': path, ':authority': host, ...headers },
      { endStream: body === undefined }
    )
    stream.on('error', () => {})
    if (body !== undefined) stream.end(body)
    const [answer] = await once(stream, 'response')
    return { status: answer[':status'], headers: answer, ...(await bodyOf(stream)) }
  }
}

async function bodyOf(readable: AsyncIterable<Buffer>): Promise<Pick<Told, 'body' | 'broken'>> {
  const parts: Buffer[] = []
  try {
    for await (const part of readable) parts.push(part)
    return { body: Buffer.concat(parts), broken: null }
  } catch (broken) {
    return { body: Buffer.concat(parts), broken }
  }
}
