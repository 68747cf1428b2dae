/** `starling config check`, `show` and `reload`: whether a configuration can be used, what it comes to, and taking it over. */
import { resolve } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import { originText, problemText } from '../config-problem.ts'
import type { Listener } from '../config-relations.ts'
import { settings } from '../config.ts'
import type { ConfigProblem, ConfigReload, ConfigSetting } from '../ports.ts'
import { findAgent, requireAgent, type Api } from './api.ts'
import { probePorts, probeUpstreams } from './config-probes.ts'
import { safeText, table } from './format.ts'
import type { CommandTools } from './services.ts'

export interface ConfigOptions {
  readonly dataFolder: string
  readonly json: boolean
}

/** As `starling run` would find it here, with `file` in the place of config.json. @throws StarlingError `config-wrong` */
export async function checkConfig(
  {
    dataFolder,
    json,
    file,
    offline
  }: ConfigOptions & { readonly file: string | null; readonly offline: boolean },
  { services, terminal }: CommandTools
): Promise<void> {
  const reading = await services.readConfig({
    dataFolder,
    env: terminal.env,
    commandLine: new Map(),
    file: file === null ? null : resolve(file)
  })
  const ports = await probePorts(reading, await listenersOfRunning(dataFolder))
  const upstreams = offline ? [] : await probeUpstreams(reading, services)
  const problems = [...reading.problems, ...ports.problems, ...upstreams].toSorted(byPlace)
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const name = file ?? reading.file
  if (json) terminal.print(JSON.stringify({ file: reading.file, ok: errors === 0, problems }))
  else {
    for (const problem of problems) terminal.print(safeText(problemText(called(problem, reading.file, name))))
    if (ports.own.length > 0)
      terminal.note(`In use by the running agent itself: the ports of ${ports.own.join(', ')}.`)
    if (problems.length === 0) terminal.print(`${name}: no problems`)
  }
  if (errors > 0) {
    const warnings = problems.length - errors
    throw new StarlingError(
      'config-wrong',
      `${counted(errors, 'error')}${warnings === 0 ? '' : ` and ${counted(warnings, 'warning')}`}: an agent would not start with this`
    )
  }
}

/** What somebody set, or with `effective` all settings: of the agent that runs, else of the folder. */
export async function showConfig(
  { dataFolder, json, effective }: ConfigOptions & { readonly effective: boolean },
  { services, terminal }: CommandTools
): Promise<void> {
  const api = await findAgent(dataFolder)
  const all = await settingsOf(api, dataFolder, { services, terminal })
  const shown = effective ? all : all.filter(({ origin }) => origin.kind !== 'default')
  if (json) return terminal.print(JSON.stringify(shown))
  if (shown.length === 0)
    terminal.print('nothing is set: the defaults are in force, `starling config show --effective` lists them')
  else
    terminal.print(
      table(
        ['SETTING', 'VALUE', 'FROM'],
        shown.map(({ path, value, origin }) => [
          path,
          safeText(valueText(path, value)),
          safeText(originText(origin))
        ])
      )
    )
  terminal.note(
    api === null
      ? 'No agent runs on this folder: this is what one would start with.'
      : `In force in the running agent (process ${api.agent.pid}).`
  )
}

/** @throws StarlingError `no-agent`, `config-wrong` */
export async function reloadConfig(
  { dataFolder, json }: ConfigOptions,
  { terminal }: CommandTools
): Promise<void> {
  const api = await requireAgent(dataFolder)
  const result = (await api.post('/api/v1/config/reload', {})) as ConfigReload
  if (json) terminal.print(JSON.stringify(result))
  else {
    for (const problem of result.problems) terminal.print(safeText(problemText(problem)))
    if (result.taken.length > 0) terminal.print(`in force now: ${result.taken.join(', ')}`)
    if (result.waiting.length > 0)
      terminal.print(`takes effect at the next start: ${result.waiting.join(', ')}`)
    if (result.problems.length + result.taken.length + result.waiting.length === 0)
      terminal.print('nothing has changed since the last time')
  }
  if (result.problems.some(({ severity }) => severity === 'error')) {
    throw new StarlingError(
      'config-wrong',
      'this configuration cannot be used; the one from before stays in force'
    )
  }
}

/** In the running agent if there is one, else as one would find them. */
export async function settingsOf(
  api: Api | null,
  dataFolder: string,
  { services, terminal }: Pick<CommandTools, 'services' | 'terminal'>
): Promise<readonly ConfigSetting[]> {
  if (api !== null) return (await api.read('/api/v1/config')) as readonly ConfigSetting[]
  const reading = await services.readConfig({ dataFolder, env: terminal.env, commandLine: new Map() })
  for (const problem of reading.problems) terminal.note(safeText(problemText(problem)))
  return reading.settings
}

/** Where the agent of this folder listens, by what it was started with; empty when there is none, or it is not ours to ask. */
async function listenersOfRunning(dataFolder: string): Promise<readonly Listener[]> {
  const api = await findAgent(dataFolder)
  if (api === null) return []
  const told = await api.read('/api/v1/config').catch(() => [])
  const inForce = new Map((told as readonly ConfigSetting[]).map(({ path, value }) => [path, value]))
  const byFile = [
    { name: 'proxy', url: api.agent.proxy },
    { name: 'page', url: api.agent.page }
  ].map(({ name, url }) => ({ name, host: new URL(url).hostname, port: Number(new URL(url).port) }))
  const byConfig = settings
    .filter(({ path }) => path.endsWith('.port') && inForce.get(path.replace(/port$/, 'enabled')) !== false)
    .map(({ path }) => ({
      name: path.replace(/\.port$/, ''),
      host: '',
      port: Number(inForce.get(path) ?? 0)
    }))
  return [...byFile, ...byConfig.filter(({ port }) => port !== 0)]
}

/** Top to bottom of the file, then the other sources. */
function byPlace(a: ConfigProblem, b: ConfigProblem): number {
  const [lineA, lineB] = [a.origin.line ?? Infinity, b.origin.line ?? Infinity]
  if (lineA !== lineB) return lineA < lineB ? -1 : 1
  return (a.origin.column ?? 0) - (b.origin.column ?? 0)
}

/** By the name that the reader gave it. */
function called(problem: ConfigProblem, file: string, name: string): ConfigProblem {
  const { origin } = problem
  return origin.kind === 'file' && origin.name === file
    ? { ...problem, origin: { ...origin, name } }
    : problem
}

function valueText(path: string, value: unknown): string {
  const facts = settings.find(one => one.path === path)?.facts
  const text = facts === undefined || facts.isStructured === true ? JSON.stringify(value) : facts.write(value)
  return text === '' ? '-' : text
}

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`
