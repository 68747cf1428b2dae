/**
 * A GET that may be shared: out of the small cache, out of the swarm, or from the origin, and then kept for the next one.
 *
 * Small and mutable things follow RFC 9111 (http-cache/); large ones become transfers. Which of the two a URL is shows with
 * the first answer, so both begin in the same way: the first who asks leads, and whoever asks for the same meanwhile waits
 * for what comes of it (flight.ts).
 */
import { hash } from 'node:crypto'
import type { Recognised } from '@starling/shared/content-classes/recognise.ts'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { contentLengthOf, type HeaderList } from '@starling/shared/http-fields.ts'
import type { SignedHead } from '@starling/shared/manifest.ts'
import { withoutQuery } from '../log.ts'
import type { UpstreamResponse } from '../ports.ts'
import { collect } from './collect.ts'
import { isConditional } from './conditions.ts'
import { followsRedirects, write, type Exchange } from './exchange.ts'
import { asRecord, endToEnd, explanation } from './fields.ts'
import { createFlights, type Flight } from './flight.ts'
import type { Found, HttpCache } from './http-cache/http-cache.ts'
import { confirmed, mayCoverError, policyFor, type Asked, type Kept, type Known } from './http-cache/kept.ts'
import { smallBytesMax } from './limits.ts'
import { asMirrored, isExchanged } from './mirrors/mirrored.ts'
import { askUpstream, passFailed, passThrough } from './pass.ts'
import { planAnswer } from './plan.ts'
import { serveTransfer, type ShareParts } from './share.ts'
import { answersClient, sharedHeaders, wishOf } from './wishing.ts'

export interface GetParts extends ShareParts {
  readonly cache: HttpCache
  /** A transfer has answered for this key. */
  resolved(head: SignedHead, recognised: Recognised): void
  /** A small response was kept. */
  kept(kept: Kept, url: string): void
}

/** A request, and what is to be known of it in all that follows. */
interface Get {
  readonly exchange: Exchange
  readonly recognised: Recognised
  /** What is asked upstream for everybody. */
  readonly shared: HeaderList
  readonly asked: Asked
  readonly known: Known
}

export interface Gets {
  answer(exchange: Exchange, recognised: Recognised): Promise<void>
  /** Answers a HEAD out of what is kept and fresh. @returns false: there is nothing */
  answerHead(exchange: Exchange, recognised: Recognised): Promise<boolean>
}

