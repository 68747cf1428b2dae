/**
 * Everything beyond the site is asked through here: origins, gateways' plain HTTP, the company's proxies. Who is asked, in which
 * order, is planned (plan.ts, balance.ts); a request goes to one after the other until one answers (race.ts), redirects are
 * followed with each hop planned and checked anew, a body that breaks is gone on with elsewhere (resume.ts); answers
 * come back checked (answer.ts) and are never decompressed.
 */
import { setMaxListeners } from 'node:events'
import type { Dispatcher } from 'undici'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { addressAsSpelled, requestTargetOf } from '@starling/shared/request-target.ts'
import type { Millis } from '@starling/shared/units.ts'
import { withoutQuery, type Log } from '../log.ts'
import type {
  ByteStream,
  TunnelPort,
  UpstreamPort,
  UpstreamRequest,
  UpstreamResponse,
  UpstreamView
} from '../ports.ts'
import { createAddressCheck } from './address-check.ts'
import { readAnswer } from './answer.ts'
import { inOrder, type Order } from './balance.ts'
import { blameFor, connectionLost, neverConnected, TurnedAway, upstreamError } from './errors.ts'
import { createProbes } from './health.ts'
import {
  defaultTimeouts,
  lostConnectionRetries,
  patienceMs,
  redirectsMax,
  type UpstreamTimeouts
} from './limits.ts'
import { createNames } from './names.ts'
import { planOf, type PlanOptions } from './plan.ts'
import { race, type RaceRules } from './race.ts'
import { resumable, type Rest } from './resume.ts'
import { createRetryBudget } from './retry-budget.ts'
import { timeHandshake } from './round-trip.ts'
import { placeOf } from './routes.ts'
import { createServer, type Errand, type Server, type Why } from './server.ts'
import { createServers, type UpstreamTotals } from './servers.ts'
import type { CaStore } from './untrusted.ts'
import { directTunnel, proxyTunnel } from './tunnel.ts'

/** All of it but the last five as the configuration says it (`upstream`). */
export interface UpstreamOptions extends Partial<PlanOptions> {
  /** See address-check.ts. */
  readonly allowPrivate?: readonly string[]
  readonly hedgeMsMin?: Millis
  readonly timeouts?: Partial<UpstreamTimeouts>
  /** Certificates (PEM) to trust beside the system's. */
  readonly ca?: readonly string[]
  /** By what gateways share the work, and rules choose. Absent: the URL, and no class. */
  readonly recognise?: (url: string) => { readonly key: string; readonly contentClass: string }
  readonly now?: () => Millis
  /** Throws a StarlingError where a redirect must not lead. */
  readonly mayFollow?: (url: string) => void
}

export interface Upstream extends UpstreamPort, TunnelPort {
  /** Private addresses that may be asked from now on. @throws StarlingError `bad-config`, with nothing changed */
  allowPrivate(listed: readonly string[]): void
  /**
   * Who is asked from the next request on; what is under way ends where it is.
   * @throws StarlingError `bad-config`, with nothing changed
   */
  reconfigure(next: UpstreamPlan): void
  /** Each server that may be asked, and how it does. */
  upstreams(): readonly UpstreamView[]
  totals(): UpstreamTotals
}

/** What may change while it runs. */
export type UpstreamPlan = PlanOptions & { readonly hedgeMsMin: Millis }

