/**
 * The HTTP/1.1 forward proxy of this machine's programs. GETs of what can be shared go through the swarm; everything
 * else passes through untouched, so that a program that is told to use this proxy notices nothing but speed.
 *
 * Each answer says in `X-Starling` how it came about: `swarm; class=...` or `pass; reason=...`.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ContentClass } from '@starling/shared/content-classes/content-class.ts'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { tokensOf, headerOf } from '@starling/shared/http-fields.ts'
import { freshForMs } from '@starling/shared/http-sharing.ts'
import type { SignedHead } from '@starling/shared/manifest.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import { withoutQuery, type Log } from '../log.ts'
import type { ContentPort, TunnelPort, UpstreamPort } from '../ports.ts'
import { answerConnect } from './connect.ts'
import type { Exchange } from './exchange.ts'
import { endToEnd, hasPassed, headersOf } from './fields.ts'
import {
  clientIdleMs,
  connectionsMax,
  connectPortsDefault,
  headsKeptMax,
  keepAliveMs,
  requestHeaderBytesMax,
  requestHeadersMax,
  requestHeadersMs
} from './limits.ts'
import { passThrough } from './pass.ts'
import { parseRange } from './range.ts'
import { closeWithText, replyWithError, replyWithText } from './replies.ts'
import { serveTransfer } from './share.ts'
import { answersClient, judgeRequest, sharedHeaders, wishOf } from './wishing.ts'

export interface ProxyParts {
  readonly content: ContentPort
  readonly upstream: UpstreamPort & TunnelPort
  readonly log: Log
  /** Body bytes handed to clients of this machine. */
  onClientBytes?(bytes: Bytes, how: 'swarm' | 'pass'): void
}

export interface ProxyOptions {
  readonly host: string
  /** 0: the system chooses. */
  readonly port: number
  /** Where CONNECT may go, beside 443 and 80. */
  readonly connectPorts?: readonly number[]
  /** Content classes of policy, as they are now. */
  readonly classes?: () => readonly ContentClass[]
  readonly now?: () => Millis
}

export interface Proxy {
  readonly address: string
  readonly port: number
  /** Forgets what it remembers by key of whatever matches. */
  purge(matches: (key: string, contentClass: string) => boolean): void
  /** Ends all connections. */
  close(): Promise<void>
}

