/**
 * Requests that take a connection of their own, because undici cannot send them: an upgrade of plain http (websockets), and
 * `OPTIONS *`. Through a tunnel as CONNECT has it, so that routes and address checks are the same; a proxy in between is
 * asked for a tunnel too, as RFC 6455 (4.1) wants it.
 *
 * Nothing that the client says behind an upgrade reaches the other side before that has agreed with a 101: else this
 * would be a way to any port for any bytes, past `proxy.connectPorts`.
 */
import { once } from 'node:events'
import { request, ServerResponse, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { headerOf, tokensOf, type HeaderList } from '@starling/shared/http-fields.ts'
import { requestTargetOf } from '@starling/shared/request-target.ts'
import { withoutQuery, type Log } from '../log.ts'
import type { TunnelPort } from '../ports.ts'
import { endToEnd, explanation, hasBody, headersOf, viaOf } from './fields.ts'
import { upgradeAnswerMs } from './limits.ts'
import { replyWithError, toldBy } from './replies.ts'
import type { Tally } from './tally.ts'
import { join } from './two-ways.ts'

export interface AloneParts {
  readonly upstream: TunnelPort
  readonly log: Log
  readonly via: string
  readonly tally: Tally
}

/**
 * Whether a request leaves HTTP behind. An offer of h2c does not: some clients make it with each request, and a proxy may
 * leave it aside. Neither does one of a client that takes us for its server, nor of HTTP/1.0 (RFC 9110, 7.8).
 */
export function isUpgrade(req: IncomingMessage): boolean {
  const { method, url = '', headers, httpVersion } = req
  const offered = tokensOf(headers.upgrade ?? null)
  return (
    method === 'GET' &&
    httpVersion === '1.1' &&
    /^http:\/\//i.test(url) &&
    !hasBody(headersOf(req)) &&
    offered.length > 0 &&
    !offered.includes('h2c')
  )
}

/** Only in what the client has sent itself: the URL parser makes a path of an empty one. */
export function isServerOptions(req: IncomingMessage): boolean {
  return req.method === 'OPTIONS' && /^http:\/\/[^/?#]+$/i.test(req.url ?? '') && !hasBody(headersOf(req))
}

export interface Alone {
  readonly req: IncomingMessage
  /** As they came, or with one hop less (max-forwards.ts). */
  readonly headers: HeaderList
  /** Absolute, http. */
  readonly url: string
  readonly signal: AbortSignal
}

/** An Upgrade that was asked for. `first` is what the client has sent behind the request. */
export async function answerUpgrade(
  parts: AloneParts,
  alone: Alone,
  client: Duplex,
  first: Buffer
): Promise<void> {
  const res = responseOn(alone.req, client)
  try {
    const upgrade = headerOf(alone.headers, 'upgrade') ?? ''
    const asked = await ask(parts, alone, [
      ['Connection', 'Upgrade'],
      ['Upgrade', upgrade]
    ])
    const [answer, remote, early] = await answerTo(asked)
    if (remote === null) return await sendOn(parts, res, answer)
    const headers = onward(parts, answer)
    headers.push(['Connection', 'Upgrade'], ['Upgrade', headerOf(headersOf(answer), 'upgrade') ?? upgrade])
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    res.detachSocket(client as Socket)
    client.write(`HTTP/1.1 101 ${answer.statusMessage ?? ''}\r\n${lines}\r\n`, 'latin1')
    client.write(early)
    if (first.length > 0) remote.write(first)
    parts.tally.answered('pass')
    join(client, remote)
  } catch (error) {
    failed(parts, res, alone, error)
  }
}

/** `OPTIONS http://host` asks the server as a whole; the last proxy before it says `OPTIONS *` (RFC 9112, 3.2.4). */
export async function answerServerOptions(
  parts: AloneParts,
  alone: Alone,
  res: ServerResponse
): Promise<void> {
  try {
    const asked = await ask(parts, alone, [['Connection', 'close']])
    const [answer] = await answerTo(asked)
    await sendOn(parts, res, answer)
  } catch (error) {
    failed(parts, res, alone, error)
  }
}

/** @throws StarlingError as `TunnelPort.tunnel` */
async function ask(
  { upstream, via }: AloneParts,
  { req, headers, url, signal }: Alone,
  added: HeaderList
): Promise<ClientRequest> {
  const { hostname, port, host } = new URL(url)
  const ownVia = viaOf(headers, req.httpVersion, via)
  const kept = endToEnd(headers).filter(
    ([name]) => !['host', 'via', 'content-length', 'expect'].includes(name)
  )
  const remote = await upstream.tunnel({ host: hostname, port: Number(port || 80), via: ownVia, signal })
  const asked = request({
    createConnection: () => remote as Duplex,
    method: req.method,
    path: req.method === 'OPTIONS' ? '*' : (requestTargetOf(url) ?? '/'),
    headers: [['Host', host], ...kept, ['Via', ownVia], ...added].flat(),
    setHost: false,
    signal,
    timeout: upgradeAnswerMs
  })
  asked.once('timeout', () => {
    asked.destroy(new StarlingError('upstream-timeout', `${host} did not answer in time`))
  })
  // Whoever awaits its answer hears of it; what comes later shows in the answer's body.
  asked.on('error', () => {})
  asked.end()
  return asked
}

/** @returns the other side's connection if it has agreed to the upgrade, and what it has sent behind its answer */
async function answerTo(asked: ClientRequest): Promise<[IncomingMessage, Duplex | null, Buffer]> {
  const settled = new AbortController()
  const { signal } = settled
  try {
    const [answer, remote, early] = (await Promise.race([
      once(asked, 'response', { signal }),
      once(asked, 'upgrade', { signal })
    ])) as [IncomingMessage, Socket?, Buffer?]
    remote?.setTimeout?.(0)
    return [answer, remote ?? null, early ?? Buffer.alloc(0)]
  } finally {
    settled.abort()
  }
}

async function sendOn(parts: AloneParts, res: ServerResponse, answer: IncomingMessage): Promise<void> {
  const how = ['x-starling', explanation('pass', 'reason=it takes a connection of its own')] as const
  res.writeHead(answer.statusCode!, answer.statusMessage ?? '', [...onward(parts, answer), how].flat())
  parts.tally.answered('pass')
  answer.on('data', (part: Buffer) => parts.tally.bytes(part.length, 'pass'))
  await pipeline(answer, res)
}

function onward({ via }: AloneParts, answer: IncomingMessage): Array<readonly [string, string]> {
  const headers = headersOf(answer)
  return [
    ...endToEnd(headers).filter(([name]) => name !== 'via'),
    ['Via', viaOf(headers, answer.httpVersion, via)]
  ]
}

/** Node gives a bare socket with an upgrade; an answer that is none is an ordinary one all the same, and the last. */
function responseOn(req: IncomingMessage, client: Duplex): ServerResponse {
  const res = new ServerResponse(req)
  res.assignSocket(client as Socket)
  res.shouldKeepAlive = false
  res.once('finish', () => {
    toldBy(res, client)
    client.end()
  })
  return res
}

function failed({ log }: AloneParts, res: ServerResponse, { url, signal }: Alone, error: unknown): void {
  if (signal.aborted) return void res.destroy()
  const known =
    error instanceof StarlingError
      ? error
      : new StarlingError('upstream-unreachable', `${new URL(url).host} broke off (${messageOf(error)})`, {
          cause: error
        })
  log.info({ url: withoutQuery(url), problem: messageOf(known) }, 'a passed request failed')
  replyWithError(res, known)
}