/** @throws StarlingError `bad-config` */
export function createUpstream(parts: { readonly log: Log }, options: UpstreamOptions = {}): Upstream {
  const log = parts.log.child({ part: 'upstream' })
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  // Not the time of day: a clock that is set back must not keep a server down for hours.
  const now = options.now ?? (() => performance.now())
  let hedgeMsMin = options.hedgeMsMin ?? 0
  const names = createNames({ patienceMs: timeouts.connectMs, now })
  const check = createAddressCheck(options.allowPrivate ?? [], names.resolve)
  const plan = planOf({
    proxies: options.proxies ?? [],
    directFallback: options.directFallback ?? true,
    servers: options.servers ?? [],
    rules: options.rules ?? [],
    credentials: options.credentials ?? new Map()
  })
  const budget = createRetryBudget(now)
  const probes = createProbes({ log, now })
  const caStore: CaStore = (options.ca ?? []).length > 0 ? 'system' : 'node'
  const serverOptions = { check, timeouts, ca: options.ca ?? [], now, onTrouble: probes.soon }
  const servers = createServers({ create: one => createServer(one, serverOptions), probes, log }, plan)

  function named(url: URL): { readonly key: string; readonly contentClass: string | null } {
    const plain = { key: url.href, contentClass: null }
    try {
      return options.recognise?.(url.href) ?? plain
    } catch {
      // What is no content of ours may be passed on all the same.
      return plain
    }
  }

  function explain(what: string, signal: AbortSignal): RaceRules<unknown>['explain'] {
    return (cause, server) => {
      const problem = upstreamError(cause, `${what} (${server.label})`, signal, caStore)
      log.debug({ what, server: server.label, problem: messageOf(cause) }, 'a server failed')
      return problem
    }
  }

  interface Ask {
    readonly why: Why
    /** Asked only when nobody else can be. */
    readonly avoid: Server | null
  }
  interface Answered {
    readonly server: Server
    readonly errand: Errand
    readonly response: UpstreamResponse
  }

  async function send(
    request: UpstreamRequest,
    { url, target }: Address,
    headers: Record<string, string>,
    { why, avoid }: Ask
  ): Promise<Answered> {
    const { host, port } = placeOf(url)
    check.checkHost(host, port)
    names.askedBy(request.client ?? '', host)
    const hasBody = request.body !== undefined && request.body !== null
    const isRepeatable = !hasBody && (request.method === 'GET' || request.method === 'HEAD')
    const { key, contentClass } = named(url)
    const groups = servers.groupsFor({ host, port, contentClass })
    const order = avoiding(avoid, inOrder(groups, key, now()))

    async function launch(server: Server, asked: Why, signal: AbortSignal): Promise<Answered> {
      const errand = server.begin(asked)
      try {
        const data = await ask(server, isRepeatable ? lostConnectionRetries : 0, signal)
        try {
          if (data.statusCode === 407 && server.route.proxy !== null) {
            const wants =
              'wants a user name and a password, or others: see credentialsFile of upstream.servers'
            throw new TurnedAway(server.label, wants, 407)
          }
          const response = readAnswer(data, { ...request, signal }, url, server.label)
          errand.answered(isBad(server, response))
          return { server, errand, response: watched(response, request, errand) }
        } catch (error) {
          data.body.on('error', () => {}).destroy()
          throw error
        }
      } catch (error) {
        if (!signal.aborted) errand.problem(upstreamError(error, url.host, signal, caStore).message)
        errand.over(false)
        throw error
      }
    }

    async function ask(server: Server, again: number, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
      const { dispatcher, ...way } = server.route.way(url, target, headers)
      try {
        return await dispatcher.request({
          ...way,
          method: request.method as 'GET',
          signal,
          responseHeaders: 'raw',
          headersTimeout: request.patient === true ? patienceMs : timeouts.headersMs,
          bodyTimeout: request.patient === true ? patienceMs : timeouts.bodyIdleMs,
          ...(hasBody ? { body: request.body as never } : {})
        })
      } catch (cause) {
        // The other side may have closed a kept connection just now.
        if (again > 0 && connectionLost(cause) && !signal.aborted) return await ask(server, again - 1, signal)
        throw cause
      }
    }

    return raceFor<Answered>({
      order,
      signal: request.signal,
      why,
      launch,
      isBad: (server, { response }) => isRepeatable && isBad(server, response),
      discard: ({ response }) => response.cancel(),
      explain: explain(url.host, request.signal),
      // A body can be read once only, and what is no GET must not happen twice.
      mayRepeat: cause => {
        if (hasBody) return 'never'
        if (neverConnected(cause)) return 'free'
        return isRepeatable && blameFor(cause) !== 'none' ? 'paid' : 'never'
      },
      hedgeAfterMs: server =>
        hedgeMsMin === 0 || !isRepeatable
          ? null
          : Math.max(hedgeMsMin, server.timings.firstByteMs(0.95) ?? hedgeMsMin),
      // What a later group is for is what the first cannot do, not what it does slowly.
      mayHedge: (from, to) =>
        groups.some(group => group.includes(from) && group.includes(to)) &&
        !(from.kind === 'direct' && to.kind === 'direct'),
      takeBudget: budget.take
    })
  }

  return {
    request: async request => {
      // One signal may stand behind all the requests of a transfer.
      setMaxListeners(0, request.signal)
      budget.asked()
      let address = addressOf(request.url)
      let headers = headersOf(request)
      for (let hops = 0; ; hops++) {
        const answered = await send(request, address, headers, { why: 'first', avoid: null })
        const { response } = answered
        const next = request.followRedirects === false ? null : redirectTarget(response, address.url)
        if (next === null) {
          // What was not redirected is told in the caller's own spelling, so that the two can be compared.
          const told = hops === 0 ? { ...response, url: request.url } : response
          let server = answered.server
          const [place, asked] = [address, headers]
          return resumable(told, request, rest => {
            if (!budget.take()) return null
            const again = { ...request, range: rest, ifRange: rest.validator }
            return send(again, place, headersForRest(asked, rest), { why: 'resume', avoid: server }).then(
              more => {
                log.info(
                  { what: place.url.host, server: more.server.label, at: rest.start },
                  'a broken body goes on'
                )
                server = more.server
                return more.response
              }
            )
          })
        }
        response.cancel()
        options.mayFollow?.(next)
        const there = addressOf(next)
        if (hops === redirectsMax) {
          throw new StarlingError(
            'upstream-bad-answer',
            `${withoutQuery(request.url)} redirects more than ${redirectsMax} times`
          )
        }
        headers = headersFor(there.url, address.url, headers)
        address = there
      }
    },
    tunnel: async target => {
      const { host, port, signal } = target
      check.checkHost(host, port)
      names.askedBy(target.client ?? '', host)
      const authority = `${host}:${port}`
      const groups = servers.groupsFor({ host: host.replace(/^\[(.*)\]$/, '$1'), port, contentClass: null })
      return raceFor<ByteStream>({
        order: inOrder(groups, authority, now()),
        signal,
        why: 'first',
        launch: async (server, why, until) => {
          const errand = server.begin(why)
          try {
            const { proxy } = server.route
            const stream: ByteStream =
              proxy === null
                ? await directTunnel(check, { ...target, signal: until }, timeouts.connectMs, server.timings)
                : await proxyTunnel(proxy, { ...target, signal: until })
            errand.answered(false)
            stream.once('close', () => errand.over(false))
            return stream
          } catch (error) {
            if (!until.aborted) errand.problem(upstreamError(error, authority, until, caStore).message)
            errand.over(false)
            throw error
          }
        },
        isBad: () => false,
        discard: stream => void stream.destroy(),
        explain: explain(authority, signal),
        mayRepeat: () => 'free',
        hedgeAfterMs: () => null,
        mayHedge: () => false,
        takeBudget: () => false
      })
    },
    roundTrip: async (text, signal) => {
      const { url } = addressOf(text)
      const place = placeOf(url)
      const { key, contentClass } = named(url)
      const { ready, resting } = inOrder(servers.groupsFor({ ...place, contentClass }), key, now())
      const server = [...ready, ...resting][0]
      if (server === undefined) return null
      const { proxy } = server.route
      if (proxy !== null) return timeHandshake({ host: proxy.host, port: proxy.port, signal })
      try {
        check.checkHost(place.host, place.port)
      } catch {
        return null
      }
      return timeHandshake({ ...place, lookup: check.lookup(place.port), signal })
    },
    allowPrivate: listed => check.allow(listed),
    reconfigure(next) {
      servers.follow(planOf(next))
      hedgeMsMin = next.hedgeMsMin
    },
    upstreams: () => servers.views(),
    totals: () => servers.totals(),
    close: async () => {
      probes.stop()
      await servers.close()
    }
  }
}

