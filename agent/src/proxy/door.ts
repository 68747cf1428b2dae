/**
 * Where a client comes in: whether it may, what for, and a line in the log when it has left. One visit is one request, or
 * one tunnel. The decisions are in filters.ts and client-limits.ts; here they meet sockets.
 *
 * A refusal says which rule it was and which setting holds it, with 403, 405, 413 or 429. To clients of a cache host it is
 * a 502: after a 4xx Delivery Optimization stays away from that origin for a quarter of an hour, with a 5xx it goes there
 * by itself at once (face.ts). Only a stranger (`clients`) gets a 403 in any case: it is to stay away.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { codeOf } from '@starling/shared/errors.ts'
import { headerOf } from '@starling/shared/http-fields.ts'
import { minuteMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { ClientLimits, OwnRefusal } from '@starling/shared/policy/access.ts'
import { withoutQuery } from '../log.ts'
import type { Span, Spans } from '../telemetry/spans.ts'
import type { AccessLine, AccessLogPort } from '../ports.ts'
import { isLocal } from './clients.ts'
import { createClientLimits, dayBytesOf, localDay, type DayBytes } from './client-limits.ts'
import { isStrict, type Face, type Faced } from './face.ts'
import { headersOf } from './fields.ts'
import { askedOf, type Denial, type Filters } from './filters.ts'
import { closeWithText, failureOf, replyWithError, replyWithText, statusOf, wholeSeconds } from './replies.ts'
import type { Reply } from './mirrors/aim.ts'
import type { Tally, Way } from './tally.ts'
import { uploadTooLarge, type UploadCount } from './upload-limit.ts'
import { agentFamily } from './user-agent.ts'

export interface DoorParts {
  readonly tally: Tally
  readonly spans: Spans
  readonly log: AccessLogPort | null
  readonly classOf: (url: string) => string
  readonly now: () => Millis
}

export interface DoorOptions {
  /** What holds at first. */
  readonly filters: Filters
  readonly limits: ClientLimits
  /** Where the bytes of the day outlive a restart. */
  readonly day: { readonly before: unknown; keep(bytes: DayBytes): Promise<void> } | null
}

export interface Door {
  /** @param isWithin it comes out of another one that has been counted, of which TLS was opened */
  connected(socket: Socket, isWithin: boolean): void
  /** What began as a tunnel is one no longer: its requests come here as well. */
  opened(socket: Duplex): void
  /** A network that is not served. */
  stranger(socket: Socket): void
  /** What could not be read as a request. */
  readonly unreadable: (error: unknown, socket: Duplex) => void
  /** False: it has been refused. To be asked first of all for each request. */
  opens(req: IncomingMessage, res: ServerResponse): boolean
  /** The same as soon as it is known what is asked for. */
  admits(req: IncomingMessage, res: ServerResponse, target: Target): boolean
  /** For CONNECT, and for what else leaves HTTP behind. @param target null: it is an authority, as of CONNECT */
  opensTunnel(req: IncomingMessage, socket: Duplex, target?: Target | null): boolean
  /** Answers what has no target that may be fetched. */
  refuse(res: ServerResponse, refused: Extract<Faced, { kind: 'refused' }> | Reply): void
  loop(res: ServerResponse): void
  /** Does what answers it within its span. */
  within<Result>(res: ServerResponse, answer: () => Result): Result
  /** Counts for all and for this visit. */
  tallyOf(res: ServerResponse): Tally
  uploadOf(res: ServerResponse): UploadCount
  /** From now on these hold; whoever has been let in stays, and what was moved until now is not held against anybody anew. */
  follow(filters: Filters, limits: ClientLimits): void
  /** Keeps the bytes of the day once more. */
  close(): Promise<void>
}

interface Target {
  readonly face: Face
  readonly url: string
}

interface Guest {
  readonly client: string
  /** See `connected`: whose bytes it moves has been charged with them. */
  readonly isWithin: boolean
  /** Of what the socket has moved. */
  charged: Bytes
  isTunnel: boolean
}

/** How often tunnels are asked what they have moved, and the bytes of the day are kept. */
const sweepMs: Millis = minuteMs

