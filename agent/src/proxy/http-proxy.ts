/**
 * The HTTP/1.1 server for programs: of this machine, and on a gateway of the networks that are listed. One code for all the
 * ways in which they come (face.ts). GETs of what can be shared are answered by get.ts; everything else passes
 * through untouched, so that a program that is told to use this proxy notices nothing but speed.
 *
 * Each answer says in `X-Starling` how it came about: `swarm; class=...`, `cache; class=...` or `pass; reason=...`; where nobody
 * else had a part in it, `own; reason=...`: the rule that refused it, or what went wrong.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { hostname } from 'node:os'
import type { Duplex } from 'node:stream'
import { LRUCache } from 'lru-cache'
import type { ContentClass } from '@starling/shared/content-classes/content-class.ts'
import { codeOf, messageOf, StarlingError } from '@starling/shared/errors.ts'
import { headerOf } from '@starling/shared/http-fields.ts'
import { freshForMs } from '@starling/shared/http-sharing.ts'
import type { SignedHead } from '@starling/shared/manifest.ts'
import type { Millis } from '@starling/shared/units.ts'
import { withoutQuery, type Log } from '../log.ts'
import { limitsShape, type ClientLimits, type ProxyRule } from '@starling/shared/policy/access.ts'
import type { Endpoint } from '../config.ts'
import type { MirrorConfig } from '../mirror-config.ts'
import type {
  AccessLogPort,
  ContentPort,
  InterceptPort,
  ProxyTally,
  TunnelPort,
  UpstreamPort
} from '../ports.ts'
import { answerServerOptions, answerUpgrade, isServerOptions, isUpgrade } from './alone.ts'
import { createClientCheck } from './clients.ts'
import { answerConnect } from './connect.ts'
import { createDoor, type DoorOptions } from './door.ts'
import type { Exchange } from './exchange.ts'
import { faceOf, isStrict } from './face.ts'
import { endToEnd, explanation, hasPassed, headersOf } from './fields.ts'
import { createFilters } from './filters.ts'
import { framingProblem } from './framing.ts'
import { createGets } from './get.ts'
import type { HttpCache } from './http-cache/http-cache.ts'
import { createInterceptions, facedWithin } from './intercepted.ts'
import {
  clientIdleMs,
  connectionsMax,
  connectPortsDefault,
  headsKeptMax,
  keepAliveMs,
  owedMsMax,
  requestHeadersMax,
  requestHeadersMs
} from './limits.ts'
import { hopsLeft, traceOf } from './max-forwards.ts'
import { askedOfMirror, isExchanged } from './mirrors/mirrored.ts'
import { createMirrors } from './mirrors/mirrors.ts'
import { nothingOwed, owe } from './owed.ts'
import { pacFile } from './pac.ts'
import { passThrough } from './pass.ts'
import { parseRange } from './range.ts'
import { noSpans, type Spans } from '../telemetry/spans.ts'
import { contentKeyOfPieces, parsePieceHashes } from './piece-hashes.ts'
import { createRecogniser } from './recogniser.ts'
import { closeWithText, loopText, replyWithError, replyWithText } from './replies.ts'
import { serveTransfer } from './share.ts'
import { createTally } from './tally.ts'
import { watchClient } from './two-ways.ts'
import { createUnparsed } from './unparsed.ts'
import { passReasonOf, sharedHeaders } from './wishing.ts'
import { wsusCallOf } from './wsus.ts'

export interface ProxyParts {
  readonly content: ContentPort
  readonly upstream: UpstreamPort & TunnelPort
  readonly cache: HttpCache
  /** None: TLS is tunnelled. */
  readonly intercept?: InterceptPort
  readonly log: Log
  /** Null or left out: nothing is written down. */
  readonly accessLog?: AccessLogPort | null
  /** None: requests are told to nobody. */
  readonly spans?: Spans
}

