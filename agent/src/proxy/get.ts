/**
 * A GET that may be shared: out of the small cache, out of the swarm, or from the origin, and then kept for the next one.
 *
 * Small and mutable things follow RFC 9111 (http-cache/); large ones become transfers. Which of the two a URL is shows with
 * the first answer, so both begin in the same way: the first who asks leads, and whoever asks for the same meanwhile waits
 * for what comes of it (flight.ts).
 */
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Recognised } from '@starling/shared/content-classes/recognise.ts'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { contentLengthOf, headerOf, type HeaderList } from '@starling/shared/http-fields.ts'
import { tooSmallToShare } from '@starling/shared/http-sharing.ts'
import type { SignedHead } from '@starling/shared/manifest.ts'
import type { Millis } from '@starling/shared/units.ts'
import { withoutQuery } from '../log.ts'
import type { UpstreamResponse } from '../ports.ts'
import { collect } from './collect.ts'
import { isConditional } from './conditions.ts'
import { followsRedirects, type Exchange } from './exchange.ts'
import { asRecord, endToEnd } from './fields.ts'
import { createFlights, type Flight } from './flight.ts'
import type { Found, HttpCache } from './http-cache/http-cache.ts'
import {
  confirmed,
  dated,
  isFor,
  mayCoverError,
  termsOf,
  type Asked,
  type Kept,
  type Known,
  type Terms
} from './http-cache/kept.ts'
import { isUnkeyed } from './http-cache/unkeyed.ts'
import { changesKeptMax, refreshMsMax, smallBytesMax } from './limits.ts'
import { isExchanged } from './mirrors/mirrored.ts'
import { askUpstream, passFailed, passThrough } from './pass.ts'
import { serveExchanged, serveKept } from './serve-kept.ts'
import { serveTransfer, type ShareParts } from './share.ts'
import { strictProblem } from './strict.ts'
import { answersClient, ownHeaders, sharedHeaders, wishOf } from './wishing.ts'

export interface GetParts extends ShareParts {
  readonly cache: HttpCache
  /** Aborted when the proxy closes: what nobody waits for ends too. */
  readonly closing: AbortSignal
  /** A transfer has answered for this key. */
  resolved(head: SignedHead, recognised: Recognised): void
  /** A small response was kept. */
  kept(kept: Kept, url: string): void
}

/** A request, and what is to be known of it in all that follows. */
interface Get {
  readonly exchange: Exchange
  readonly recognised: Known
  /** What is asked upstream for everybody. */
  readonly shared: HeaderList
  /** By what upstream was asked, as far as an answer may depend on it. */
  readonly asked: Asked
  /** The same of the client's own request, which may say more. */
  readonly own: Asked
}

export interface Gets {
  answer(exchange: Exchange, recognised: Recognised): Promise<void>
  /** Answers a HEAD out of what is kept and fresh. @returns false: there is nothing */
  answerHead(exchange: Exchange, recognised: Recognised): Promise<boolean>
  /** What was kept is not there any more, nor does what is under way become so. */
  purge(matches: (key: string, contentClass: string) => boolean): Promise<void>
  /** Something else than a GET may have changed what lies under this key (RFC 9111, 4.4). */
  changed(recognised: Recognised): void
}

