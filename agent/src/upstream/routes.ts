/**
 * The ways out: configured HTTP proxies in order, and the direct one. Each is an undici dispatcher with a pool of kept
 * connections. A proxy that could not be reached rests for a while, so that the next requests do not wait for it.
 *
 * Plain http goes through a proxy in absolute form, never through CONNECT: a caching parent can then cache it.
 */
import { Agent, buildConnector, Pool, ProxyAgent, type Dispatcher } from 'undici'
import type { Millis } from '@starling/shared/units.ts'
import type { AddressCheck } from './address-check.ts'
import { headerBytesMax, keepAliveMs, keepAliveMsMax, proxyRestMs, type UpstreamTimeouts } from './limits.ts'

export interface Route {
  /** For people: `direct` or `proxy http://host:port`. */
  readonly name: string
  readonly dispatcher: Dispatcher
  /** Makes CONNECT requests; null on the direct way, where a socket is a socket. */
  readonly tunnels: Pool | null
  readonly tunnelHeaders: Readonly<Record<string, string>>
  /** The proxy; null on the direct way, which leads to the origin itself. */
  readonly proxy: { readonly host: string; readonly port: number } | null
}

export interface Routes {
  /** In the order to try. */
  inOrder(): readonly Route[]
  failed(route: Route): void
  answered(route: Route): void
  close(): Promise<void>
}

export interface RouteOptions {
  readonly proxies: readonly string[]
  readonly directFallback: boolean
  readonly timeouts: UpstreamTimeouts
  /** Certificates (PEM) to trust beside the system's. */
  readonly ca: readonly string[]
  readonly now: () => Millis
}

export function createRoutes(check: AddressCheck, options: RouteOptions): Routes {
  const { proxies, directFallback, timeouts, ca, now } = options
  const tls = ca.length === 0 ? {} : { ca: [...ca] }
  const direct = directRoute(check, timeouts, tls)
  const viaProxies = proxies.map(proxy => proxyRoute(proxy, timeouts, tls))
  const restingUntil = new Map<Route, Millis>()
  const isResting = (route: Route): boolean => (restingUntil.get(route) ?? 0) > now()

  return {
    inOrder: () => {
      if (viaProxies.length === 0) return [direct]
      const awake = viaProxies.filter(route => !isResting(route))
      const resting = viaProxies.filter(isResting)
      return directFallback ? [...awake, direct, ...resting] : [...awake, ...resting]
    },
    failed: route => {
      if (route !== direct) restingUntil.set(route, now() + proxyRestMs)
    },
    answered: route => {
      restingUntil.delete(route)
    },
    close: async () => {
      const dispatchers = [direct, ...viaProxies].flatMap(({ dispatcher, tunnels }) => [dispatcher, tunnels])
      await Promise.all(dispatchers.map(async dispatcher => dispatcher?.destroy()))
    }
  }
}

type TlsOptions = { ca?: string[] }

function directRoute(check: AddressCheck, timeouts: UpstreamTimeouts, tls: TlsOptions): Route {
  return {
    name: 'direct',
    tunnels: null,
    tunnelHeaders: {},
    proxy: null,
    dispatcher: new Agent({
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
          ...tls,
          allowH2: false,
          timeout: timeouts.connectMs,
          lookup: check.lookup(port)
        })
        connect(target, done)
      }
    })
  }
}

function proxyRoute(proxy: string, timeouts: UpstreamTimeouts, tls: TlsOptions): Route {
  const url = new URL(proxy)
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  const token = url.username === '' ? null : `Basic ${Buffer.from(user).toString('base64')}`
  url.username = ''
  url.password = ''
  return {
    name: `proxy ${url.origin}`,
    tunnels: new Pool(url.origin, {
      ...poolOptions(timeouts),
      connect: { ...tls, timeout: timeouts.connectMs }
    }),
    proxy: placeOf(url),
    tunnelHeaders: token === null ? {} : { 'proxy-authorization': token },
    dispatcher: new ProxyAgent({
      ...poolOptions(timeouts),
      uri: url.origin,
      proxyTunnel: false,
      connectTimeout: timeouts.connectMs,
      proxyTls: tls,
      requestTls: tls,
      ...(token === null ? {} : { token })
    })
  }
}

/** What a socket for this URL connects to. */
export function placeOf(url: URL): { host: string; port: number } {
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port }
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
