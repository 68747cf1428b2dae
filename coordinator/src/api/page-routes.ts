/**
 * The coordinator's page: its files, which anybody may have (they show nothing before somebody has signed in), and the
 * stream that tells an open page when to ask again.
 */
import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { encodedFor, type Asset } from '@starling/agent/page-files.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { FastifyInstance } from 'fastify'
import type { AuditLog } from '../ports.ts'

export const pageEventsPath = '/api/v1/events'

/** How often an open page hears whether something was changed. */
const beatMs: Millis = 2 * secondMs
/** How often the fleet's figures are worth a look; agents report every 30 s. */
const fleetMs: Millis = 10 * secondMs
/** A stream ends after so long and the browser opens it anew: a session that was ended does not hear for longer. */
const streamMs: Millis = 60 * secondMs
const streamsMax = 200

const documentHeaders = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin'
} as const

export function addPageRoutes(
  server: FastifyInstance,
  {
    assets,
    audit,
    clock
  }: {
    readonly assets: ReadonlyMap<string, Asset>
    readonly audit: Pick<AuditLog, 'page'>
    readonly clock: () => Millis
  }
): void {
  for (const [path, asset] of assets) {
    server.get(path, { config: { access: 'page' } }, async (request, reply) => {
      const { body, headers } = encodedFor(asset, request.headers['accept-encoding'])
      return reply.headers({ ...documentHeaders, ...headers }).send(body)
    })
  }

  // The names in the document carry hashes, so it is another when anything is another.
  const page = createHash('sha256')
    .update(assets.get('/')?.body ?? '')
    .digest('base64url')
    .slice(0, 12)
  const streams = new Set<ServerResponse>()
  let timer: NodeJS.Timeout | undefined

  /** What a page compares: when one of these is another, what hangs on it is asked for again. */
  async function beat(): Promise<string> {
    const [newest] = await audit.page({ count: 1 })
    const stamps = { page, changes: newest?.number ?? 0, fleet: Math.floor(clock() / fleetMs) }
    return `event: beat\ndata: ${JSON.stringify(stamps)}\n\n`
  }

  /** The coordinator answers and its database does not: what is shown is old, and the next beat comes. */
  const away = 'event: away\ndata: {}\n\n'
  let isBeating = false
  async function beatAll(): Promise<void> {
    // A database that takes its time is not asked once more by each beat.
    if (isBeating) return
    isBeating = true
    const text = await beat().catch(() => away)
    isBeating = false
    for (const stream of streams) stream.write(text)
  }

  /** Before it is ended: of who does not read, the end is never written, and a write after it would end the process. */
  function forget(stream: ServerResponse): void {
    streams.delete(stream)
    if (streams.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  const config = { access: 'viewer', unattended: true } as const
  server.get(pageEventsPath, { config }, async (_request, reply) => {
    if (streams.size >= streamsMax) return reply.code(503).header('retry-after', '10').send()
    const stream = reply.raw
    const first = await beat().catch(() => away)
    reply.hijack()
    // Whoever has gone meanwhile will not be seen to go again.
    if (stream.destroyed) return reply
    stream.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no'
    })
    stream.write(`retry: 1000\n\n${first}`)
    streams.add(stream)
    timer ??= setInterval(() => void beatAll(), beatMs)
    const end = setTimeout(() => {
      forget(stream)
      stream.end()
    }, streamMs)
    stream.once('close', () => {
      clearTimeout(end)
      forget(stream)
    })
    return reply
  })

  server.addHook('preClose', async () => {
    for (const stream of streams) {
      forget(stream)
      stream.end()
    }
  })
}
