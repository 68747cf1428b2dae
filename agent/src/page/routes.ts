/**
 * Everything that the local page answers to, in one table: what is not here does not exist, and what changes something says
 * so, which is what makes the token necessary. The test walks this table, so a new route is closed before it is opened.
 */
import type { ServerResponse } from 'node:http'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import { isTransferId, type TransferId } from '@starling/shared/ids.ts'
import { purgeRequestShape } from '@starling/shared/purge.ts'
import { z } from 'zod'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { AgentStatus, PageActions, TransferView } from '../ports.ts'
import { requestQueryOf } from './request-query.ts'
import type { Insight } from '../views.ts'
import type { Events } from './events.ts'
import type { PageCodes } from './page-code.ts'

export interface RouteTools {
  status(): Promise<AgentStatus>
  readonly actions: PageActions
  readonly insight: Insight
  readonly codes: PageCodes
  readonly token: string
  readonly metrics: Metrics
  readonly events: Events
  readonly log: Log
}

const retryShape = z.strictObject({
  host: z.string().max(253).optional(),
  client: z.string().max(64).optional()
})

const codeShape = z.strictObject({ code: z.string().max(64) })

/** As many chunk maps as one listener is told of: more than fit a screen. */
const mapsShownMax = 8

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `:id` stands for a transfer that the agent knows. */
  readonly path: string
  /** Changes something, makes the disk work, or tells what only the agent's user may know: needs the token. */
  readonly change: boolean
  /** Reads the JSON that came with the request; for the others it is thrown away. */
  readonly takesBody?: boolean
  answer(
    tools: RouteTools,
    response: ServerResponse,
    transfer: TransferId,
    body: unknown,
    query: URLSearchParams
  ): Promise<void>
}

/** A JSON answer made from the status. */
const view = (path: string, pick: (status: AgentStatus) => unknown): Route => ({
  method: 'GET',
  path,
  change: false,
  async answer(tools, response) {
    sendJson(response, 200, pick(await tools.status()))
  }
})

/** A JSON answer that is made when it is asked for. */
const look = (path: string, ask: (insight: Insight) => unknown): Route => ({
  method: 'GET',
  path,
  change: false,
  async answer({ insight }, response) {
    sendJson(response, 200, await ask(insight))
  }
})

/** The same of one transfer. */
const lookInto = (path: string, ask: (insight: Insight, transfer: TransferId) => unknown): Route => ({
  method: 'GET',
  path,
  change: false,
  async answer({ insight }, response, transfer) {
    const found = await ask(insight, transfer)
    if (found === null) throw unknownTransfer()
    sendJson(response, 200, found)
  }
})

/** A change of one transfer; answers 204. */
const change = (
  method: Route['method'],
  path: string,
  act: (actions: PageActions, transfer: TransferId) => Promise<void>
): Route => ({
  method,
  path,
  change: true,
  async answer(tools, response, transfer) {
    await act(tools.actions, transfer)
    tools.log.info({ method, path, transfer }, 'changed through the API')
    tools.actions.audit({ who: 'api', what: 'api', detail: { method, path, transfer } })
    response.writeHead(204).end()
  }
})