export function createDoor(parts: DoorParts, options: DoorOptions): Door {
  const { tally, spans, log, now } = parts
  let { filters, limits: numbers } = options
  const limits = createClientLimits(numbers, localDay, dayBytesOf(options.day?.before))
  const guests = new Map<Duplex, Guest>()
  const turnedAway = new WeakSet<Duplex>()
  const visits = new WeakMap<ServerResponse, Visit>()
  let sweeping: NodeJS.Timeout | null = null
  sweepWhileNeeded()

  /** Whether a client is held to the limits. */
  function isLimited(client: string): boolean {
    return numbers.local || !isLocal(client)
  }

  function sweepWhileNeeded(): void {
    const isNeeded = numbers.bytesPerDay > 0
    if (isNeeded) sweeping ??= setInterval(() => void sweep(), sweepMs).unref()
    else if (sweeping !== null) {
      clearInterval(sweeping)
      sweeping = null
    }
  }

  function charge(socket: Duplex): void {
    const guest = guests.get(socket)
    if (guest === undefined || guest.isWithin) return
    const { bytesWritten, bytesRead } = socket as Socket
    const moved = bytesWritten + bytesRead
    if (numbers.bytesPerDay > 0 && isLimited(guest.client))
      limits.moved(guest.client, moved - guest.charged, now())
    guest.charged = moved
  }

  async function sweep(): Promise<void> {
    for (const [socket, { client, isTunnel }] of guests) {
      charge(socket)
      if (isTunnel && isLimited(client) && limits.isUsedUp(client, now())) {
        refused(client, 'bytes-per-day', null)
        socket.destroy()
      }
    }
    await options.day?.keep(limits.dayBytes(now()))
  }

  function refused(client: string, rule: string, host: string | null): void {
    tally.refused(rule)
    log?.audit({ who: client, what: 'refused', detail: { rule, host } })
  }

  function openVisit(req: IncomingMessage, socket: Duplex): Visit {
    const isNoted = log?.notesRequests === true
    return {
      ...blankVisit(clientOf(socket)),
      method: req.method ?? null,
      isStrict: looksStrict(req),
      agent: isNoted ? agentFamily(headerOf(headersOf(req), 'user-agent')) : null
    }
  }

  function deny(visit: Visit, rule: string): void {
    visit.rule = rule
    refused(visit.client, rule, hostOf(visit))
  }

  /** What was refused further in. */
  function denyFor(visit: Visit, failure: string | null): void {
    const rule = failure === null ? undefined : ruleOfFailure[failure]
    if (visit.rule === null && rule !== undefined) deny(visit, rule)
  }

  function reply(res: ServerResponse, visit: Visit, refusal: Told): void {
    deny(visit, refusal.rule)
    if (refusal.retryAfterMs !== undefined) res.setHeader('retry-after', wholeSeconds(refusal.retryAfterMs))
    if (refusal.allow !== undefined && refusal.allow.length > 0)
      res.setHeader('allow', refusal.allow.join(', '))
    replyWithText(res, visit.isStrict ? 502 : refusal.status, refusal.text, refusal.rule)
  }

  function denialOf(visit: Visit, target: Target): Denial | null {
    if (filters.isEmpty) return null
    return filters.denialOf(askedOf(target.url, visit.method ?? '', visit.client))
  }

  function left(res: ServerResponse, visit: Visit): void {
    const totalMs = performance.now() - visit.startedAt
    if (visit.way !== null && visit.firstByteMs !== null) tally.timed(visit.way, visit.firstByteMs, totalMs)
    denyFor(visit, failureOf(res))
    tally.ended(visit.rule !== null || (res.headersSent && res.statusCode >= 500))
    note(visit, res.headersSent ? res.statusCode : null, res.writableFinished, totalMs)
    if (spans.areTold) tellSpan(visit, res)
  }

  function tellSpan({ span, target, way, bytes, rule }: Visit, res: ServerResponse): void {
    if (target !== null)
      span?.note({
        'url.full': withoutQuery(target.url),
        'starling.face': target.face,
        'starling.class': parts.classOf(target.url)
      })
    if (way !== null) span?.note({ 'starling.way': way })
    if (rule !== null) span?.note({ 'starling.rule': rule })
    if (res.headersSent) span?.note({ 'http.response.status_code': res.statusCode })
    span?.note({ 'starling.bytes': bytes, 'starling.whole': res.writableFinished })
    span?.end(res.headersSent && res.statusCode >= 500 ? (failureOf(res) ?? 'failed') : null)
  }

  function note(visit: Visit, status: number | null, whole: boolean, totalMs: Millis): void {
    if (log?.notesRequests !== true) return
    const { client, method, target, tunnel, bytes, from, received, firstByteMs, agent, rule } = visit
    const line: AccessLine = {
      time: new Date(now()).toISOString(),
      client,
      method,
      host: hostOf(visit),
      path: target === null ? null : withoutQuery(new URL(target.url).pathname).slice(0, pathCharsMax),
      class: target === null ? null : parts.classOf(target.url),
      face: target?.face ?? (tunnel === null ? null : 'tunnel'),
      status,
      whole,
      bytes,
      from,
      received,
      firstByteMs: firstByteMs === null ? null : tenths(firstByteMs),
      totalMs: tenths(totalMs),
      agent,
      rule
    }
    log.note(line)
  }

  return {
    connected(socket, isWithin) {
      const client = clientOf(socket)
      const isCounted = isLimited(client) && !isWithin
      const refusal = isCounted ? limits.connected(client, now()) : null
      if (refusal !== null) {
        turnedAway.add(socket)
        refused(client, refusal.rule, null)
        return closeWithText(socket, 429, refusal.text, refusal.retryAfterMs, refusal.rule)
      }
      guests.set(socket, { client, isWithin, charged: 0, isTunnel: false })
      socket.once('close', () => {
        charge(socket)
        guests.delete(socket)
        if (isCounted) limits.disconnected(client)
      })
    },

    opened(socket) {
      const guest = guests.get(socket)
      if (guest !== undefined) guest.isTunnel = false
    },

    stranger(socket) {
      refused(clientOf(socket), 'clients', null)
    },

    unreadable(error, socket) {
      const code = codeOf(error)
      if (!code.startsWith('HPE_') || turnedAway.has(socket)) return
      // Node tells it again for what comes behind.
      turnedAway.add(socket)
      const isLong = code === 'HPE_HEADER_OVERFLOW'
      const visit = blankVisit(clientOf(socket))
      if (isLong) deny(visit, 'header-size')
      note(visit, isLong ? 431 : 400, true, 0)
    },

    opens(req, res) {
      if (turnedAway.has(req.socket)) return false
      const visit = openVisit(req, req.socket)
      visits.set(res, visit)
      if (spans.areTold)
        visit.span = spans.begin('request', {
          kind: 'server',
          traceparent: [req.headers.traceparent].flat()[0],
          facts: { 'http.request.method': visit.method ?? '' }
        })
      const { client } = visit
      const isCounted = guests.has(req.socket) && isLimited(client)
      const refusal = isCounted ? limits.asked(client, now()) : null
      res.once('close', () => {
        if (isCounted && refusal === null) limits.ended(client)
        charge(req.socket)
        left(res, visit)
      })
      if (refusal === null) return true
      visit.target = wholeAddressOf(req)
      reply(res, visit, { ...refusal, status: 429 })
      return false
    },

    admits(req, res, target) {
      const visit = visits.get(res)!
      visit.target = target
      visit.isStrict = isStrict(target.face, req.method)
      const denial = denialOf(visit, target)
      if (denial !== null) {
        reply(res, visit, denial)
        return false
      }
      const length = Number(req.headers['content-length'] ?? 0)
      if (numbers.uploadBytes === 0 || length <= numbers.uploadBytes) return true
      replyWithError(res, uploadTooLarge(numbers.uploadBytes))
      return false
    },

    opensTunnel(req, socket, target = null) {
      if (turnedAway.has(socket)) return false
      const visit = openVisit(req, socket)
      visit.target = target
      visit.tunnel = req.url ?? ''
      const guest = guests.get(socket)
      if (guest !== undefined) guest.isTunnel = true
      const { bytesWritten, bytesRead } = socket as Socket
      socket.once('close', () => {
        const socketNow = socket as Socket
        visit.bytes = socketNow.bytesWritten - bytesWritten
        visit.received = socketNow.bytesRead - bytesRead
        const told = statusOf(socket)
        // Refused elsewhere: its port or host (connect.ts), its address (upstream).
        denyFor(visit, failureOf(socket))
        const rule = told === null ? undefined : ruleOfTunnel[told]
        if (visit.rule === null && rule !== undefined) deny(visit, rule)
        const established = target === null ? 200 : 101
        const status = told ?? (visit.bytes > 0 ? established : null)
        note(visit, status, true, performance.now() - visit.startedAt)
      })
      // A tunnel may stand for days; its connection is what is limited.
      const isCounted = guest !== undefined && isLimited(visit.client)
      const refusal = isCounted ? limits.asked(visit.client, now()) : null
      if (refusal !== null) {
        deny(visit, refusal.rule)
        closeWithText(socket, 429, refusal.text, refusal.retryAfterMs, refusal.rule)
        return false
      }
      if (isCounted) limits.ended(visit.client)
      const authority = `http://${visit.tunnel}`
      const denial =
        target !== null
          ? denialOf(visit, target)
          : !URL.canParse(authority)
            ? null
            : filters.denialOf({ ...askedOf(authority, 'CONNECT', visit.client), path: null })
      if (denial === null) return true
      deny(visit, denial.rule)
      closeWithText(socket, denial.status, denial.text, null, denial.rule)
      return false
    },

    refuse(res, refused) {
      const visit = visits.get(res)!
      const { kind, status, text } = refused
      if (kind === 'reply') visit.target = mirrorAddressOf(res.req)
      // The others cannot be understood, which is nobody's rule.
      const rule = kind === 'reply' ? refused.rule : status === 502 ? 'cache-host-origin' : null
      if (rule !== null) deny(visit, rule)
      if (kind === 'reply' && refused.allow !== null) res.setHeader('allow', refused.allow)
      replyWithText(res, status, text, rule)
    },

    loop(res) {
      deny(visits.get(res)!, 'loop')
    },

    within(res, answer) {
      const span = visits.get(res)?.span ?? null
      return span === null ? answer() : spans.within(span, answer)
    },

    tallyOf(res) {
      const visit = visits.get(res)!
      const began = (way: Way): void => {
        visit.way ??= way
        visit.firstByteMs ??= performance.now() - visit.startedAt
      }
      return {
        ...tally,
        answered(way) {
          began(way)
          tally.answered(way)
        },
        bytes(count, way) {
          began(way)
          visit.bytes += count
          visit.from[way] = (visit.from[way] ?? 0) + count
          tally.bytes(count, way)
        }
      }
    },

    uploadOf(res) {
      const visit = visits.get(res)!
      return { bytesMax: numbers.uploadBytes, came: bytes => void (visit.received += bytes) }
    },

    follow(nextFilters, nextLimits) {
      for (const socket of guests.keys()) charge(socket)
      filters = nextFilters
      numbers = nextLimits
      limits.follow(nextLimits)
      sweepWhileNeeded()
    },

    async close() {
      if (sweeping === null) return
      clearInterval(sweeping)
      await sweep()
    }
  }
}

