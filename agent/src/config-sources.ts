/**
 * Where a configuration comes from, and who wins: defaults < the coordinator's policy < `config.json` in the data folder < environment <
 * command line < the machine's policy in the registry; over all that what a user wants, where it allows less. Every value keeps its origin, so that a problem names the field, where its value came from and what to write
 * instead; all problems are told at once. Names that nothing reads are problems too: a typing error must not silently leave a
 * default in force.
 *
 * The order stands in one list of layers (`readConfig`): another source is another layer in it. What fields have to do with
 * each other is in config-relations.ts.
 */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve, win32 } from 'node:path'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import type { z } from 'zod'
import { readConfigText, type Position } from './config-file.ts'
import { problemText } from './config-problem.ts'
import { blanked, configSchema, filesIn, settings, type AgentConfig, type Setting } from './config.ts'
import { nearestName } from '@starling/shared/nearest-name.ts'
import { onlyLower } from '@starling/shared/policy/only-lower.ts'
import { machineField, machineFields } from '@starling/shared/policy/machine-only.ts'
import { policyField, policyFields } from '@starling/shared/policy/policy.ts'
import { partText } from '@starling/shared/policy/upstreams.ts'
import type { ConfigOrigin, ConfigProblem, ConfigSetting, MachinePolicy, SourcedValue } from './ports.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface ConfigSources {
  /** From `--data`; null: `STARLING_DATA`, else the place that is usual on this system. */
  readonly dataFolder: string | null
  /** Values of the command line by path (`cache.quotaBytes`). */
  readonly commandLine: ReadonlyMap<string, string>
  readonly env: Environment
  /** Instead of config.json in the data folder; it must be there then. */
  readonly file?: string | null
  /** The coordinator's policy as it was taken last, the most special scope behind the others. */
  readonly coordinator?: () => readonly SourcedValue[]
  /** What this machine's admin enforces. */
  readonly machine?: () => Promise<MachinePolicy>
}

interface Given {
  readonly value: unknown
  readonly origin: ConfigOrigin
  /** Where a part of the value is; null: its source has no lines. */
  readonly partAt: (part: readonly PropertyKey[]) => Position | null
}

/** What one source says. */
interface Layer {
  readonly given: ReadonlyMap<string, Given>
  readonly problems: readonly ConfigProblem[]
  /** It cannot be read at all: it may say anything of any setting. */
  readonly isLost?: boolean
}

/** All that is known of a configuration, right or wrong. */
export interface ConfigReading {
  readonly dataFolder: string
  /** Whether or not it is there. */
  readonly file: string
  /** With defaults where a value does not fit: to see what else is wrong. Not to be used when there are errors. */
  readonly draft: AgentConfig
  readonly problems: readonly ConfigProblem[]
  readonly settings: readonly ConfigSetting[]
  /** Settings of which somebody said what does not fit or cannot be read, so that the draft has a default for them. */
  readonly unknown: ReadonlySet<string>
  /** Where a part of a setting stands (`[0].url` of `upstream.servers`); null: its source has no lines. */
  readonly partAt: (setting: string, part: readonly PropertyKey[]) => Position | null
}

/** Read by others than the agent's configuration, so not unknown here. */
const otherEnv = /^STARLING_(DATA|FLEET_SECRET|SERVICE_HOST|TEST_\w+|DEV_\w+|COORDINATOR_\w+)$/
const secretEnv = 'STARLING_FLEET_SECRET'

export function defaultDataFolder(env: Environment, platform: NodeJS.Platform, isRoot: boolean): string {
  if (platform === 'win32') return win32.join(env['ProgramData'] ?? 'C:\\ProgramData', 'Starling')
  if (isRoot) return '/var/lib/starling'
  return join(env['XDG_DATA_HOME'] ?? join(env['HOME'] ?? homedir(), '.local', 'share'), 'starling')
}

/** Absolute. */
export function dataFolderOf(sources: Pick<ConfigSources, 'dataFolder' | 'env'>): string {
  const named = sources.dataFolder ?? sources.env['STARLING_DATA']
  if (named !== undefined && named !== '') return resolve(named)
  return defaultDataFolder(sources.env, process.platform, process.getuid?.() === 0)
}

/** How secrets are read; agent/src/identity has it. */
export interface SecretReader {
  /** Null when there is no such file; throws when others may read it. */
  readFile(path: string): Promise<Uint8Array | null>
  /** Throws what is no secret. */
  parse(text: string): Uint8Array
}

