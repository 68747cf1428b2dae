/**
 * The local page and API: an HTTP server on loopback that shows what the agent does and, with the token, lets the command
 * line change what it keeps. Order of work for every request: is it for us (Host), is it from us (Origin), does it exist, may
 * it change things (token). Only then is anything done.
 *
 * node:http and a table of a dozen routes: a framework would be the largest part of the attack surface.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import type { TransferId } from '@starling/shared/ids.ts'
import { KiB, secondMs } from '@starling/shared/units.ts'
import { filesIn } from '../config.ts'
import type { Log } from '../log.ts'
import { createMetrics } from '../metrics.ts'
import type { Insight } from '../views.ts'
import type { AgentScreen, AgentStatus, PageActions } from '../ports.ts'
import { encodedFor, loadAssets, type Asset } from '../page-files.ts'
import { programFolder } from '../program-folder.ts'
import { dropBody, readJson } from './body.ts'
import { createEvents } from './events.ts'
import { allowedHosts, refuseChange, refuseRequest } from './guard.ts'
import { findRoute, knownTransfer, sendJson, type RouteTools } from './routes.ts'
import { createPageCodes } from './page-code.ts'
import { openToken } from './token.ts'

export interface PageCollaborators {
  status(): Promise<AgentStatus>
  /** The busiest and newest contents only: asked for at every beat of an open page. */
  screen(transfersMax: number): Promise<AgentScreen>
  /** Whether the status would have this transfer. */
  knows(transfer: TransferId): boolean
  /**
   * Calls back when something that is shown may have changed, as often as it likes; returns how to stop that. Asked for only
   * while somebody watches.
   */
  onChange(listener: () => void): () => void
  readonly actions: PageActions
  readonly insight: Insight
  readonly log: Log
}

export interface PageTunables {
  readonly host: string
  readonly port: number
  readonly dataFolder: string
}

export interface Page {
  /** `http://127.0.0.1:17832` */
  readonly address: string
  stop(): Promise<void>
}

const pageFolder = new URL('dist/page/', programFolder)

/** What a listener of events gets to see; the rest is in /api/v1/cache. More would not fit a screen. */
const transfersShownMax = 200
/** A key is 4 KiB at most, and JSON may need some characters for one of it. */
const bodyBytesMax = 16 * KiB

const everyAnswer = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store'
} as const

/** @throws StarlingError `page-port-taken` */
export async function createPage(collaborators: PageCollaborators, tunables: PageTunables): Promise<Page> {
  const { actions, insight, log } = collaborators
  const status = () => collaborators.status()
  const [assets, token] = await Promise.all([
    loadAssets(pageFolder),
    openToken(filesIn(tunables.dataFolder).pageToken)
  ])
  const events = createEvents({
    snapshot: async () => JSON.stringify(await collaborators.screen(transfersShownMax)),
    chunks: transfer => {
      const map = insight.chunks(transfer)
      return map === null ? null : JSON.stringify(map)
    },
    onChange: listener => collaborators.onChange(listener)
  })
  const tools: RouteTools = {
    status,
    actions,
    insight,
    log,
    events,
    metrics: createMetrics(status),
    codes: createPageCodes(),
    token
  }
  let hosts: ReadonlySet<string> = new Set()

  const server = createServer({ maxHeaderSize: 16 * KiB }, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) sendFailure(response, error)
      else response.destroy()
      if (!(error instanceof StarlingError))
        log.error({ error: messageOf(error) }, 'the page could not answer')
    })
  })
  // A local program that opens connections and falls silent costs us little, and not for long.
  server.headersTimeout = 5 * secondMs
  server.requestTimeout = 10 * secondMs
  server.maxConnections = 128

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(everyAnswer)) response.setHeader(name, value)
    const method = request.method ?? ''
    const path = (request.url ?? '').replace(/[?#].*$/s, '')
    const found = findRoute(method, path)
    // Whoever is refused below has sent its body all the same.
    const body =
      found.kind === 'route' && found.route.takesBody === true ? readJson(request, bodyBytesMax) : null
    if (body === null) dropBody(request)
    const asset = method === 'GET' || method === 'HEAD' ? assets.get(path) : undefined
    const refusal = refuseRequest(request, hosts, path === '/')
    if (refusal !== null) return sendProblem(response, refusal.status, refusal.code, refusal.message)
    if (asset !== undefined) return sendAsset(request, response, asset)
    if (found.kind === 'none')
      return sendProblem(response, 404, 'not-found', 'there is no such path; see /api/v1/status')
    if (found.kind === 'other-method') {
      response.setHeader('allow', found.allow)
      return sendProblem(response, 405, 'other-method', `this path takes ${found.allow}`)
    }
    const closed = found.route.change ? refuseChange(request, token) : null
    if (closed !== null) {
      actions.audit({ who: 'api', what: 'refused', detail: { rule: 'token', method, path } })
      response.setHeader('www-authenticate', 'Bearer realm="starling"')
      return sendProblem(response, closed.status, closed.code, closed.message)
    }
    const transfer = found.id === null ? '' : knownTransfer(found.id, id => collaborators.knows(id))
    // HEAD of a stream would hang for ever; of a view Node leaves the body out by itself.
    if (method === 'HEAD' && found.route.path === '/api/v1/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end()
      return
    }
    const query = new URL(request.url ?? '', 'http://page').searchParams
    await found.route.answer(tools, response, transfer, await body?.(), query)
  }

  const port = await listen(server, tunables)
  hosts = allowedHosts(port)
  const address = `http://${tunables.host.includes(':') ? `[${tunables.host}]` : tunables.host}:${port}`
  return {
    address,
    async stop() {
      events.stop()
      const closed = new Promise(resolve => {
        server.close(resolve)
      })
      server.closeAllConnections()
      await closed
    }
  }
}

function listen(server: Server, { host, port }: PageTunables): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', error => {
      const sentence =
        codeOf(error) === 'EADDRINUSE'
          ? `the page cannot listen on ${host}:${port}, something else does: stop that, or choose another port with --page-port ` +
            '(0 takes any free one)'
          : `the page cannot listen on ${host}:${port} (${messageOf(error)}): choose another address with --page-host`
      reject(new StarlingError('page-port-taken', sentence, { cause: error }))
    })
    server.listen(port, host, () => {
      const bound = server.address()
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port)
    })
  })
}

function sendAsset(request: IncomingMessage, response: ServerResponse, asset: Asset): void {
  const { body, headers } = encodedFor(asset, request.headers['accept-encoding'])
  response.writeHead(200, { ...headers, 'content-length': body.length })
  response.end(body)
}

const statuses: Readonly<Record<string, number>> = {
  'unknown-transfer': 404,
  'bad-body': 400,
  'bad-url': 400,
  'body-too-large': 413,
  'config-fixed': 409,
  'bad-query': 400,
  'no-access-log': 404,
  'code-used': 403
}

function sendFailure(response: ServerResponse, error: unknown): void {
  const expected = error instanceof StarlingError
  const status = expected ? (statuses[error.code] ?? 500) : 500
  const message = expected ? error.message : 'the agent failed to answer; its log says why'
  sendProblem(response, status, codeOf(error), message)
}

function sendProblem(response: ServerResponse, status: number, code: string, message: string): void {
  sendJson(response, status, { error: { code, message } })
}