/** Whom it may still come to stays open until it is decided. */
async function raceFor<Answer>(rules: RaceRules<Answer>): Promise<Answer> {
  const holds = [...rules.order.ready, ...rules.order.resting].map(server => server.hold())
  try {
    return await race(rules)
  } finally {
    for (const letGo of holds) letGo()
  }
}

/** What stands between says that it cannot get it. From an origin itself it is the origin's answer, and nobody knows better. */
function isBad(server: Server, { status }: UpstreamResponse): boolean {
  return server.kind !== 'direct' && (status === 502 || status === 503 || status === 504)
}

function avoiding(avoid: Server | null, order: Order<Server>): Order<Server> {
  if (avoid === null || !order.ready.includes(avoid)) return order
  return { ...order, ready: [...order.ready.filter(server => server !== avoid), avoid] }
}

/** The server's errand is over when the body is, however it ends. */
function watched(response: UpstreamResponse, request: UpstreamRequest, errand: Errand): UpstreamResponse {
  const isEmpty = request.method === 'HEAD' || response.status === 204 || response.status === 304
  if (isEmpty) errand.over(true)
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* response.body
      errand.over(true)
    } catch (error) {
      if (!request.signal.aborted) errand.problem(messageOf(error))
      throw error
    } finally {
      errand.over(false)
    }
  }
  return {
    ...response,
    body: body(),
    cancel: () => {
      errand.over(false)
      response.cancel()
    }
  }
}

interface Address {
  readonly url: URL
  /** Path and query as they are spelled, and sent. */
  readonly target: string
}

function addressOf(text: string): Address {
  const url = URL.parse(text)
  const target = requestTargetOf(text)
  if (url === null || target === null) {
    throw new StarlingError('bad-url', `${withoutQuery(text).slice(0, 200)} is not an http or https address`)
  }
  return { url, target }
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
function redirectTarget(response: UpstreamResponse, from: URL): string | null {
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
  // Signed as they are spelled are above all the addresses that redirects lead to.
  const spelled = addressAsSpelled(/^\/(?!\/)/.test(location!) ? from.origin + location! : location!)
  return spelled !== null && URL.parse(spelled)?.href === target.href ? spelled : target.href
}

/** What identifies the client stays with the origin that it was meant for. */
function headersFor(next: URL, from: URL, headers: Record<string, string>): Record<string, string> {
  if (next.origin === from.origin) return headers
  const { authorization: _authorization, cookie: _cookie, ...rest } = headers
  return rest
}

/** Conditions of the client's have been met; the only one left is that it is still the same. */
function headersForRest(
  headers: Record<string, string>,
  { start, end, validator }: Rest
): Record<string, string> {
  const conditions = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since']
  const kept = Object.entries(headers).filter(([name]) => !conditions.includes(name))
  return { ...Object.fromEntries(kept), range: `bytes=${start}-${end - 1}`, 'if-range': validator }
}