const ruleOfTunnel: Readonly<Record<number, OwnRefusal>> = { 403: 'tunnels', 508: 'loop' }

const ruleOfFailure: Readonly<Record<string, OwnRefusal>> = {
  'upstream-refused-address': 'private-address',
  'redirect-denied': 'redirects',
  'upload-too-large': 'upload-size'
}

interface Visit {
  readonly client: string
  readonly method: string | null
  isStrict: boolean
  readonly agent: string | null
  readonly startedAt: Millis
  target: Target | null
  /** As it was asked for: `host:port`. */
  tunnel: string | null
  /** The first way is the one that the client waited for. */
  way: Way | null
  readonly from: { [Name in Way]?: Bytes }
  bytes: Bytes
  received: Bytes
  firstByteMs: Millis | null
  rule: string | null
  /** Null: it is told to nobody. */
  span: Span | null
}

/** Of which nothing is known yet but who it is. */
function blankVisit(client: string): Visit {
  return {
    client,
    method: null,
    isStrict: false,
    agent: null,
    startedAt: performance.now(),
    target: null,
    tunnel: null,
    way: null,
    from: {},
    bytes: 0,
    received: 0,
    firstByteMs: null,
    rule: null,
    span: null
  }
}

interface Told {
  readonly rule: string
  readonly status: number
  readonly text: string
  readonly retryAfterMs?: Millis
  readonly allow?: readonly string[]
}