export function createGets(parts: GetParts): Gets {
  const { cache, upstream, log } = parts
  const flights = createFlights()
  /** When a client changed something at the origin, by key. */
  const changedAt = new LRUCache<string, Millis>({ max: changesKeptMax })

  function getOf(exchange: Exchange, recognised: Recognised): Get {
    const shared = sharedHeaders(exchange, recognised)
    const ofFields = (headers: HeaderList): Asked =>
      asRecord(headers.filter(([name]) => !neverVaried.has(name)))
    const own = ofFields(ownHeaders(exchange, recognised))
    const known = { ...recognised, isMirrored: exchange.mirrored !== null }
    return { exchange, recognised: known, shared, asked: ofFields(shared), own }
  }

  async function answer(exchange: Exchange, recognised: Recognised): Promise<void> {
    const get = getOf(exchange, recognised)
    const { key } = recognised
    for (let inVain = 0; ;) {
      const any = await cache.find(key, get.asked)
      const found = any !== null && isForOthers(get, any.kept) ? null : any
      if (found !== null && found.use.kind !== 'validate') {
        if (found.use.kind === 'refresh') refresh(get, found)
        return serve(exchange, found.kept)
      }
      const flight = flights.get(key)
      // Twice in vain: he wants another variant, or the origin is in trouble, and he need not wait for each who tries it.
      if (flight === undefined || inVain > 1) return lead(get, found)
      const end = await flight.wait(exchange.signal)
      if (end.kind === 'shared' && !isExchanged(exchange.mirrored)) return throughSwarm(get)
      if (end.kind === 'own' || end.kind === 'shared')
        return passThrough(parts, exchange, 'the response is for this client alone')
      if (end.kind === 'kept' && isFor(end.kept, get.asked) && !isForOthers(get, end.kept)) {
        if (end.isStale !== true) return serve(exchange, end.kept, 'just fetched')
        if (mayCoverError(end.kept, get.recognised)) return serve(exchange, end.kept, 'stale-if-error')
      }
      inVain++
    }
  }

  async function lead(get: Get, found: Found | null): Promise<void> {
    const { signal, headers, mirrored } = get.exchange
    const flight = flights.open(get.recognised, signal)
    try {
      if (found !== null) await validate(get, found, flight)
      else if (!get.recognised.rangeFirst && isConditional(headers))
        await askAlone(get, flight, 'the client has it and only asks whether it is current')
      else if (isExchanged(mirrored)) await askAlone(get, flight, 'the document is changed for each client')
      else if (!get.recognised.rangeFirst && mirrored === null && isUnkeyed(Object.keys(get.own)))
        await askAlone(get, flight, 'the request has fields of its own, which may choose the answer')
      else await throughSwarm(get, flight)
    } finally {
      flight.end({ kind: 'nothing' })
    }
  }

  /** @param flight of those who wait for the same; none: we have waited already */
  async function throughSwarm(get: Get, flight: Flight | null = null): Promise<void> {
    const { exchange, recognised, shared } = get
    const wish = wishOf(exchange, recognised, shared)
    const outcome = await parts.content.want(flight === null ? wish : { ...wish, signal: flight.signal })
    if (outcome.kind === 'transfer' && outcome.head.signed.issuedAt <= (changedAt.get(recognised.key) ?? 0)) {
      flight?.end({ kind: 'own' })
      return passOn(exchange, null, 'it has been changed at the origin since the swarm has it')
    }
    if (outcome.kind === 'transfer') {
      if (flight?.isPurged !== true) parts.resolved(outcome.head, recognised)
      flight?.end({ kind: 'shared' })
      return serveTransfer(parts, exchange, outcome.head, shared)
    }
    const { response, reason } = outcome
    if (flight === null) return passOn(exchange, saysMore(get) ? null : response, reason)
    if (response === null) return askAlone(get, flight, reason)
    await hand(get, flight, response, reason, answersClient(exchange, response) && !saysMore(get))
  }

  /** @param usable whether what came answers this client's own request as it is; else he asks anew */
  function passOn(
    exchange: Exchange,
    response: UpstreamResponse | null,
    reason: string,
    usable = response !== null && answersClient(exchange, response)
  ): Promise<void> {
    if (!usable) response?.cancel()
    return passThrough(parts, exchange, reason, usable ? response : null)
  }

  /** The client's own request, whose answer may be one for others too. */
  async function askAlone(get: Get, flight: Flight, reason: string): Promise<void> {
    const { exchange } = get
    let response: UpstreamResponse
    try {
      const isPart = exchange.range.kind !== 'none' && reason === tooSmallToShare
      if (isPart || (isExchanged(exchange.mirrored) && saysMore(get))) {
        // A part alone can neither be kept nor checked against what the name promises, and the whole costs little more.
        // Nor can a mirror keep what came for the fields of one client.
        const whole = await askForAll(get, {}, flight.signal)
        if (whole.status === 200 && termsFor(get, whole) !== null)
          return hand(get, flight, whole, reason, false)
        whole.cancel()
      }
      response = await askUpstream(parts, exchange, flight.signal)
    } catch (error) {
      return passFailed(parts, exchange, error)
    }
    await hand({ ...get, asked: get.own }, flight, response, reason, true)
  }

  /** Gives the client what came, and keeps it if it may be kept. */
  async function hand(
    get: Get,
    flight: Flight,
    response: UpstreamResponse,
    reason: string,
    usable = answersClient(get.exchange, response)
  ): Promise<void> {
    const { exchange, recognised } = get
    const terms = termsFor(get, response)
    if (terms === null) {
      flight.end({ kind: 'own' })
      return passOn(exchange, response, reason, usable)
    }
    const collecting = collect(response, smallBytesMax, flight.signal)
    const gathered = gather(get, flight, response, terms, collecting.whole)
    if (usable && recognised.promised === null) {
      await Promise.all([
        passThrough(parts, exchange, `${reason}; kept`, collecting.response),
        // Others may wait for it when this client has gone.
        gathered
      ])
      return
    }
    // What the name promises is checked before the client has all of it.
    const result = await gathered
    if (typeof result === 'object') return serve(exchange, result, 'just fetched')
    collecting.response.cancel()
    if (recognised.promised === null || result === 'too-large') return passThrough(parts, exchange, reason)
    throw result === 'untrusted'
      ? new StarlingError(
          'content-untrusted',
          'what the origin sent is not what its name promises: ask again'
        )
      : new StarlingError('upstream-short', 'the origin broke off: ask again')
  }

  /** Checks and keeps what comes; the flight ends by it. Never rejects. */
  async function gather(
    { exchange, recognised, asked }: Get,
    flight: Flight,
    { status, headers }: UpstreamResponse,
    terms: Terms,
    whole: Promise<Uint8Array | 'too-large' | 'broken'>
  ): Promise<Kept | 'too-large' | 'broken' | 'untrusted'> {
    const body = await whole
    if (typeof body === 'string') {
      flight.end({ kind: body === 'too-large' ? 'own' : 'nothing' })
      return body
    }
    if (!isPromised(body, recognised)) {
      flight.end({ kind: 'nothing' })
      return 'untrusted'
    }
    const { key, contentClass } = recognised
    const kept: Kept = { key, contentClass, status, headers: dated(endToEnd(headers)), body, ...terms }
    keep(flight, kept, asked)
    if (!flight.isPurged) parts.kept(kept, exchange.url)
    return kept
  }

  function keep(flight: Flight, kept: Kept, asked: Asked): void {
    if (flight.isPurged) return flight.end({ kind: 'nothing' })
    cache.keep(kept, asked)
    flight.end({ kind: 'kept', kept })
  }

  function termsFor({ exchange, recognised, asked, own }: Get, response: UpstreamResponse): Terms | null {
    const isElsewhere = response.url !== undefined && response.url !== exchange.url
    // Where a redirect leads may change, but not what a mirror's immutable file is.
    if (isElsewhere && !(recognised.isMirrored === true && recognised.immutable)) return null
    if (isForOthers({ asked, own }, response)) return null
    if ((contentLengthOf(response.headers) ?? 0) > smallBytesMax) return null
    return leadsBack(exchange.url, response) ? null : termsOf(asked, response, recognised)
  }

  async function validate(get: Get, found: Found, flight: Flight): Promise<void> {
    const { exchange } = get
    const { kept } = found
    const coverError = (): Promise<void> => {
      flight.end({ kind: 'kept', kept, isStale: true })
      return serve(exchange, kept, 'stale-if-error')
    }
    let response: UpstreamResponse
    try {
      response = await askToValidate(get, found, flight.signal)
    } catch (error) {
      if (flight.signal.aborted) throw error
      log.info(
        { url: withoutQuery(exchange.url), problem: messageOf(error) },
        'a kept response cannot be validated'
      )
      return mayCoverError(kept, get.recognised) ? coverError() : passFailed(parts, exchange, error)
    }
    const updated = confirm(get, found, flight, response)
    if (updated !== null) return serve(exchange, updated, 'validated')
    if (response.status >= 500 && mayCoverError(kept, get.recognised)) {
      response.cancel()
      return coverError()
    }
    if (response.status !== 304) return hand(get, flight, response, 'what was kept is stale')
    response.cancel()
    await askAlone(get, flight, 'what was kept is of another version')
  }

  /** What upstream's answer means for what is kept. @returns what is kept now, if it is still the same */
  function confirm(get: Get, { kept }: Found, flight: Flight, response: UpstreamResponse): Kept | null {
    const updated = response.status === 304 ? confirmed(kept, get.asked, response, get.recognised) : null
    if (updated !== null) {
      response.cancel()
      keep(flight, updated, get.asked)
    } else if (!isPassing(response.status) && termsFor(get, response) === null) {
      // It is gone, or has become a secret: not even stale is it given any more.
      cache.forget(kept.key)
    }
    return updated
  }

  function askToValidate(get: Get, { use }: Found, signal: AbortSignal): Promise<UpstreamResponse> {
    return askForAll(get, use.kind === 'fresh' ? {} : use.validation, signal)
  }

  /** On behalf of everybody, and for everything. */
  function askForAll(get: Get, conditions: Asked, signal: AbortSignal): Promise<UpstreamResponse> {
    return upstream.request({
      url: get.exchange.url,
      method: 'GET',
      client: get.exchange.client,
      headers: { ...asRecord(get.shared), ...conditions },
      range: null,
      ifRange: null,
      // As when the client asks by itself.
      followRedirects: followsRedirects(get.exchange),
      signal
    })
  }

  /** Behind the back of a client that has got what is a little stale. */
  function refresh(get: Get, found: Found): void {
    if (flights.get(get.recognised.key) !== undefined) return
    const flight = flights.open(
      get.recognised,
      AbortSignal.any([parts.closing, AbortSignal.timeout(refreshMsMax)])
    )
    renew(get, found, flight)
      .catch((error: unknown) =>
        log.info({ url: withoutQuery(get.exchange.url), problem: messageOf(error) }, 'not made fresh')
      )
      .finally(() => flight.end({ kind: 'nothing' }))
  }

  async function renew(get: Get, found: Found, flight: Flight): Promise<void> {
    const response = await askToValidate(get, found, flight.signal)
    if (confirm(get, found, flight, response) !== null) return
    const terms = termsFor(get, response)
    if (terms === null) return response.cancel()
    const collecting = collect(response, smallBytesMax, flight.signal)
    collecting.response.cancel()
    await gather(get, flight, response, terms, collecting.whole)
  }

  /** @param how it came to be fresh */
  async function serve(exchange: Exchange, kept: Kept, how?: string): Promise<void> {
    if (exchange.strict && strictProblem(kept) !== null)
      return passThrough(parts, exchange, 'what is kept is nothing for a cache host')
    if (isExchanged(exchange.mirrored)) return serveExchanged(exchange, kept, how)
    serveKept(exchange, kept, how)
  }

  return {
    answer,
    async answerHead(exchange, recognised) {
      const get = getOf(exchange, recognised)
      const found = await cache.find(recognised.key, get.asked)
      if (found?.use.kind !== 'fresh' || isForOthers(get, found.kept)) return false
      await serve(exchange, found.kept)
      return true
    },
    async purge(matches) {
      flights.purge(matches)
      await cache.purge(matches)
    },
    changed({ key, immutable }) {
      flights.purge(other => other === key)
      cache.forget(key)
      // What is immutable lies under that name whatever a client has sent there.
      if (!immutable) changedAt.set(key, parts.now())
    }
  }
}