export const routes: readonly Route[] = [
  view('/api/v1/status', status => status),
  view('/api/v1/transfers', status => status.transfers.filter(isUnderWay)),
  view('/api/v1/peers', status => status.peers),
  view('/api/v1/upstreams', status => status.upstreams),
  view('/api/v1/counters', ({ totals, refusals, startedAt, now }) => ({ totals, refusals, startedAt, now })),
  {
    method: 'GET',
    path: '/api/v1/cache',
    change: false,
    async answer(tools, response) {
      const { store, transfers, peers } = await tools.status()
      const copies = Object.fromEntries(tools.insight.copies())
      sendJson(response, 200, { store, transfers, peers: peers.length, copies })
    }
  },
  {
    method: 'GET',
    path: '/api/v1/events',
    change: false,
    async answer(tools, response, _transfer, _body, query) {
      const shown = [...new Set(query.getAll('transfer'))].slice(0, mapsShownMax)
      if (!shown.every(isTransferId)) throw unknownTransfer()
      response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
      response.flushHeaders()
      if (!tools.events.add(response, shown)) response.end('retry: 10000\n\n')
    }
  },
  look('/api/v1/delivery-status', insight => insight.deliveryStatus()),
  look('/api/v1/perfsnap', insight => insight.perfSnap()),
  look('/api/v1/peer-info', insight => insight.peerInfo()),
  look('/api/v1/history', insight => insight.history()),
  look('/api/v1/health', insight => insight.health()),
  look('/api/v1/serving', insight => insight.serving()),
  lookInto('/api/v1/transfers/:id/why', (insight, transfer) => insight.why(transfer)),
  lookInto('/api/v1/transfers/:id/chunks', (insight, transfer) => insight.chunks(transfer)),
  {
    method: 'GET',
    path: '/api/v1/log',
    change: true,
    async answer({ insight }, response, _transfer, _body, query) {
      sendJson(response, 200, insight.log(logLimitOf(query)))
    }
  },
  {
    method: 'GET',
    path: '/api/v1/support-bundle',
    change: true,
    async answer({ insight, actions }, response, _transfer, _body, query) {
      const withNames = query.get('names') === '1'
      const bundle = await insight.supportBundle(withNames)
      actions.audit({ who: 'api', what: 'api', detail: { path: '/api/v1/support-bundle', withNames } })
      response.writeHead(200, {
        'content-type': 'application/zip',
        'content-disposition': 'attachment; filename="starling-support.zip"',
        'content-length': bundle.length
      })
      response.end(bundle)
    }
  },
  {
    method: 'POST',
    path: '/api/v1/page-code',
    change: true,
    async answer({ codes }, response) {
      sendJson(response, 200, { code: codes.make() })
    }
  },
  {
    method: 'POST',
    path: '/api/v1/page-code/redeem',
    change: false,
    takesBody: true,
    async answer({ codes, token }, response, _transfer, body) {
      const asked = codeShape.safeParse(body)
      if (!asked.success || !codes.redeem(asked.data.code))
        throw new StarlingError(
          'code-used',
          'this code was used, is older than a minute, or is none: run `starling page` again'
        )
      sendJson(response, 200, { token })
    }
  },
  {
    method: 'GET',
    path: '/api/v1/requests',
    change: true,
    async answer(tools, response, _transfer, _body, query) {
      sendJson(response, 200, await tools.actions.requests(requestQueryOf(query)))
    }
  },
  {
    method: 'GET',
    path: '/metrics',
    change: false,
    async answer(tools, response) {
      const text = await tools.metrics.text()
      response.writeHead(200, { 'content-type': tools.metrics.contentType }).end(text)
    }
  },
  {
    method: 'POST',
    path: '/api/v1/cache/verify',
    change: true,
    answer: verify
  },
  {
    method: 'POST',
    path: '/api/v1/cache/purge',
    change: true,
    takesBody: true,
    async answer(tools, response, _transfer, body) {
      const asked = purgeRequestShape.safeParse(body)
      if (!asked.success)
        throw new StarlingError('bad-body', 'send one of {"url": ...}, {"key": ...} and {"class": ...}')
      const result = await tools.actions.purge(asked.data)
      tools.log.info({ ...asked.data, ...result }, 'purged through the API')
      tools.actions.audit({ who: 'api', what: 'purge', detail: { ...asked.data, ...result } })
      sendJson(response, 200, result)
    }
  },
  {
    method: 'POST',
    path: '/api/v1/intercept/retry',
    change: true,
    takesBody: true,
    async answer(tools, response, _transfer, body) {
      const asked = retryShape.safeParse(body)
      if (!asked.success)
        throw new StarlingError('bad-body', 'send {}, {"host": ...}, {"client": ...} or both in one')
      const result = { ...asked.data, forgotten: tools.actions.retryTunnelled(asked.data) }
      tools.log.info(result, 'tunnelled clients are tried again, as the API said')
      tools.actions.audit({ who: 'api', what: 'api', detail: { path: '/api/v1/intercept/retry', ...result } })
      sendJson(response, 200, { forgotten: result.forgotten })
    }
  },
  {
    method: 'GET',
    path: '/api/v1/config',
    change: true,
    async answer(tools, response) {
      sendJson(response, 200, tools.actions.showConfig())
    }
  },
  {
    method: 'GET',
    path: '/api/v1/policy',
    change: true,
    async answer(tools, response) {
      sendJson(response, 200, tools.actions.showPolicy())
    }
  },
  {
    method: 'POST',
    path: '/api/v1/config/reload',
    change: true,
    async answer(tools, response) {
      sendJson(response, 200, await tools.actions.reloadConfig())
    }
  },
  change('PUT', '/api/v1/cache/:id/pin', (actions, transfer) => actions.pin(transfer, true)),
  change('DELETE', '/api/v1/cache/:id/pin', (actions, transfer) => actions.pin(transfer, false)),
  change('DELETE', '/api/v1/cache/:id', (actions, transfer) => actions.remove(transfer))
]

/** One JSON line for each transfer as soon as it is checked; a failure is the last line. */
async function verify(tools: RouteTools, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.flushHeaders()
  try {
    for await (const result of tools.actions.verify()) {
      if (response.destroyed) return
      if (!response.write(`${JSON.stringify(result)}\n`)) await drained(response)
    }
    response.end(`${JSON.stringify({ done: true })}\n`)
  } catch (error) {
    response.end(`${JSON.stringify({ error: { code: codeOf(error), message: messageOf(error) } })}\n`)
  }
}

/** Of interest to somebody now, as opposed to merely kept. */
export function isUnderWay(transfer: TransferView): boolean {
  return transfer.readers > 0 || (!transfer.complete && transfer.peers > 0)
}

export type Found =
  | { readonly kind: 'route'; readonly route: Route; readonly id: string | null }
  | { readonly kind: 'other-method'; readonly allow: string }
  | { readonly kind: 'none' }

export function findRoute(method: string, path: string): Found {
  const wanted = method === 'HEAD' ? 'GET' : method
  const hits = routes.flatMap(route => {
    const match = new RegExp(`^${route.path.replace(':id', '([^/]+)')}$`).exec(path)
    return match === null ? [] : [{ route, id: match[1] ?? null }]
  })
  const hit = hits.find(({ route }) => route.method === wanted)
  if (hit !== undefined) return { kind: 'route', ...hit }
  if (hits.length === 0) return { kind: 'none' }
  return { kind: 'other-method', allow: hits.map(({ route }) => route.method).join(', ') }
}

/** @throws StarlingError `unknown-transfer` */
export function knownTransfer(id: string, knows: (transfer: TransferId) => boolean): TransferId {
  if (!isTransferId(id) || !knows(id)) throw unknownTransfer()
  return id
}

function unknownTransfer(): StarlingError {
  return new StarlingError(
    'unknown-transfer',
    'there is no such transfer in the cache; `starling cache ls` lists them'
  )
}

const logLinesDefault = 200
const logLinesMax = 2000

/** @throws StarlingError `bad-query` */
function logLimitOf(query: URLSearchParams): number {
  const limit = query.get('limit') ?? String(logLinesDefault)
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > logLinesMax)
    throw new StarlingError('bad-query', `give limit as a number from 1 to ${logLinesMax}`)
  return Number(limit)
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`)
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length
  })
  response.end(body)
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.once('drain', done)
    response.once('close', done)
  })
}
