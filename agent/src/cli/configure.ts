/** `starling configure`: other programs' settings, pointed at the agent of this machine and put back. */
import { setTimeout as sleep } from 'node:timers/promises'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type {
  ClientChange,
  ClientItem,
  ClientItemView,
  ClientLevel,
  ClientResult,
  ServingAgent
} from '../ports.ts'
import { servingAgentOf } from '../serving.ts'
import { findAgent, lookAtPage, requireAgent, type Api } from './api.ts'
import { settingsOf } from './config.ts'
import { safeText } from './format.ts'
import type { CommandTools } from './services.ts'
import { askServing, servingPath } from './serving.ts'

export interface ConfigureOptions {
  readonly dataFolder: string
  readonly json: boolean
  readonly list: boolean
  readonly apply: readonly string[]
  readonly undo: readonly string[]
  readonly dryRun: boolean
  readonly level: string | null
  readonly wait: string
}

const itemNames: Readonly<Record<ClientItem, true>> = {
  'delivery-optimization': true,
  wsus: true,
  winhttp: true,
  bits: true,
  pac: true,
  go: true
}

/** @throws StarlingError `usage`, and what the settings say */
export async function configureClients(options: ConfigureOptions, tools: CommandTools): Promise<void> {
  const asked = [options.list, options.apply.length > 0, options.undo.length > 0].filter(Boolean)
  if (asked.length !== 1)
    throw new StarlingError('usage', 'give one of --list, --apply <item> and --undo <item>')
  levelOf(options.level)
  if (options.list) await list(options, tools)
  else if (options.apply.length > 0) await apply(options, tools)
  else await undo(options, tools)
}

async function list({ dataFolder, json }: ConfigureOptions, tools: CommandTools): Promise<void> {
  const { terminal } = tools
  const clients = await tools.services.clientSettings(dataFolder)
  const found = await findServing(dataFolder, tools)
  const views = await clients.list(found ?? (await wouldServe(dataFolder, tools)))
  if (json) return terminal.print(JSON.stringify(views))
  terminal.print(views.map(viewText).join('\n\n'))
  if (found === null) terminal.note('No agent runs on this folder: this is for one that would.')
}

async function apply(options: ConfigureOptions, tools: CommandTools): Promise<void> {
  const { dataFolder, dryRun } = options
  const items = options.apply.map(itemOf)
  const level = levelOf(options.level)
  const clients = await tools.services.clientSettings(dataFolder)
  const agent = dryRun
    ? ((await findServing(dataFolder, tools)) ?? (await wouldServe(dataFolder, tools)))
    : await waitForAgent(dataFolder, waitMsOf(options.wait), tools)
  await eachOf(
    items,
    options,
    tools,
    async (item, tell) => [await clients.apply(item, level, agent, { dryRun, tell })],
    ({ changes }) =>
      changes.length === 0 ? 'nothing to change' : dryRun ? 'nothing was changed' : 'applied and tried out'
  )
}

async function undo(options: ConfigureOptions, tools: CommandTools): Promise<void> {
  const { dataFolder, dryRun } = options
  const isAll = options.undo.includes('all')
  const items = isAll ? [null] : options.undo.map(itemOf)
  const level = levelOf(options.level)
  const clients = await tools.services.clientSettings(dataFolder)
  await eachOf(
    items,
    options,
    tools,
    (item, tell) => clients.undo(item, level, { dryRun, tell }),
    ({ changes }) =>
      changes.length === 0 ? 'nothing to put back' : dryRun ? 'nothing was changed' : 'put back'
  )
}

/** Told as it goes; as JSON one list of results, in which the one that failed has an `error`. */
async function eachOf<Item extends ClientItem | null>(
  items: readonly Item[],
  { json }: ConfigureOptions,
  { terminal }: CommandTools,
  make: (item: Item, tell: (change: ClientChange) => void) => Promise<readonly ClientResult[]>,
  endText: (result: ClientResult) => string
): Promise<void> {
  const done: unknown[] = []
  try {
    for (const item of items) {
      const results = await make(item, change => {
        if (!json) terminal.print(safeText(`${change.place}: ${change.from} -> ${change.to}`))
      }).catch((error: unknown) => {
        done.push({ item, error: { code: codeOf(error), message: messageOf(error) } })
        throw error
      })
      done.push(...results)
      if (json) continue
      for (const result of results) {
        terminal.print(`${result.item}: ${endText(result)}`)
        for (const note of result.notes) terminal.note(safeText(`${result.item}: ${note}`))
      }
      if (results.length === 0) terminal.print(`${item ?? 'all'}: Starling has changed nothing there`)
    }
  } finally {
    if (json) terminal.print(JSON.stringify(done))
  }
}