/** @throws StarlingError `bad-config`, its message naming every problem on a line of its own. */
export async function loadConfig(sources: ConfigSources, secrets: SecretReader): Promise<AgentConfig> {
  return configOf(await readConfig(sources, secrets))
}

/** @throws StarlingError `bad-config`, its message naming every error on a line of its own. */
export function configOf({ draft, problems }: Pick<ConfigReading, 'draft' | 'problems'>): AgentConfig {
  const errors = problems.filter(({ severity }) => severity === 'error')
  if (errors.length === 0) return draft
  const list = errors.map(problem => `  ${problemText(problem)}`).join('\n')
  throw new StarlingError('bad-config', `this configuration cannot be used:\n${list}`)
}

/** Never throws for what somebody wrote: that becomes a problem. */
export async function readConfig(sources: ConfigSources, secrets: SecretReader): Promise<ConfigReading> {
  const dataFolder = dataFolderOf(sources)
  const file = sources.file ?? filesIn(dataFolder).config
  const machine = (await sources.machine?.()) ?? { values: [], users: [], problems: [] }
  // Each beats those before it.
  const layers: readonly Layer[] = [
    fromPolicy('coordinator', { values: sources.coordinator?.() ?? [], users: [], problems: [] }),
    await fromFile(file, sources.file !== undefined && sources.file !== null),
    fromEnvironment(sources.env),
    fromCommandLine(sources.commandLine),
    fromPolicy('registry', machine)
  ]
  const given = new Map(layers.flatMap(layer => [...layer.given]))
  const problems = [...layers.flatMap(layer => layer.problems), ...lowerFor(machine.users, given)]
  const { values, fitting } = check(given, problems)
  const fleetSecret = await secretFrom(
    dataFolder,
    given.get('fleetSecretFile'),
    sources.env,
    secrets,
    problems
  )
  const { fleetSecretFile, ...rest } = configSchema.parse(values)
  return {
    dataFolder,
    file,
    draft: { ...rest, dataFolder, fleetSecret },
    problems,
    settings: settings.map(setting => ({
      path: setting.path,
      value: blanked(setting, valueAt({ ...rest, fleetSecretFile }, setting.path)),
      origin: fitting.get(setting.path)?.origin ?? defaultOrigin
    })),
    unknown: unknownIn(layers, fitting),
    partAt: (setting, part) => fitting.get(setting)?.partAt(part) ?? null
  }
}

function unknownIn(layers: readonly Layer[], fitting: ReadonlyMap<string, Given>): Set<string> {
  const said = (path: string): boolean => layers.some(({ given }) => given.has(path))
  const lost = layers.findIndex(({ isLost }) => isLost === true)
  const beatsLost = (path: string): boolean => layers.slice(lost + 1).some(({ given }) => given.has(path))
  return new Set(
    settings
      .map(({ path }) => path)
      .filter(path => (said(path) && !fitting.has(path)) || (lost >= 0 && !beatsLost(path)))
  )
}

/** The value of a setting in a configuration or a part of one. */
export function valueAt(config: object, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((node, name) => (node as Record<string, unknown> | undefined)?.[name], config)
}

const defaultOrigin: ConfigOrigin = { kind: 'default', name: '', line: null, column: null }

const originIn = (file: string, at: Position | null): ConfigOrigin => ({
  kind: 'file',
  name: file,
  line: at?.line ?? null,
  column: at?.column ?? null
})

const errorAt = (origin: ConfigOrigin, setting: string, message: string): ConfigProblem => ({
  severity: 'error',
  setting,
  origin,
  message
})

async function fromFile(file: string, mustBe: boolean): Promise<Layer> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && !mustBe) return { given: new Map(), problems: [] }
    const message = `cannot be read (${messageOf(error)}); make it readable for this user or remove it`
    return { given: new Map(), problems: [errorAt(originIn(file, null), '', message)], isLost: true }
  }
  const paths = settings.map(({ path }) => path)
  const content = readConfigText(text, paths, path => hintFor(path) ?? unknownName(path))
  return {
    given: new Map(
      [...content.values].map(([path, { value, at, partAt }]) => [
        path,
        { value, origin: originIn(file, at), partAt }
      ])
    ),
    problems: content.problems.map(({ path, at, message }) => errorAt(originIn(file, at), path, message)),
    isLost: content.problems.some(
      ({ kind, path }) => kind === 'syntax' || (kind === 'no-object' && path === '')
    )
  }
}

