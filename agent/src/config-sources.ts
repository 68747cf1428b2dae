/**
 * Where a configuration comes from, and who wins: defaults < `config.json` in the data folder < environment < command
 * line. Every value keeps its source until it is checked, so that a problem names the field, where its value came from and
 * what to write instead; all problems are told at once. Names that nothing reads are problems too: a typing error must
 * not silently leave a default in force.
 */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve, win32 } from 'node:path'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import { z } from 'zod'
import { configSchema, filesIn, settings, type AgentConfig, type Setting } from './config.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface ConfigSources {
  /** From `--data`; null: `STARLING_DATA`, else the place that is usual on this system. */
  readonly dataFolder: string | null
  /** Values of the command line by path (`cache.quotaBytes`). */
  readonly commandLine: ReadonlyMap<string, string>
  readonly env: Environment
}

interface Given {
  readonly value: unknown
  readonly source: string
}

/** Read by others than the agent's configuration, so not unknown here. */
const otherEnv = /^STARLING_(DATA|FLEET_SECRET|TEST_\w+|DEV_\w+|COORDINATOR_\w+)$/
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
  const dataFolder = dataFolderOf(sources)
  const problems: string[] = []
  const given = new Map<string, Given>()
  const file = filesIn(dataFolder).config
  takeFile(await readJson(file, problems), file, given, problems)
  takeEnvironment(sources.env, given, problems)
  for (const [path, value] of sources.commandLine) {
    const setting = settings.find(one => one.path === path)
    if (setting === undefined) problems.push(`${path} (command line): no such setting. ${knownIn(path)}`)
    else given.set(path, { value, source: `command line ${setting.option}` })
  }
  const values = check(given, problems)
  const fleetSecret = await secretFrom(
    dataFolder,
    given.get('fleetSecretFile'),
    sources.env,
    secrets,
    problems
  )
  if (problems.length > 0) {
    const list = problems.map(problem => `  ${problem}`).join('\n')
    throw new StarlingError('bad-config', `this configuration cannot be used:\n${list}`)
  }
  const { fleetSecretFile: _, ...rest } = configSchema.parse(values)
  return { ...rest, dataFolder, fleetSecret }
}

async function readJson(file: string, problems: string[]): Promise<unknown> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return {}
    problems.push(
      `${file}: cannot be read (${messageOf(error)}); make it readable for this user or remove it`
    )
    return {}
  }
  try {
    // Notepad likes to put a byte order mark first; JSON does not.
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    problems.push(`${file}: not JSON (${messageOf(error)}); mend it or remove it`)
    return {}
  }
}

function takeFile(value: unknown, file: string, given: Map<string, Given>, problems: string[]): void {
  const walk = (node: unknown, prefix: string): void => {
    if (typeof node !== 'object' || node === null || Array.isArray(node)) {
      problems.push(`${prefix === '' ? 'the whole' : prefix} (${file}): give an object { ... }`)
      return
    }
    for (const [name, inner] of Object.entries(node)) {
      const path = prefix === '' ? name : `${prefix}.${name}`
      if (settings.some(one => one.path === path)) given.set(path, { value: inner, source: file })
      else if (settings.some(one => one.path.startsWith(`${path}.`))) walk(inner, path)
      else problems.push(`${path} (${file}): ${hintFor(path) ?? `no such setting. ${knownIn(path)}`}`)
    }
  }
  walk(value, '')
}

function takeEnvironment(env: Environment, given: Map<string, Given>, problems: string[]): void {
  const byEnv = new Map(settings.map(setting => [setting.env, setting]))
  for (const [name, value] of Object.entries(env)) {
    // An empty variable is how many tools unset one.
    if (!name.startsWith('STARLING_') || value === undefined || value === '') continue
    const setting = byEnv.get(name)
    if (setting !== undefined) given.set(setting.path, { value, source: `environment ${name}` })
    else if (!otherEnv.test(name)) {
      problems.push(
        `${name} (environment): no such setting; \`starling run --help\` lists them. Correct or unset it`
      )
    }
  }
}

/** Checks field by field, because only so a problem knows its source. */
function check(given: ReadonlyMap<string, Given>, problems: string[]): object {
  const values: Record<string, unknown> = {}
  for (const setting of settings) {
    const { value, source } = given.get(setting.path) ?? { value: undefined, source: 'default' }
    const { error } = setting.schema.safeParse(value)
    if (error !== undefined) problems.push(...problemsWith(setting, value, source, error))
    const names = setting.path.split('.')
    let node = values
    for (const name of names.slice(0, -1)) node = (node[name] ??= {}) as Record<string, unknown>
    node[names.at(-1)!] = value
  }
  return values
}

function problemsWith(setting: Setting, value: unknown, source: string, error: z.ZodError): string[] {
  const { path, facts } = setting
  const whole = `${path} (${source}): ${shown(setting, value)} does not fit; give ${facts.form}`
  if (facts.isStructured !== true) return [whole]
  // What is wrong with the whole of it (no list, no JSON) is told like everything else; else the part is named.
  return error.issues.map(({ path: part, message }) =>
    part.length === 0
      ? whole
      : `${path}${z.core.toDotPath(part).replace(/^(?=\w)/, '.')} (${source}): ${message}`
  )
}

async function secretFrom(
  dataFolder: string,
  named: Given | undefined,
  env: Environment,
  secrets: SecretReader,
  problems: string[]
): Promise<Uint8Array | null> {
  const fromEnv = env[secretEnv]
  // The order of sources holds here too: a file named on the command line beats the environment.
  const useEnv = fromEnv !== undefined && fromEnv !== '' && named?.source.startsWith('command line') !== true
  const file =
    typeof named?.value === 'string' ? resolve(dataFolder, named.value) : filesIn(dataFolder).fleetSecret
  try {
    if (useEnv) return secrets.parse(fromEnv)
    const bytes = await secrets.readFile(file)
    if (bytes !== null) return secrets.parse(new TextDecoder().decode(bytes))
    if (named !== undefined)
      problems.push(
        `fleetSecretFile (${named.source}): there is no ${file}; ` + '`starling secret create` makes one'
      )
  } catch (error) {
    problems.push(`fleet secret (${useEnv ? `environment ${secretEnv}` : file}): ${messageOf(error)}`)
  }
  return null
}

function shown(setting: Setting, value: unknown): string {
  return setting.path === 'ticket' ? 'what is there' : (JSON.stringify(value) ?? String(value)).slice(0, 80)
}

function hintFor(path: string): string | null {
  if (/secret/i.test(path))
    return 'a secret does not belong here; put it in a file and name that as fleetSecretFile'
  if (path === 'dataFolder') return 'this file lies in it; use --data or STARLING_DATA'
  return null
}

function knownIn(path: string): string {
  const prefix = path.includes('.') ? path.slice(0, path.lastIndexOf('.') + 1) : ''
  const names = settings
    .filter(one => one.path.startsWith(prefix))
    .map(one => one.path.slice(prefix.length).split('.')[0]!)
  return `Known ${prefix === '' ? 'names' : `names in ${prefix.slice(0, -1)}`}: ${[...new Set(names)].join(', ')}`
}