/** A service manager says that a service has started a moment before the agent in it is ready. */
async function waitForAgent(dataFolder: string, waitMs: Millis, tools: CommandTools): Promise<ServingAgent> {
  const deadline = performance.now() + waitMs
  for (;;) {
    const found = await findServing(dataFolder, tools)
    if (found !== null) return found
    if (performance.now() >= deadline) return await requireServing(dataFolder, tools)
    await sleep(250)
  }
}

/** @throws StarlingError `no-agent` */
async function requireServing(
  dataFolder: string,
  { services, terminal }: CommandTools
): Promise<ServingAgent> {
  try {
    return await servingBy(await requireAgent(dataFolder))
  } catch (error) {
    if (codeOf(error) !== 'data-folder-closed') throw error
    const { draft } = await services.readConfig({ dataFolder, env: terminal.env, commandLine: new Map() })
    throw new StarlingError(
      'no-agent',
      `no agent answers at port ${draft.page.port}, and ${dataFolder}, which tells of others, is closed to this user: start the agent, ` +
        'or run this as administrator',
      { cause: error }
    )
  }
}

const servingBy = (api: Api): Promise<ServingAgent> => askServing(() => api.look(servingPath))

/** The agent as one would be that starts on this folder. */
async function wouldServe(dataFolder: string, tools: CommandTools): Promise<ServingAgent> {
  return servingAgentOf(await settingsOf(null, dataFolder, tools), null)
}

/** Null: there is none, or none that could be found. */
async function findServing(dataFolder: string, tools: CommandTools): Promise<ServingAgent | null> {
  try {
    const api = await findAgent(dataFolder)
    return api === null ? null : await servingBy(api)
  } catch (error) {
    if (codeOf(error) !== 'data-folder-closed') throw error
    return await findByPage(dataFolder, tools)
  }
}

/** A packaged agent's folder is closed to users, its page is not: they find it by what is set in the environment and by policy. */
async function findByPage(
  dataFolder: string,
  { services, terminal }: CommandTools
): Promise<ServingAgent | null> {
  const reading = await services.readConfig({ dataFolder, env: terminal.env, commandLine: new Map() })
  const { host, port } = reading.draft.page
  const page = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  return await askServing(() => lookAtPage(page, servingPath)).catch((error: unknown) => {
    if (codeOf(error) === 'agent-differs') throw error
    return null
  })
}

function itemOf(name: string): ClientItem {
  if (Object.hasOwn(itemNames, name)) return name as ClientItem
  throw new StarlingError(
    'usage',
    `there is no ${JSON.stringify(name)} to be configured: give one of ${Object.keys(itemNames).join(', ')}`
  )
}

function levelOf(text: string | null): ClientLevel | null {
  if (text === null || text === 'machine' || text === 'user') return text
  throw new StarlingError('usage', `--level ${JSON.stringify(text)}: give machine or user`)
}

function waitMsOf(text: string): Millis {
  if (/^\d{1,3}$/.test(text)) return Number(text) * secondMs
  throw new StarlingError('usage', `--wait ${JSON.stringify(text)}: give seconds, like 15`)
}

const states = {
  applied: 'applied',
  partly: 'partly applied',
  'not-applied': 'not applied',
  unreadable: 'cannot be read'
} as const
const owners = {
  starling: 'set by Starling',
  'group-policy': 'set by Group Policy',
  'somebody-else': 'set by somebody else'
} as const

function viewText({ item, level, what, state, refusal, notes, values }: ClientItemView): string {
  const lines = [
    `${item} (${level}): ${states[state]}`,
    `  ${what}`,
    ...values.map(({ place, now, wanted, by }) => {
      const next = wanted === null || wanted === now ? '' : ` -> ${wanted}`
      return `  ${place}: ${now}${by === null ? '' : ` (${owners[by]})`}${next}`
    }),
    ...(refusal === null ? [] : [`  not now: ${refusal}`]),
    ...notes.map(note => `  note: ${note}`)
  ]
  return lines.map(safeText).join('\n')
}
