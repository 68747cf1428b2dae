/** `starling requests`: what clients asked of the running agent's proxy, out of its access log. */
import { StarlingError } from '@starling/shared/errors.ts'
import { millisFromText } from '@starling/shared/policy/quantities.ts'
import type { AccessLine, RequestPage } from '../ports.ts'
import { requireAgent } from './api.ts'
import { formatBytes, safeText, table } from './format.ts'
import type { CommandTools } from './services.ts'

export interface RequestsOptions {
  readonly dataFolder: string
  readonly json: boolean
  readonly client: string | null
  readonly host: string | null
  readonly class: string | null
  /** `2h`, or a time like 2026-11-26T08:00:00Z. */
  readonly since: string | null
  readonly limit: number
}

const pageMax = 1000

export async function showRequests(options: RequestsOptions, tools: CommandTools): Promise<void> {
  const { terminal, signal } = tools
  const api = await requireAgent(options.dataFolder)
  const query = new URLSearchParams()
  for (const name of ['client', 'host', 'class'] as const) {
    const value = options[name]
    if (value !== null) query.set(name, value)
  }
  if (options.since !== null) query.set('from', momentOf(options.since))
  const found: AccessLine[] = []
  for (let cursor: string | null = ''; cursor !== null && found.length < options.limit;) {
    signal.throwIfAborted()
    query.set('limit', String(Math.min(pageMax, options.limit - found.length)))
    if (cursor !== '') query.set('cursor', cursor)
    const page = (await api.read(`/api/v1/requests?${query.toString()}`)) as RequestPage
    found.push(...page.requests)
    cursor = page.cursor
  }
  if (options.json) for (const line of found) terminal.print(JSON.stringify(line))
  else terminal.print(found.length === 0 ? 'no such requests' : tableOf(found))
}

function tableOf(lines: readonly AccessLine[]): string {
  return table(
    ['TIME', 'CLIENT', 'STATUS', 'WAY', 'BYTES', 'MS', 'CLASS', 'REQUEST'],
    lines.map(line => [
      line.time,
      line.client,
      String(line.status ?? '-'),
      line.rule ?? (Object.keys(line.from).join('+') || (line.face ?? '-')),
      formatBytes(line.bytes),
      String(Math.round(line.totalMs)),
      line.class ?? '-',
      safeText(`${line.method ?? '?'} ${line.host ?? '?'}${line.path ?? ''}`)
    ])
  )
}

function momentOf(since: string): string {
  const ago = millisFromText(since)
  const moment = ago === null ? Date.parse(since) : Date.now() - ago
  if (Number.isNaN(moment))
    throw new StarlingError(
      'usage',
      `--since ${JSON.stringify(since)}: give a span like 2h or a time like 2026-11-26T08:00:00Z`
    )
  return new Date(moment).toISOString()
}