function fromEnvironment(env: Environment): Layer {
  const byEnv = new Map(settings.map(setting => [setting.env, setting]))
  const given = new Map<string, Given>()
  const problems: ConfigProblem[] = []
  for (const [name, value] of Object.entries(env)) {
    // An empty variable is how many tools unset one.
    if (!name.startsWith('STARLING_') || value === undefined || value === '') continue
    const setting = byEnv.get(name)
    const origin: ConfigOrigin = { kind: 'environment', name, line: null, column: null }
    if (setting !== undefined) given.set(setting.path, { value, origin, partAt: () => null })
    else if (!otherEnv.test(name)) {
      const meant = nearestName(name, [...byEnv.keys()])
      const known = meant === null ? '`starling run --help` lists them' : `did you mean ${meant}?`
      problems.push(errorAt(origin, '', `no such setting; ${known} Correct or unset it`))
    }
  }
  return { given, problems }
}

function fromCommandLine(values: ReadonlyMap<string, string>): Layer {
  const given = new Map<string, Given>()
  const problems: ConfigProblem[] = []
  for (const [path, value] of values) {
    const setting = settings.find(one => one.path === path)
    const name = setting?.option ?? path
    const origin: ConfigOrigin = { kind: 'command line', name, line: null, column: null }
    if (setting === undefined) problems.push(errorAt(origin, path, unknownName(path)))
    else given.set(path, { value, origin, partAt: () => null })
  }
  return { given, problems }
}

/**
 * Values under the names of policy. One that does not fit is passed over here, before it hides what a lower layer says: what an admin
 * of thousands of machines mistypes must not keep them from starting.
 */
function fromPolicy(kind: 'coordinator' | 'registry', { values, problems: unread }: MachinePolicy): Layer {
  const given = new Map<string, Given>()
  const problems: ConfigProblem[] = unread.map(message => ({
    severity: 'warning',
    setting: '',
    origin: { kind, name: '', line: null, column: null },
    message
  }))
  for (const { name, value, place } of values) {
    const origin: ConfigOrigin = { kind, name: place, line: null, column: null }
    // What only the machine's admin may say is no name to anybody else.
    const path = policyField(name)?.configKey ?? (kind === 'registry' ? machineField(name)?.configKey : null)
    const setting = settings.find(one => one.path === path)
    const one: Given = { value, origin, partAt: () => null }
    const found = setting === undefined ? null : setting.schema.safeParse(value)
    if (setting === undefined || found === null) {
      const known = kind === 'registry' ? [...policyFields, ...machineFields] : policyFields
      const meant = nearestName(
        name,
        known.map(field => field.name)
      )
      const hint = meant === null ? 'docs/POLICY.md lists them' : `did you mean ${meant}?`
      problems.push({ severity: 'warning', setting: name, origin, message: `no such policy; ${hint}` })
    } else if (found.success) given.set(setting.path, one)
    else
      problems.push(
        ...problemsWith(setting, one, found.error).map(problem => ({
          ...problem,
          severity: 'warning' as const,
          message: `${problem.message}. It is passed over`
        }))
      )
  }
  return { given, problems }
}

/** Puts what users want in the place of what it allows less than. @returns what is not theirs to say */
function lowerFor(wishes: readonly SourcedValue[], given: Map<string, Given>): ConfigProblem[] {
  return wishes.flatMap(({ name, value, place }): ConfigProblem[] => {
    const origin: ConfigOrigin = { kind: 'user', name: place, line: null, column: null }
    const field = policyField(name)
    const wished = field?.schema.safeParse(value)
    if (field === undefined || wished?.success !== true)
      return [{ severity: 'warning', setting: name, origin, message: 'is passed over: see docs/POLICY.md' }]
    const machine = field.schema.safeParse(given.get(field.configKey)?.value)
    const { refused } = onlyLower(field, machine.success ? machine.data : field.byDefault, wished.data)
    if (refused !== null)
      return [{ severity: 'warning', setting: name, origin, message: `is passed over: ${refused}` }]
    given.set(field.configKey, { value, origin, partAt: () => null })
    return []
  })
}

/** Checks field by field, because only so a problem knows its origin. @returns what fits */
function check(
  given: ReadonlyMap<string, Given>,
  problems: ConfigProblem[]
): { readonly values: object; readonly fitting: ReadonlyMap<string, Given> } {
  const values: Record<string, unknown> = {}
  const fitting = new Map<string, Given>()
  for (const setting of settings) {
    const names = setting.path.split('.')
    let node = values
    for (const name of names.slice(0, -1)) node = (node[name] ??= {}) as Record<string, unknown>
    const one = given.get(setting.path)
    if (one === undefined) continue
    const { error } = setting.schema.safeParse(one.value)
    if (error === undefined) {
      node[names.at(-1)!] = one.value
      fitting.set(setting.path, one)
    } else problems.push(...problemsWith(setting, one, error))
  }
  return { values, fitting }
}

