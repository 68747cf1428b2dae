/**
 * Everything beyond the site is asked through here: origins, gateways' plain HTTP, the company's proxies. One request
 * goes by the first route that can be reached; redirects are followed with each hop checked anew; answers come back
 * checked (answer.ts) and are never decompressed.
 */
import { setMaxListeners } from 'node:events'
import type { Dispatcher } from 'undici'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import type { Millis } from '@starling/shared/units.ts'
import { withoutQuery, type Log } from '../log.ts'
import type { ByteStream, TunnelPort, UpstreamPort, UpstreamRequest, UpstreamResponse } from '../ports.ts'
import { createAddressCheck } from './address-check.ts'
import { readAnswer } from './answer.ts'
import { connectionLost, neverConnected, upstreamError } from './errors.ts'
import {
  defaultTimeouts,
  lostConnectionRetries,
  patienceMs,
  redirectsMax,
  type UpstreamTimeouts
} from './limits.ts'
import { timeHandshake } from './round-trip.ts'
import { createRoutes, placeOf, type Route } from './routes.ts'
import { directTunnel, proxyTunnel } from './tunnel.ts'

export interface UpstreamOptions {
  /** HTTP proxies, in the order to try them; credentials may stand in the URL. */
  readonly proxies?: readonly string[]
  /** Whether to go directly when no proxy can be reached. */
  readonly directFallback?: boolean
  /** See address-check.ts. */
  readonly allowPrivate?: readonly string[]
  readonly timeouts?: Partial<UpstreamTimeouts>
  /** Certificates (PEM) to trust beside the system's. */
  readonly ca?: readonly string[]
  readonly now?: () => Millis
}

export interface Upstream extends UpstreamPort, TunnelPort {
  /** Private addresses that may be asked from now on. @throws StarlingError `bad-config`, with nothing changed */
  allowPrivate(listed: readonly string[]): void
}