/** Neither how it came to us nor how much age the client puts up with is what a response varies by. */
const neverVaried: ReadonlySet<string> = new Set(['via', 'cache-control', 'pragma'])

/** An error that says nothing about what is kept. */
function isPassing(status: number): boolean {
  return status === 304 || status === 408 || status === 425 || status === 429 || status >= 500
}

function isPromised(body: Uint8Array, { promised }: Recognised): boolean {
  return promised === null || hash(promised.algorithm, body, 'hex') === promised.hex
}

/**
 * A redirect to the very address, at most in another scheme, hangs on what a client brings along (a cookie, TLS before a
 * proxy of the origin's own): kept, it would send those who follow it round and round.
 */
function leadsBack(url: string, { headers }: UpstreamResponse): boolean {
  const location = headerOf(headers, 'location')
  const [from, to] = [new URL(url), location === null ? null : URL.parse(location, url)]
  return to !== null && to.host === from.host && to.pathname === from.pathname && to.search === from.search
}

/** With a token in a field of his own he may see what others are told is not there. */
function isForOthers(get: Pick<Get, 'asked' | 'own'>, { status }: { readonly status: number }): boolean {
  return status >= 400 && saysMore(get)
}

/** Whether the client's own request has fields that upstream was not told for everybody. */
function saysMore({ asked, own }: Pick<Get, 'asked' | 'own'>): boolean {
  return Object.keys(own).some(name => !(name in asked))
}
