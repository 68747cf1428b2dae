/**
 * The configuration of a running agent: what is in force, and how a changed one is taken over. It is read and checked as at the start;
 * with an error nothing of it is taken, so that a slip of the pen never takes an agent half down, and the problems are shown until
 * they are mended.
 */
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { takeOver } from './config-live.ts'
import { problemText } from './config-problem.ts'
import type { ConfigReading, ConfigSources } from './config-sources.ts'
import type { AgentConfig } from './config.ts'
import type { Log } from './log.ts'
import type { ConfigProblem, ConfigReload, ConfigSetting, SourcedValue } from './ports.ts'

/** Where a running agent's configuration comes from. */
export interface ConfigSource {
  /** What it was started with. */
  readonly first: ConfigReading
  /** From the same sources, as they are now. */
  readonly read: () => Promise<ConfigReading>
  /** Tells when the machine's policy has changed; absent: there is none. @returns what ends it */
  readonly watchMachine?: (changed: () => void) => () => void
  /** What the coordinator says from now on; counts with the next `read`. Absent: there is none. */
  readonly setCoordinatorPolicy?: (values: readonly SourcedValue[]) => void
}

/**
 * @param read see readCheckedConfig
 * @param kept what the coordinator said before this start
 * @param watchMachine absent: the machine's policy does not change while the agent runs
 */
export async function configSource(
  read: (sources: ConfigSources) => Promise<ConfigReading>,
  given: ConfigSources,
  kept: readonly SourcedValue[] = [],
  watchMachine?: (changed: () => void) => () => void
): Promise<ConfigSource> {
  let coordinator = kept
  // A copy: what is taken out of the environment later is needed when the configuration is read again.
  const sources = { ...given, env: { ...given.env }, coordinator: () => coordinator }
  let first = await read(sources)
  if (kept.length > 0 && hasErrors(first)) {
    // What the coordinator said may not go with what stands here by now: an agent without its policy is worth more than none.
    const without = await read({ ...sources, coordinator: () => [] })
    if (!hasErrors(without)) first = without
  }
  return {
    first,
    read: () => read(sources),
    setCoordinatorPolicy(values) {
      coordinator = values
    },
    ...(watchMachine === undefined ? {} : { watchMachine })
  }
}

const hasErrors = ({ problems }: Pick<ConfigReading, 'problems'>): boolean =>
  problems.some(({ severity }) => severity === 'error')

export interface LiveConfig {
  now(): AgentConfig
  /** @throws StarlingError `config-fixed` */
  settings(): readonly ConfigSetting[]
  /** What takes effect at the next start. */
  waiting(): readonly ConfigSetting[]
  /** Whether something waits that this kind of source says, or says no longer. */
  waitsFor(kind: ConfigSetting['origin']['kind']): boolean
  /** For people, as long as they hold. */
  problems(): readonly string[]
  /** One at a time. @throws StarlingError `config-fixed` */
  reload(): Promise<ConfigReload>
}

/** A page of errors helps nobody more than the first few. */
const problemsShownMax = 8

/**
 * @param source null: the configuration was made by a program and stays as it is
 * @param apply hands what has changed to whoever works by it
 */
export function createLiveConfig(
  started: AgentConfig,
  source: ConfigSource | null,
  parts: { readonly log: Log; apply(config: AgentConfig, before: AgentConfig): Promise<void> | void }
): LiveConfig {
  const { log } = parts
  let current = started
  let shown = source?.first.settings ?? []
  let warnings = source?.first.problems ?? []
  let errors: readonly ConfigProblem[] = []
  let waiting: readonly string[] = []
  let shownWaiting: readonly ConfigSetting[] = []
  let working: Promise<unknown> = Promise.resolve()

  for (const warning of warnings) log.warn({ setting: warning.setting }, problemText(warning))

  function refuse(problems: readonly ConfigProblem[]): ConfigReload {
    errors = problems.filter(({ severity }) => severity === 'error')
    log.error(
      { problems: errors.map(problemText) },
      'the changed configuration cannot be used; the one from before stays in force'
    )
    return { problems, taken: [], waiting: [] }
  }

  async function readAgain({ read }: ConfigSource): Promise<ConfigReload> {
    const reading = await read()
    if (hasErrors(reading)) return refuse(reading.problems)
    const next = takeOver(current, reading.draft)
    try {
      await parts.apply(next.config, current)
    } catch (error) {
      // Back to what was in force: half of each would be neither.
      await parts.apply(current, next.config)
      const origin = { kind: 'file', name: reading.file, line: null, column: null } as const
      return refuse([{ severity: 'error', setting: '', origin, message: messageOf(error) }])
    }
    current = next.config
    const kept = new Map(shown.map(one => [one.path, one]))
    shown = reading.settings.map(one => (next.waiting.includes(one.path) ? kept.get(one.path)! : one))
    shownWaiting = reading.settings.filter(({ path }) => next.waiting.includes(path))
    for (const warning of reading.problems) {
      if (!warnings.some(known => problemText(known) === problemText(warning)))
        log.warn({ setting: warning.setting }, problemText(warning))
    }
    warnings = reading.problems
    errors = []
    if (next.taken.length > 0) log.info({ settings: next.taken }, 'the changed configuration is in force')
    if (next.waiting.length > 0 && next.waiting.join() !== waiting.join())
      log.warn({ settings: next.waiting }, 'changed settings take effect at the next start')
    waiting = next.waiting
    return { problems: warnings, taken: next.taken, waiting }
  }

  return {
    now: () => current,
    settings: () => {
      if (source === null) throw fixed()
      return shown
    },
    waiting: () => shownWaiting,
    waitsFor: kind =>
      waiting.some(path =>
        [shown, shownWaiting].some(list => list.find(setting => setting.path === path)?.origin.kind === kind)
      ),
    problems: () => [
      ...(errors.length === 0
        ? []
        : ['The changed configuration cannot be used; the one from before stays in force:']),
      ...errors.slice(0, problemsShownMax).map(problemText),
      ...(errors.length > problemsShownMax
        ? [`... and ${errors.length - problemsShownMax} more; \`starling config check\` tells them all.`]
        : []),
      ...(waiting.length === 0 ? [] : [`Takes effect at the next start: ${waiting.join(', ')}.`]),
      ...warnings.map(problemText)
    ],
    async reload() {
      if (source === null) throw fixed()
      const mine = working.then(() => readAgain(source))
      working = mine.catch(() => {})
      return await mine
    }
  }
}

function fixed(): StarlingError {
  return new StarlingError(
    'config-fixed',
    'this agent was set up by another program, which alone knows its configuration: look there, and restart that'
  )
}