export function createGets(parts: GetParts): Gets {
  const { cache, upstream, log } = parts
  const flights = createFlights()
  const refreshing = new Set<string>()

  function getOf(exchange: Exchange, recognised: Recognised): Get {
    const shared = sharedHeaders(exchange, recognised)
    // Neither how it came to us nor how much age the client puts up with is what a response varies by.
    const asked = asRecord(shared.filter(([name]) => name !== 'via' && name !== 'cache-control'))
    const { mirrored } = exchange
    const known = { ...recognised, mirrored }
    return { exchange, recognised, shared, asked, known }
  }

  async function answer(exchange: Exchange, recognised: Recognised): Promise<void> {
    const get = getOf(exchange, recognised)
    const { key } = recognised
    let justKept = false
    for (let round = 0; ; round++) {
      const found = await cache.find(key, get.asked)
      // What came while we waited answers us too, however soon it grows stale (RFC 9111, 4).
      if (found !== null && (found.use.kind !== 'validate' || justKept)) {
        if (found.use.kind === 'refresh') refresh(get, found)
        return serveKept(exchange, found.kept)
      }
      const flight = flights.get(key)
      // Who has waited twice in vain waits for something else than he wants, as with Vary.
      if (flight === undefined || round > 1) return lead(get, found)
      const end = await flight.wait(exchange.signal)
      if (end === 'shared' && !isExchanged(exchange.mirrored)) return throughSwarm(get)
      if (end === 'own' || end === 'shared')
        return passThrough(parts, exchange, 'the response is for this client alone')
      justKept = end === 'kept'
    }
  }

  async function lead(get: Get, found: Found | null): Promise<void> {
    const flight = flights.open(get.recognised.key)
    try {
      if (found !== null) await validate(get, found, flight)
      else if (!get.recognised.rangeFirst && isConditional(get.exchange.headers))
        await askAlone(get, flight, 'the client has it and only asks whether it is current')
      else if (isExchanged(get.exchange.mirrored))
        await askAlone(get, flight, 'the document is changed for each client')
      else await throughSwarm(get, flight)
    } finally {
      flight.end('again')
    }
  }

  /** @param flight of those who wait for the same; none: we have waited already */
  async function throughSwarm(get: Get, flight: Flight | null = null): Promise<void> {
    const { exchange, recognised, shared } = get
    const outcome = await parts.content.want(wishOf(exchange, recognised, shared))
    if (outcome.kind === 'transfer') {
      parts.resolved(outcome.head, recognised)
      flight?.end('shared')
      return serveTransfer(parts, exchange, outcome.head, shared)
    }
    const { response, reason } = outcome
    if (flight === null) {
      const usable = response !== null && answersClient(exchange, response)
      if (!usable) response?.cancel()
      return passThrough(parts, exchange, reason, usable ? response : null)
    }
    if (response === null) return askAlone(get, flight, reason)
    await hand(get, flight, response, reason)
  }

  /** The client's own request, whose answer may be one for others too. */
  async function askAlone(get: Get, flight: Flight, reason: string): Promise<void> {
    const { exchange } = get
    // Nobody is kept waiting for minutes when there is something to give.
    const cover = await coverOf(get)
    const stop = new AbortController()
    const leave = (): void => {
      if (flight.waiting === 0) stop.abort(exchange.signal.reason)
    }
    exchange.signal.addEventListener('abort', leave, { once: true })
    let response: UpstreamResponse
    try {
      response = await askUpstream(parts, exchange, stop.signal, !exchange.strict && cover === null)
    } catch (error) {
      return cover === null || exchange.signal.aborted
        ? passFailed(parts, exchange, error)
        : serveKept(exchange, cover, 'stale, the upstream cannot be reached')
    } finally {
      exchange.signal.removeEventListener('abort', leave)
    }
    await hand(get, flight, response, reason, true)
  }

  /**
   * Gives the client what came, and keeps it if it may be kept.
   * @param usable whether it answers this client's own request as it is
   */
  async function hand(
    get: Get,
    flight: Flight,
    response: UpstreamResponse,
    reason: string,
    usable = answersClient(get.exchange, response)
  ): Promise<void> {
    const { exchange } = get
    const cover = response.status >= 500 ? await coverOf(get) : null
    if (cover !== null) {
      response.cancel()
      return serveKept(exchange, cover, 'stale, the upstream fails')
    }
    const policy = keepable(get, response)
    if (policy === null) {
      flight.end('own')
      if (!usable) response.cancel()
      return passThrough(parts, exchange, reason, usable ? response : null)
    }
    const collecting = collect(response, smallBytesMax)
    let isRight = true
    const settled = collecting.whole.then(body => {
      isRight = body === null || isPromised(body, get.recognised)
      if (body === null || !isRight) return null
      const kept: Kept = { ...keptOf(get, response, body), policy }
      cache.keep(kept, get.asked)
      parts.kept(kept, exchange.url)
      return kept
    })
    void settled.then(kept => flight.end(kept === null ? 'own' : 'kept'))
    // What the name promises is checked before the client has all of it.
    if (usable && get.recognised.promised === null)
      return passThrough(parts, exchange, `${reason}; kept`, collecting.response)
    const kept = await settled
    if (kept !== null) return serveKept(exchange, kept, 'just fetched')
    if (!isRight)
      throw new StarlingError('content-untrusted', 'what the origin sent is not what its name promises')
    collecting.response.cancel()
    await passThrough(parts, exchange, reason)
  }

  /** What a mirror keeps may stand in for an upstream that fails. */
  async function coverOf({ exchange, recognised, asked, known }: Get): Promise<Kept | null> {
    return exchange.mirrored === null ? null : cache.cover(recognised.key, asked, known)
  }

  function keepable({ exchange, asked, known }: Get, response: UpstreamResponse) {
    const isElsewhere = response.url !== undefined && response.url !== exchange.url
    // Where a redirect leads may change, but not what a mirror's immutable file is.
    if (isElsewhere && !(exchange.mirrored !== null && known.immutable)) return null
    if ((contentLengthOf(response.headers) ?? 0) > smallBytesMax) return null
    return policyFor(asked, response, known)
  }

  async function validate(get: Get, found: Found, flight: Flight): Promise<void> {
    const { exchange } = get
    const { kept } = found
    let response: UpstreamResponse
    try {
      response = await askToValidate(get, found, exchange.signal)
    } catch (error) {
      exchange.signal.throwIfAborted()
      log.info(
        { url: withoutQuery(exchange.url), problem: messageOf(error) },
        'a kept response cannot be validated'
      )
      const cover = mayCoverError(kept, get.asked) ? kept : await coverOf(get)
      if (cover === null) return passFailed(parts, exchange, error)
      flight.end('kept')
      return serveKept(exchange, cover, 'stale-if-error')
    }
    const updated = response.status === 304 ? confirmed(kept, get.asked, response, get.known) : null
    if (updated !== null) {
      response.cancel()
      cache.keep(updated, get.asked)
      flight.end('kept')
      return serveKept(exchange, updated, 'validated')
    }
    if (response.status === 304) {
      // It speaks of something that we do not have.
      response.cancel()
      return askAlone(get, flight, 'what was kept is of another version')
    }
    if (response.status >= 500 && mayCoverError(kept, get.asked)) {
      response.cancel()
      flight.end('kept')
      return serveKept(exchange, kept, 'stale-if-error')
    }
    await hand(get, flight, response, 'what was kept is stale')
  }

  function askToValidate(get: Get, { use }: Found, signal: AbortSignal): Promise<UpstreamResponse> {
    const conditions = use.kind === 'fresh' ? {} : use.validation
    return upstream.request({
      url: get.exchange.url,
      method: 'GET',
      headers: { ...asRecord(get.shared), ...conditions },
      range: null,
      ifRange: null,
      followRedirects: followsRedirects(get.exchange),
      signal
    })
  }

  /** Behind the back of a client that has got what is a little stale. */
  function refresh(get: Get, found: Found): void {
    const { key } = get.recognised
    if (refreshing.has(key)) return
    refreshing.add(key)
    const again = async (): Promise<void> => {
      const response = await askToValidate(get, found, AbortSignal.timeout(60_000))
      const updated = response.status === 304 ? confirmed(found.kept, get.asked, response, get.known) : null
      if (updated !== null) cache.keep(updated, get.asked)
      const policy = response.status === 304 ? null : keepable(get, response)
      const body = policy === null ? null : await collect(response, smallBytesMax).whole
      if (policy !== null && body !== null) cache.keep({ ...keptOf(get, response, body), policy }, get.asked)
      response.cancel()
    }
    again()
      .catch((error: unknown) =>
        log.info({ url: withoutQuery(get.exchange.url), problem: messageOf(error) }, 'not made fresh')
      )
      .finally(() => refreshing.delete(key))
  }

  async function serveKept(exchange: Exchange, kept: Kept, how = 'fresh'): Promise<void> {
    const { res } = exchange
    const told = asMirrored(exchange, { status: kept.status, headers: kept.headers, body: one(kept.body) })
    const headers: HeaderList = [
      ...told.headers.filter(([name]) => !['age', 'content-length', 'accept-ranges'].includes(name)),
      ['age', String(Math.floor(kept.policy.age()))],
      ['accept-ranges', 'bytes'],
      ['via', `1.1 ${exchange.via}`],
      ['x-starling', explanation('cache', `class=${kept.contentClass}; ${how}`)]
    ]
    exchange.tally.answered('cache')
    if (isExchanged(exchange.mirrored)) return sendExchanged(exchange, { ...told, headers })
    if (kept.status !== 200) {
      res.writeHead(kept.status, [...headers, ['content-length', String(kept.body.length)]].flat())
      if (exchange.method !== 'HEAD') await write(exchange, kept.body, 'cache')
      return void res.end()
    }
    const plan = planAnswer(exchange, { headers, length: kept.body.length })
    res.writeHead(plan.status, plan.headers.flat())
    for (const { before, span } of plan.parts) {
      if (before.length > 0) await write(exchange, before, 'cache')
      await write(exchange, kept.body.subarray(span.start, span.end), 'cache')
    }
    if (plan.after.length > 0) await write(exchange, plan.after, 'cache')
    res.end()
  }

  /** How long it is turns out at its end. */
  async function sendExchanged(
    exchange: Exchange,
    { status, headers, body }: Pick<UpstreamResponse, 'status' | 'headers' | 'body'>
  ): Promise<void> {
    const { res } = exchange
    const verdict = status === 200 ? planAnswer(exchange, { headers, length: 0 }) : { status, headers }
    const isWhole = verdict.status === status
    const fields = verdict.headers.filter(
      ([name]) => !isWhole || !['content-length', 'accept-ranges'].includes(name)
    )
    res.writeHead(verdict.status, fields.flat())
    if (isWhole && exchange.method !== 'HEAD')
      for await (const part of body) await write(exchange, part, 'cache')
    res.end()
  }

  return {
    answer,
    async answerHead(exchange, recognised) {
      const found = await cache.find(recognised.key, getOf(exchange, recognised).asked)
      if (found?.use.kind !== 'fresh') return false
      await serveKept(exchange, found.kept)
      return true
    }
  }
}

async function* one(body: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield body
}

function isPromised(body: Uint8Array, { promised }: Recognised): boolean {
  return promised === null || hash(promised.algorithm, body, 'hex') === promised.hex
}

function keptOf(
  { recognised }: Get,
  { status, headers }: UpstreamResponse,
  body: Uint8Array
): Omit<Kept, 'policy'> {
  const { key, contentClass } = recognised
  return { key, contentClass, status, headers: endToEnd(headers), body }
}