/** @throws StarlingError `bad-config` */
export function createUpstream(parts: { readonly log: Log }, options: UpstreamOptions = {}): Upstream {
  const log = parts.log.child({ part: 'upstream' })
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  const check = createAddressCheck(options.allowPrivate ?? [])
  const routes = createRoutes(check, {
    proxies: options.proxies ?? [],
    directFallback: options.directFallback ?? true,
    timeouts,
    ca: options.ca ?? [],
    now: options.now ?? Date.now
  })

  /** Tries route after route, as long as trying again does no harm. */
  async function byRoutes<Result>(
    what: string,
    signal: AbortSignal,
    mayRepeat: (cause: unknown) => boolean,
    attempt: (route: Route) => Promise<Result>
  ): Promise<Result> {
    let failure: StarlingError | null = null
    for (const route of routes.inOrder()) {
      try {
        const result = await attempt(route)
        routes.answered(route)
        return result
      } catch (cause) {
        failure = upstreamError(cause, `${what} (${route.name})`, signal)
        if (failure.code === 'aborted' || failure.code === 'upstream-refused-address') throw failure
        if (neverConnected(cause)) routes.failed(route)
        log.debug({ what, route: route.name, problem: messageOf(cause) }, 'a route failed')
        if (!mayRepeat(cause)) throw failure
      }
    }
    throw failure ?? new StarlingError('upstream-unreachable', `${what}: there is no route`)
  }

  async function send(
    request: UpstreamRequest,
    url: URL,
    headers: Record<string, string>
  ): Promise<UpstreamResponse> {
    const { host, port } = placeOf(url)
    check.checkHost(host, port)
    const hasBody = request.body !== undefined && request.body !== null
    const repeatable = !hasBody && (request.method === 'GET' || request.method === 'HEAD')
    const attempt = async (route: Route): Promise<UpstreamResponse> => {
      const ask = (retries: number): Promise<Dispatcher.ResponseData> =>
        route.dispatcher
          .request({
            origin: url.origin,
            path: `${url.pathname}${url.search}`,
            method: request.method as 'GET',
            headers,
            signal: request.signal,
            responseHeaders: 'raw',
            headersTimeout: request.patient === true ? patienceMs : timeouts.headersMs,
            bodyTimeout: request.patient === true ? patienceMs : timeouts.bodyIdleMs,
            ...(hasBody ? { body: request.body as never } : {})
          })
          .catch((cause: unknown) => {
            // The other side may have closed a kept connection just now.
            if (retries > 0 && connectionLost(cause) && !request.signal.aborted) return ask(retries - 1)
            throw cause
          })
      const data = await ask(repeatable ? lostConnectionRetries : 0)
      try {
        return readAnswer(data, request, url, route.name)
      } catch (error) {
        data.body.on('error', () => {}).destroy()
        throw error
      }
    }
    // A body can be read once only, and what is no GET must not happen twice.
    const mayRepeat = (cause: unknown): boolean =>
      !hasBody && (neverConnected(cause) || (repeatable && connectionLost(cause)))
    return byRoutes(url.host, request.signal, mayRepeat, attempt)
  }

  return {
    request: async request => {
      // One signal may stand behind all the requests of a transfer.
      setMaxListeners(0, request.signal)
      let url = parseTarget(request.url)
      let headers = headersOf(request)
      for (let hops = 0; ; hops++) {
        const response = await send(request, url, headers)
        const next = request.followRedirects === false ? null : redirectTarget(response, url)
        // What was not redirected is told in the caller's own spelling, so that the two can be compared.
        if (next === null) return hops === 0 ? { ...response, url: request.url } : response
        response.cancel()
        if (hops === redirectsMax) {
          throw new StarlingError(
            'upstream-bad-answer',
            `${withoutQuery(request.url)} redirects more than ${redirectsMax} times`
          )
        }
        headers = headersFor(next, url, headers)
        url = next
      }
    },
    tunnel: async target => {
      const { host, port, signal } = target
      check.checkHost(host, port)
      return byRoutes<ByteStream>(
        `${host}:${port}`,
        signal,
        () => true,
        route =>
          route.tunnels === null
            ? directTunnel(check, target, timeouts.connectMs)
            : proxyTunnel(route, target)
      )
    },
    roundTrip: async (url, signal) => {
      const route = routes.inOrder()[0]
      if (route === undefined) return null
      if (route.proxy !== null) return timeHandshake({ ...route.proxy, signal })
      const place = placeOf(parseTarget(url))
      try {
        check.checkHost(place.host, place.port)
      } catch {
        return null
      }
      return timeHandshake({ ...place, lookup: check.lookup(place.port), signal })
    },
    allowPrivate: listed => check.allow(listed),
    close: () => routes.close()
  }
}

function parseTarget(text: string): URL {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new StarlingError('bad-url', `${withoutQuery(text).slice(0, 200)} is not an http or https address`)
  }
  return url
}

function headersOf(request: UpstreamRequest): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers)) headers[name.toLowerCase()] = value
  // undici writes Host from the URL: two opinions about it are how requests get smuggled.
  delete headers.host
  const { range, ifRange } = request
  if (range !== null) {
    headers.range =
      'suffix' in range
        ? `bytes=-${range.suffix}`
        : `bytes=${range.start}-${range.end === null ? '' : range.end - 1}`
    headers['accept-encoding'] = 'identity'
  }
  if (ifRange !== null) headers['if-range'] = ifRange
  return headers
}

/** Null if the response is not a redirect that can be followed: then it is the answer. */
function redirectTarget(response: UpstreamResponse, from: URL): URL | null {
  if (![301, 302, 303, 307, 308].includes(response.status)) return null
  const location = response.headers.find(([name]) => name === 'location')?.[1]
  const target = location === undefined ? null : URL.parse(location, from.href)
  if (target === null) return null
  if (target.protocol !== 'http:' && target.protocol !== 'https:') {
    throw new StarlingError(
      'upstream-bad-answer',
      `${from.host} redirects to ${target.protocol}, which is not http or https`
    )
  }
  // Who asks for https must not get what somebody on the way of plain http could have changed, nor by way of a redirect.
  if (from.protocol === 'https:' && target.protocol === 'http:') return null
  target.hash = ''
  return target
}

/** What identifies the client stays with the origin that it was meant for. */
function headersFor(next: URL, from: URL, headers: Record<string, string>): Record<string, string> {
  if (next.origin === from.origin) return headers
  const { authorization: _authorization, cookie: _cookie, ...rest } = headers
  return rest
}