function problemsWith(setting: Setting, given: Given, error: z.ZodError): ConfigProblem[] {
  const { path, facts } = setting
  const told = new Set<string>()
  return error.issues.flatMap(partsOf).flatMap(({ part, message, isOwnWord }) => {
    const at = given.partAt(part)
    const origin = at === null ? given.origin : { ...given.origin, ...at }
    const name = path + partText(part)
    if (told.has(name)) return []
    told.add(name)
    // What is wrong with the whole of a structure (no list, no JSON) is told like everything else; of a part it knows more.
    const isPart = part.length > 0 && facts.isStructured === true
    const value = part.length === 1 && Array.isArray(given.value) ? given.value[Number(part[0])] : given.value
    const why = isOwnWord ? `: ${message}` : `; give ${facts.form}`
    return [errorAt(origin, name, isPart ? message : `${shown(setting, value)} does not fit${why}`)]
  })
}

/** A problem with each part that is concerned. What zod says of itself is for programmers. */
function partsOf(
  issue: z.core.$ZodIssue
): Array<{ part: readonly PropertyKey[]; message: string; isOwnWord?: boolean }> {
  const { path: part, message } = issue
  // A refusal of our own that says why, and not just that.
  if (issue.code === 'custom' && message !== 'Invalid input') return [{ part, message, isOwnWord: true }]
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => ({ part: [...part, key], message: 'there is no such field: take it out' }))
  if (issue.code !== 'invalid_type' || !message.startsWith('Invalid input')) return [{ part, message }]
  const form = forms[issue.expected] ?? issue.expected
  const isMissing = message.endsWith('received undefined')
  return [{ part, message: isMissing ? `is missing: give ${form}` : `give ${form}` }]
}

const forms: Readonly<Record<string, string>> = {
  string: 'a text in double quotes',
  array: 'a list [ ... ]',
  object: 'an object { ... }',
  number: 'a number'
}

async function secretFrom(
  dataFolder: string,
  named: Given | undefined,
  env: Environment,
  secrets: SecretReader,
  problems: ConfigProblem[]
): Promise<Uint8Array | null> {
  const fromEnv = env[secretEnv]
  // The order of sources holds here too: a file named on the command line beats the environment.
  const useEnv = fromEnv !== undefined && fromEnv !== '' && named?.origin.kind !== 'command line'
  const file =
    typeof named?.value === 'string' ? resolve(dataFolder, named.value) : filesIn(dataFolder).fleetSecret
  try {
    if (useEnv) return secrets.parse(fromEnv)
    const bytes = await secrets.readFile(file)
    if (bytes !== null) return secrets.parse(new TextDecoder().decode(bytes))
    if (named !== undefined) {
      const message = `there is no ${file}; \`starling secret create\` makes one`
      problems.push(errorAt(named.origin, 'fleetSecretFile', message))
    }
  } catch (error) {
    const origin: ConfigOrigin = useEnv
      ? { kind: 'environment', name: secretEnv, line: null, column: null }
      : originIn(file, null)
    problems.push(errorAt(origin, 'fleet secret', messageOf(error)))
  }
  return null
}

function shown(setting: Setting, value: unknown): string {
  return setting.facts.isSecret === true
    ? 'what is there'
    : (JSON.stringify(blanked(setting, value)) ?? String(value)).slice(0, 80)
}

function hintFor(path: string): string | null {
  if (/secret/i.test(path))
    return 'a secret does not belong here; put it in a file and name that as fleetSecretFile'
  if (path === 'dataFolder') return 'this file lies in it; use --data or STARLING_DATA'
  return null
}

function unknownName(path: string): string {
  const groups = settings.flatMap(one => one.path.split('.').slice(0, -1))
  const meant = nearestName(path, [...settings.map(one => one.path), ...groups])
  if (meant !== null) return `no such setting; did you mean ${meant}?`
  const group = path.slice(0, path.lastIndexOf('.') + 1)
  const names = settings
    .filter(one => one.path.startsWith(group))
    .map(one => one.path.slice(group.length).split('.')[0]!)
  return `no such setting. Known ${group === '' ? 'names' : `names in ${group.slice(0, -1)}`}: ${[...new Set(names)].join(', ')}`
}