/** @throws StarlingError `listen-failed` */
export async function createProxy(given: ProxyParts, options: ProxyOptions): Promise<Proxy> {
  const log = given.log.child({ part: 'proxy' })
  const now = options.now ?? Date.now
  const parts = { ...given, log, now }
  const classes = options.classes ?? (() => [])
  // Unlike a host name it tells nobody who we are; like one it is ours alone, which is what finds loops.
  const via = `starling-${randomBytes(4).toString('hex')}`
  const open = new Set<AbortController>()
  const heads = rememberHeads(now)
  const connecting = {
    upstream: given.upstream,
    log,
    via,
    open,
    ports: new Set([...connectPortsDefault, ...(options.connectPorts ?? [])])
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const target = URL.parse(req.url ?? '')
    if (target === null || !/^https?:\/\//i.test(req.url ?? '')) {
      return replyWithText(
        res,
        400,
        'this is an HTTP proxy: set it as a proxy (http_proxy, WinHTTP) and ask for whole addresses'
      )
    }
    target.hash = ''
    const headers = headersOf(req)
    if (hasPassed(headers, via)) {
      return replyWithText(
        res,
        508,
        'this request comes from this very proxy: check the proxy settings for a loop'
      )
    }
    if (tokensOf(headerOf(headers, 'upgrade')).includes('websocket')) {
      return replyWithText(res, 501, 'websockets go through a tunnel (CONNECT), not through a plain request')
    }
    const gone = new AbortController()
    open.add(gone)
    res.once('close', () => {
      open.delete(gone)
      if (!res.writableFinished) gone.abort()
    })
    const exchange: Exchange = {
      req,
      res,
      method: req.method ?? 'GET',
      url: target.href,
      headers,
      onward: [
        ...endToEnd(headers).filter(([name]) => name !== 'host'),
        ['via', `${req.httpVersion} ${via}`]
      ],
      range: parseRange(req.headersDistinct.range ?? []),
      signal: gone.signal,
      via,
      count: bytes => given.onClientBytes?.(bytes, 'pass')
    }
    await answerExchange(exchange)
  }

  async function answerExchange(exchange: Exchange): Promise<void> {
    const { recognised, passReason } = judgeRequest(exchange, classes())
    if (passReason !== null) return passThrough(parts, exchange, passReason)
    const onwardHeaders = sharedHeaders(exchange, recognised)
    const shared: Exchange = { ...exchange, count: bytes => given.onClientBytes?.(bytes, 'swarm') }

    if (exchange.method === 'HEAD') {
      const known = heads.get(recognised.key)
      if (known === null) return passThrough(parts, exchange, 'the method is HEAD')
      return serveTransfer(parts, shared, known, onwardHeaders)
    }
    const outcome = await parts.content.want(wishOf(exchange, recognised, onwardHeaders))
    if (outcome.kind === 'transfer') {
      const { head, signed } = outcome.head
      heads.set(outcome.head, signed.issuedAt + freshForMs(head.headers, recognised, signed.issuedAt))
      return serveTransfer(parts, shared, outcome.head, onwardHeaders)
    }
    const usable = outcome.response !== null && answersClient(exchange, outcome.response)
    if (!usable) outcome.response?.cancel()
    return passThrough(parts, exchange, outcome.reason, usable ? outcome.response : null)
  }

  const server = createServer(
    {
      maxHeaderSize: requestHeaderBytesMax,
      headersTimeout: requestHeadersMs,
      // A large upload may take hours; its headers may not.
      requestTimeout: 0,
      keepAliveTimeout: keepAliveMs,
      insecureHTTPParser: false
    },
    (req, res) => {
      answer(req, res).catch((error: unknown) => {
        if (res.destroyed) return
        log.warn({ url: withoutQuery(req.url ?? ''), problem: messageOf(error) }, 'a request failed')
        replyWithError(res, error)
      })
    }
  )
  server.maxHeadersCount = requestHeadersMax
  server.maxConnections = connectionsMax
  server.setTimeout(clientIdleMs)
  server.on('connect', (req: IncomingMessage, socket: Duplex, first: Buffer) => {
    void answerConnect(connecting, req, socket, first)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === 'ECONNRESET') return void socket.destroy()
    const status = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[error.code ?? ''] ?? 400
    closeWithText(socket, status, 'this request cannot be understood')
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', cause => {
      const place = `${options.host}:${options.port}`
      reject(
        new StarlingError(
          'listen-failed',
          `the proxy cannot listen on ${place} (${messageOf(cause)}): choose another port`,
          { cause }
        )
      )
    })
    server.listen(options.port, options.host, resolve)
  })
  const { address, port } = server.address() as AddressInfo
  log.info({ address, port }, 'the proxy listens')
  return {
    address,
    port,
    purge: matches => {
      heads.purge(matches)
    },
    close: async () => {
      const closed = new Promise(resolve => server.close(resolve))
      for (const exchange of open) exchange.abort()
      server.closeAllConnections()
      await closed
    }
  }
}

/** Heads of transfers that clients asked for lately, while they are fresh; the least recently used goes first. */
function rememberHeads(now: () => Millis) {
  const heads = new Map<string, { readonly head: SignedHead; readonly until: Millis }>()
  return {
    get: (key: string): SignedHead | null => {
      const known = heads.get(key)
      return known !== undefined && known.until > now() ? known.head : null
    },
    set: (head: SignedHead, until: Millis): void => {
      heads.delete(head.head.key)
      heads.set(head.head.key, { head, until })
      const oldest = heads.keys().next().value
      if (heads.size > headsKeptMax && oldest !== undefined) heads.delete(oldest)
    },
    purge: (matches: (key: string, contentClass: string) => boolean): void => {
      for (const [key, { head }] of heads) if (matches(key, head.head.contentClass)) heads.delete(key)
    }
  }
}
