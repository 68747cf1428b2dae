/**
 * How one server is spoken to: an undici dispatcher with a pool of kept connections each for the direct way, and for a proxy
 * (a gateway is one). Plain http goes through a proxy in absolute form, never through CONNECT: a caching parent can then
 * cache it. Everything else goes through a tunnel, whose far end we verify as if there were no proxy.
 */
import { isIP } from 'node:net'
import { Agent, buildConnector, Pool, type Dispatcher } from 'undici'
import { messageOf } from '@starling/shared/errors.ts'
import type { AddressCheck } from './address-check.ts'
import { TurnedAway } from './errors.ts'
import { headerBytesMax, keepAliveMs, keepAliveMsMax, type UpstreamTimeouts } from './limits.ts'
import type { PlannedServer } from './plan.ts'
import { timed, type Timings } from './timings.ts'

export interface Route {
  /** The rest of a request is the same for all routes. @param target path and query, as they are to be sent */
  way(url: URL, target: string, headers: Record<string, string>): Way
  /** The proxy; null on the direct way, where a socket is a socket. */
  readonly proxy: Proxy | null
  /** When what is under way has ended. */
  close(): Promise<void>
  /** At once, with what is under way. */
  destroy(): Promise<void>
}

export interface Way {
  readonly dispatcher: Dispatcher
  readonly origin: string
  readonly path: string
  readonly headers: Record<string, string>
  /** Of the proxy; undici's types do not know it, undici does. */
  readonly servername?: string
}

export interface Proxy {
  readonly label: string
  readonly host: string
  readonly port: number
  /** Connections with the proxy itself. */
  readonly pool: Pool
  readonly headers: Readonly<Record<string, string>>
}

export interface RouteOptions {
  readonly check: AddressCheck
  readonly timeouts: UpstreamTimeouts
  /** Certificates (PEM) to trust beside the system's. */
  readonly ca: readonly string[]
}

export function routeOf(server: PlannedServer, timings: Timings, options: RouteOptions): Route {
  return server.kind === 'direct' ? directRoute(timings, options) : proxyRoute(server, timings, options)
}

function directRoute(timings: Timings, { check, timeouts, ca }: RouteOptions): Route {
  const dispatcher = new Agent({
    ...poolOptions(timeouts),
    // One connector for each connection, because the check needs the port and `lookup` is not told it.
    connect: (target, done) => {
      const port = Number(target.port || (target.protocol === 'https:' ? 443 : 80))
      try {
        check.checkHost(target.hostname, port)
      } catch (error) {
        return done(error as Error, null)
      }
      const connect = buildConnector({
        ...connectOptions(timeouts, ca),
        lookup: check.lookup(port)
      })
      timed(connect, timings)(target, done)
    }
  })
  return {
    proxy: null,
    way: (url, target, headers) => ({ dispatcher, origin: url.origin, path: target, headers }),
    close: () => dispatcher.close(),
    destroy: () => dispatcher.destroy()
  }
}

function proxyRoute(server: PlannedServer, timings: Timings, { timeouts, ca }: RouteOptions): Route {
  const url = new URL(server.url!)
  const connect = timed(buildConnector(connectOptions(timeouts, ca)), timings)
  // Whatever host is asked for, the certificate must be the proxy's.
  const servername = isIP(placeOf(url).host) === 0 ? url.hostname : ''
  const pool = new Pool(url.origin, {
    ...poolOptions(timeouts),
    connect: (target, done) => connect({ ...target, servername }, done)
  })
  const headers: Record<string, string> =
    server.credentials === null
      ? {}
      : { 'proxy-authorization': `Basic ${Buffer.from(server.credentials).toString('base64')}` }
  const proxy: Proxy = { label: server.label, ...placeOf(url), pool, headers }
  const tunnelled = new Agent({
    ...poolOptions(timeouts),
    connect: throughTunnel(proxy, timings, { timeouts, ca })
  })
  return {
    proxy,
    way: (asked, target, own) =>
      asked.protocol === 'http:'
        ? {
            dispatcher: pool,
            origin: url.origin,
            path: `${asked.origin}${target}`,
            headers: { ...own, host: asked.host, ...headers },
            // undici would take it from Host and reconnect whenever that changes.
            servername
          }
        : { dispatcher: tunnelled, origin: asked.origin, path: target, headers: own },
    close: async () => {
      // A request within may need another connection with the proxy.
      await tunnelled.close()
      await pool.close()
    },
    destroy: async () => {
      await Promise.all([pool.destroy(), tunnelled.destroy()])
    }
  }
}

/** CONNECT, and TLS within it. */
function throughTunnel(
  proxy: Proxy,
  timings: Timings,
  { timeouts, ca }: Pick<RouteOptions, 'timeouts' | 'ca'>
): buildConnector.connector {
  const connectTls = timed(buildConnector(connectOptions(timeouts, ca)), timings)
  return (target, done) => {
    const authority = `${target.hostname}:${target.port || 443}`
    proxy.pool.connect({ path: authority, headers: { host: authority, ...proxy.headers } }).then(
      ({ statusCode, socket }) => {
        if (statusCode >= 200 && statusCode < 300) {
          connectTls({ ...target, httpSocket: socket as never }, done)
          return
        }
        socket.on('error', () => {}).destroy()
        done(new TurnedAway(proxy.label, `does not tunnel to ${authority}`, statusCode), null)
      },
      (cause: unknown) => {
        // Of some errors undici would think that they are about a connection that once stood, and try for ever.
        done(new TurnedAway(proxy.label, `cannot be reached (${messageOf(cause)})`, null, cause), null)
      }
    )
  }
}

/** What a socket for this URL connects to. */
export function placeOf(url: URL): { host: string; port: number } {
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port }
}

function connectOptions({ connectMs }: UpstreamTimeouts, ca: readonly string[]) {
  return { ...(ca.length === 0 ? {} : { ca: [...ca] }), allowH2: false, timeout: connectMs }
}

function poolOptions(timeouts: UpstreamTimeouts) {
  return {
    // HTTP/1.1 throughout: one fetch, one connection, as the claims reckon with; and no second set of framing rules.
    allowH2: false,
    pipelining: 1,
    headersTimeout: timeouts.headersMs,
    bodyTimeout: timeouts.bodyIdleMs,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMsMax,
    maxHeaderSize: headerBytesMax
  }
}