/** More of a path tells an admin nothing, and lines stay short. */
const pathCharsMax = 1024
const hostCharsMax = 260

const tenths = (ms: Millis): Millis => Math.round(ms * 10) / 10

/** IPv4 as itself, also on a socket for both families. */
function clientOf(socket: Duplex): string {
  return ((socket as Socket).remoteAddress ?? 'gone').replace(/^::ffff:(?=[\d.]+$)/, '')
}

function hostOf({ target, tunnel }: Visit): string | null {
  // An authority is written down as it came, but for what may be a password or a secret in it.
  const host = target === null ? (tunnel?.replace(/^.*@|[/?#].*$/gs, '') ?? null) : new URL(target.url).host
  return host === null ? null : host.slice(0, hostCharsMax)
}

/** For the line of a request that is refused before it is looked at; null: it names no whole address. */
function wholeAddressOf({ url }: IncomingMessage): Target | null {
  const parsed = /^https?:/i.test(url ?? '') ? URL.parse(url ?? '') : null
  return parsed === null ? null : { face: 'forward', url: parsed.href }
}

/** As the client wrote it: upstream there is none of what a mirror refuses. */
function mirrorAddressOf({ headers, url }: IncomingMessage): Target | null {
  const parsed = URL.parse(`http://${headers.host ?? ''}${url ?? ''}`)
  return parsed === null ? null : { face: 'mirror', url: parsed.href }
}

/** Before more is known: whoever asks for a path takes us for a server, but not of Windows if it is a mirror's. */
function looksStrict({ method, url }: IncomingMessage): boolean {
  const face = /^(?:https?:|\/m\/)/i.test(url ?? '') ? 'forward' : 'cache-host'
  return isStrict(face, method)
}