export interface ProxyOptions {
  readonly host: string
  /** 0: the system chooses. */
  readonly port: number
  /** Where CONNECT may go, beside 443 and 80. */
  readonly connectPorts?: readonly number[]
  /** Patterns of hosts that CONNECT may go to; none: all. */
  readonly connectHosts?: readonly string[]
  /** Content classes of policy, as they are now. */
  readonly classes?: () => readonly ContentClass[]
  /** Why nothing at all is kept or shared, as it is now; null: it is. */
  readonly passesAll?: () => string | null
  /** Which URLs a cache host fetches; default: none. */
  cacheHostAllows?(url: string): boolean
  /** The WSUS behind us as alternate download server: `http://wsus.corp.example:8530`. */
  readonly wsus?: string | null
  /** What `/m/<name>/` stands for; default: nothing. */
  readonly mirrors?: readonly MirrorConfig[]
  /** What `/proxy.pac` sends through us; empty: all plain http. */
  readonly pacHosts?: readonly string[]
  /** Networks whose machines may ask, beside this machine. */
  readonly clients?: readonly string[]
  readonly rules?: readonly ProxyRule[]
  /** Default: those of the configuration. The longest head is for as long as it listens. */
  readonly limits?: ClientLimits
  readonly day?: DoorOptions['day']
  /** Another place to listen, for Delivery Optimization, which only knows port 80. */
  readonly cacheHost?: Endpoint | null
  /** How long a client of a cache host is left without a byte. */
  readonly owedMsMax?: Millis
  readonly now?: () => Millis
}

/** What may change while it runs. */
export type ProxyRules = Required<
  Pick<
    ProxyOptions,
    'connectHosts' | 'connectPorts' | 'wsus' | 'pacHosts' | 'clients' | 'rules' | 'limits' | 'mirrors'
  >
>

export interface Proxy {
  readonly address: string
  readonly port: number
  /** Why `cacheHost` could not be listened on; null: it could, or was not to be. */
  readonly cacheHostProblem: string | null
  tally(): ProxyTally
  /**
   * Takes up what may change while it runs; connections that are open stay.
   * @throws StarlingError `bad-config`, `bad-content-class`, with nothing changed
   */
  reconfigure(rules: ProxyRules): void
  /** Forgets what it remembers and keeps of whatever matches. */
  purge(matches: (key: string, contentClass: string) => boolean): Promise<void>
  /** Ends all connections. */
  close(): Promise<void>
}

/** @throws StarlingError `listen-failed` */
export async function createProxy(given: ProxyParts, options: ProxyOptions): Promise<Proxy> {
  const log = given.log.child({ part: 'proxy' })
  const now = options.now ?? Date.now
  const parts = { ...given, log, now }
  const classes = options.classes ?? (() => noClasses)
  const recognise = createRecogniser(classes)
  // Unlike a host name it tells nobody who we are; like one it is ours alone, which is what finds loops.
  const via = `starling-${randomBytes(4).toString('hex')}`
  const open = new Set<AbortController>()
  const tally = createTally()
  let rules: ProxyRules = {
    connectHosts: options.connectHosts ?? [],
    connectPorts: options.connectPorts ?? [],
    wsus: options.wsus ?? null,
    pacHosts: options.pacHosts ?? [],
    clients: options.clients ?? [],
    rules: options.rules ?? [],
    limits: options.limits ?? limitsShape.parse({}),
    mirrors: options.mirrors ?? []
  }
  const { headerBytes } = rules.limits
  let mayAsk = createClientCheck(rules.clients)
  const door = createDoor(
    {
      tally,
      spans: given.spans ?? noSpans,
      log: given.accessLog ?? null,
      classOf: url => recognise(url).contentClass,
      now
    },
    { filters: createFilters(rules.rules), limits: rules.limits, day: options.day ?? null }
  )
  const heads = new LRUCache<string, { readonly head: SignedHead; readonly until: Millis }>({
    max: headsKeptMax
  })
  const closing = new AbortController()
  const gets = createGets({
    ...parts,
    closing: closing.signal,
    resolved: (head, recognised) => {
      const { key, headers } = head.head
      heads.set(key, {
        head,
        until: head.signed.issuedAt + freshForMs(headers, recognised, head.signed.issuedAt)
      })
    },
    kept: ({ body, key: file }, url) => {
      const key = contentKeyOfPieces(url, classes())
      const hashes = key === null ? null : parsePieceHashes(body)
      if (key === null || hashes === null) return
      given.content.expectPieces(key, {
        ...hashes,
        doubted: () => {
          given.cache
            .purge(one => one === file)
            .catch((error: unknown) => {
              log.warn({ problem: messageOf(error) }, 'a doubtful pieces hash file could not be forgotten')
            })
        }
      })
    }
  })
  const faces = {
    get wsus() {
      return rules.wsus
    },
    cacheHostAllows: (url: string) => options.cacheHostAllows?.(url) ?? false
  }
  let mirrors = createMirrors(rules.mirrors, hostname())
  const interceptions = createInterceptions()
  const connecting = {
    ...(given.intercept === undefined ? {} : { intercept: given.intercept }),
    upstream: given.upstream,
    log,
    via,
    open,
    tally,
    get ports() {
      return new Set([...connectPortsDefault, ...rules.connectPorts])
    },
    get hosts() {
      return rules.connectHosts
    }
  }

  /** @param takesBody see Exchange */
  async function answer(req: IncomingMessage, res: ServerResponse, takesBody: () => void): Promise<void> {
    const came = headersOf(req)
    const method = req.method ?? 'GET'
    const problem = framingProblem(method, req.httpVersion, came)
    if (problem !== null) {
      res.shouldKeepAlive = false
      return replyWithText(res, problem.status, problem.text)
    }
    const host = headerOf(came, 'host')
    const opened = interceptions.of(req.socket)
    const faced =
      opened === undefined ? faceOf(req.url ?? '', host, faces) : facedWithin(opened, req.url ?? '', came)
    if (faced.kind === 'refused') return door.refuse(res, faced)
    if (faced.kind === 'pac') return replyWithPac(req, res)
    const target =
      faced.kind === 'mirror' ? mirrors({ ...faced, method, host }) : { ...faced, mirrored: null }
    if (target.kind === 'reply') return door.refuse(res, target)
    const { url, mirrored } = target
    const headers = mirrored === null ? came : askedOfMirror(came, mirrored)
    if (hasPassed(headers, via)) {
      door.loop(res)
      return replyWithText(res, 508, loopText)
    }
    const hops = hopsLeft(method, headers)
    if (hops.kind === 'us') return replyAsLast(req, res)
    if (!door.admits(req, res, target)) return
    const call = wsusCallOf(method, url, headerOf(headers, 'soapaction'))
    if (call !== null) tally.wsusCall(call)
    const gone = new AbortController()
    open.add(gone)
    res.once('close', () => {
      open.delete(gone)
      if (!res.writableFinished) gone.abort()
    })
    const strict = isStrict(target.face, method)
    const exchange: Exchange = {
      req,
      res,
      method,
      client: req.socket.remoteAddress,
      url,
      strict,
      mirrored,
      owed: strict ? owe(res, options.owedMsMax ?? owedMsMax, () => gone.abort()) : nothingOwed,
      headers,
      onward: [
        ...endToEnd(hops.onward).filter(([name]) => name !== 'host'),
        ['via', `${req.httpVersion} ${via}`]
      ],
      range: parseRange(headers.flatMap(([name, value]) => (name === 'range' ? [value] : []))),
      takesBody,
      signal: gone.signal,
      via,
      tally: door.tallyOf(res),
      upload: door.uploadOf(res)
    }
    if (isServerOptions(req)) {
      const alone = { req, headers: hops.onward, url, signal: gone.signal }
      return answerServerOptions(connecting, alone, res)
    }
    await answerExchange(exchange)
  }

  async function answerExchange(exchange: Exchange): Promise<void> {
    const { mirrored } = exchange
    const plain = recognise(exchange.url)
    const passesAll = options.passesAll?.() ?? null
    if (passesAll !== null) return passThrough(parts, exchange, passesAll)
    const recognised = mirrored?.isImmutable === true ? { ...plain, immutable: true } : plain
    // What is changed for each client is not what a transfer holds.
    const known = isExchanged(mirrored) ? undefined : heads.get(recognised.key)
    const fresh = known !== undefined && known.until > now() ? known.head : null
    const passReason = passReasonOf(exchange, recognised, fresh?.head.headers ?? null)
    if (passReason !== null) {
      await passThrough(parts, exchange, passReason)
      if (safeMethods.has(exchange.method) || exchange.res.statusCode >= 400) return
      heads.delete(recognised.key)
      gets.changed(recognised)
      return
    }
    if (exchange.method !== 'HEAD') return gets.answer(exchange, recognised)
    if (fresh !== null) return serveTransfer(parts, exchange, fresh, sharedHeaders(exchange, recognised))
    if (!(await gets.answerHead(exchange, recognised)))
      await passThrough(parts, exchange, 'the method is HEAD')
  }

  /** To a TRACE or OPTIONS that may go no further. */
  function replyAsLast(req: IncomingMessage, res: ServerResponse): void {
    const isTrace = req.method === 'TRACE'
    const body = isTrace ? traceOf(`TRACE ${req.url} HTTP/${req.httpVersion}`, headersOf(req)) : ''
    res.writeHead(200, {
      ...(isTrace ? { 'content-type': 'message/http' } : {}),
      'content-length': Buffer.byteLength(body, 'latin1'),
      'cache-control': 'no-store'
    })
    res.end(body, 'latin1')
  }

  /** The client's connection is no longer the server's. */
  async function upgrade(req: IncomingMessage, client: Duplex, first: Buffer): Promise<void> {
    const gone = watchClient(client, open)
    const headers = headersOf(req)
    const problem = framingProblem(req.method ?? '', req.httpVersion, headers)
    if (problem !== null) return closeWithText(client, problem.status, problem.text)
    const faced = faceOf(req.url ?? '', headerOf(headers, 'host'), faces)
    if (faced.kind !== 'target') return closeWithText(client, 400, 'this address cannot be understood')
    if (hasPassed(headers, via)) return closeWithText(client, 508, loopText)
    if (!door.opensTunnel(req, client, faced)) return
    const alone = { req, headers, url: faced.url, signal: gone.signal }
    await answerUpgrade(connecting, alone, client, first)
  }

  function replyWithPac(req: IncomingMessage, res: ServerResponse): void {
    const body = Buffer.from(
      pacFile(req.headers.host ?? `${options.host}:${options.port}`, { hosts: rules.pacHosts })
    )
    res.writeHead(200, {
      'content-type': 'application/x-ns-proxy-autoconfig',
      'content-length': body.length,
      'cache-control': 'max-age=300',
      'x-starling': explanation('own', 'script')
    })
    res.end(req.method === 'HEAD' ? undefined : body)
  }

  function refuseClient(socket: Socket): boolean {
    // Whoever asks on an opened connection has asked for it by a CONNECT.
    if (interceptions.of(socket) !== undefined || mayAsk(socket.remoteAddress)) return false
    door.stranger(socket)
    return true
  }
  const strangersText =
    'this proxy is not for your network: its admin lists those that may ask in proxy.clients'

  async function listenOn(host: string, at: number, name: string): Promise<Server> {
    const server = createServer({
      ...serverOptions,
      maxHeaderSize: headerBytes,
      shouldUpgradeCallback: req => interceptions.of(req.socket) === undefined && isUpgrade(req)
    })
    const unparsed = createUnparsed(headerBytes)
    function onRequest(req: IncomingMessage, res: ServerResponse, takesBody = () => {}): void {
      unparsed.answering(req.socket, res)
      if (refuseClient(req.socket)) return replyWithText(res, 403, strangersText)
      if (!door.opens(req, res)) return
      door
        .within(res, () => answer(req, res, takesBody))
        .catch((error: unknown) => {
          if (res.destroyed) return
          if (codeOf(error) === 'client-gone') return void res.destroy()
          log.warn({ url: withoutQuery(req.url ?? ''), problem: messageOf(error) }, 'a request failed')
          replyWithError(res, error)
        })
    }
    server.on('request', (req, res) => onRequest(req, res))
    server.on('checkContinue', (req, res) => {
      // Whoever gets an answer instead of a 100 may keep the body to itself: Node ends such a connection.
      onRequest(req, res, () => {
        if (!res.headersSent) res.writeContinue()
      })
    })
    server.on('checkExpectation', (req, res) => {
      res.shouldKeepAlive = false
      if (refuseClient(req.socket)) return replyWithText(res, 403, strangersText)
      replyWithText(res, 417, 'of all that can be expected (Expect) this proxy knows 100-continue only')
    })
    server.maxHeadersCount = requestHeadersMax
    server.maxConnections = connectionsMax
    server.setTimeout(clientIdleMs)
    server.on('connection', socket => door.connected(socket, interceptions.of(socket) !== undefined))
    server.on('clientError', door.unreadable)
    server.on('connect', (req: IncomingMessage, socket: Duplex, first: Buffer) => {
      if (refuseClient(req.socket)) return closeWithText(socket, 403, strangersText)
      if (interceptions.of(req.socket) !== undefined)
        return closeWithText(socket, 400, 'a tunnel within a connection to a host leads nowhere')
      if (!door.opensTunnel(req, socket)) return
      void answerConnect(connecting, req, socket, first, opened => {
        door.opened(socket)
        interceptions.serve(server, opened)
      })
    })
    server.on('upgrade', (req: IncomingMessage, socket: Duplex, first: Buffer) => {
      if (refuseClient(req.socket)) return closeWithText(socket, 403, strangersText)
      void upgrade(req, socket, first)
    })
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
      const opened = interceptions.of(socket)
      if (error.code === 'HPE_HEADER_OVERFLOW') opened?.heard()
      else if (error.code?.startsWith('HPE_') === true)
        opened?.unfit('what the client says in TLS is not HTTP')
      unparsed.close(error, socket)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', cause => {
        reject(
          new StarlingError(
            'listen-failed',
            `the ${name} cannot listen on ${host}:${at} (${messageOf(cause)}): choose another port`,
            { cause }
          )
        )
      })
      server.listen(at, host, resolve)
    })
    const { address, port } = server.address() as AddressInfo
    log.info({ address, port }, `the ${name} listens`)
    return server
  }

  const servers = [await listenOn(options.host, options.port, 'proxy')]
  let cacheHostProblem: string | null = null
  if (options.cacheHost !== undefined && options.cacheHost !== null) {
    // Something else on port 80 must not keep the rest of the agent from its work.
    try {
      servers.push(await listenOn(options.cacheHost.host, options.cacheHost.port, 'cache host'))
    } catch (error) {
      cacheHostProblem = messageOf(error)
    }
  }
  const { address, port } = servers[0]!.address() as AddressInfo
  return {
    address,
    port,
    cacheHostProblem,
    tally: () => tally.now(),
    reconfigure(next) {
      // All that may refuse comes first.
      const checked = [createClientCheck(next.clients), createFilters(next.rules)] as const
      mirrors = createMirrors(next.mirrors, hostname())
      mayAsk = checked[0]
      door.follow(checked[1], next.limits)
      rules = next
    },
    async purge(matches) {
      for (const [key, { head }] of heads.entries())
        if (matches(key, head.head.contentClass)) heads.delete(key)
      await gets.purge(matches)
    },
    close: async () => {
      const closed = servers.map(server => new Promise(resolve => server.close(resolve)))
      closing.abort()
      for (const exchange of open) exchange.abort()
      for (const server of servers) server.closeAllConnections()
      await Promise.all([...closed, door.close()])
    }
  }
}

const noClasses: readonly ContentClass[] = []
/** Those that change nothing at the origin (RFC 9110, 9.2.1). */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

const serverOptions = {
  headersTimeout: requestHeadersMs,
  // A large upload may take hours; its headers may not.
  requestTimeout: 0,
  keepAliveTimeout: keepAliveMs,
  insecureHTTPParser: false
} as const
