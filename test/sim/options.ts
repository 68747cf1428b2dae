/** The command line of the simulator: read, checked, and printed again so that a run can be had once more. */
import { parseArgs } from 'node:util'
import { StarlingError } from '@starling/shared/errors.ts'
import { bytesFromText, bytesToText, millisFromText } from '@starling/shared/policy/quantities.ts'
import type { BytesPerSecond, Millis } from '@starling/shared/units.ts'
import { optionsFor, usualOptions } from './play.ts'
import { scenarios } from './scenarios/index.ts'
import { megabit, type GatewayPlace, type Options, type Scenario } from './scenarios/scenario.ts'

export interface Command {
  readonly scenario: Scenario
  readonly options: Options
  readonly help: boolean
  readonly json: boolean
  readonly html: string | null
  readonly soak: boolean
  /** How many runs a soak makes at the most. */
  readonly runs: number
  /** The agent whose events and effects are written out. */
  readonly log: string | null
  readonly untilMs: Millis | undefined
  readonly replay: string | null
  readonly policies: readonly string[]
}

export const usage = `npm run sim -- [options]

  --scenario NAME    ${scenarios.map(({ name }) => name).join(', ')}
  --seed N           the same seed and options give the same run, to the letter (1)
  --agents N         all agents, spread over --sites N
  --size 256MiB      what is downloaded
  --wan 50mbit       the line of each site; --per-flow 5mbit: the origin gives one connection no more
  --gateway PLACE    none, site (one in each), remote (one in the data centre)
  --coordinator      one that hands out peers
  --mesh N           subnets up to so many agents are a full mesh (32), else --degree N neighbours each (10)
  --background       nobody waits for it: it yields to other traffic (--no-background)
  --faults N         so many faults, drawn from the seed; then a part without
  --until 90s        stop at this moment of virtual time
  --log AGENT        every event and effect of one agent, with its time
  --json             the last line of stdout is one JSON object
  --html FILE        a page with plots
  --soak             runs with faults, one seed after another, until stopped or a promise is broken; --runs N: so many
  --replay FILE      feeds a recorded trace to a fresh core; --policy name=value, what would that have changed?
`

export function readCommand(args: readonly string[]): Command {
  const { values } = parsed(args)
  const name = values.scenario ?? 'patch-tuesday'
  const scenario = scenarios.find(each => each.name === name)
  if (scenario === undefined)
    throw bad(`there is no scenario ${name}; there are ${scenarios.map(each => each.name).join(', ')}`)
  const told: Partial<Options> = {
    ...given('seed', whole('seed', values.seed, 0)),
    ...given('agents', whole('agents', values.agents, 1)),
    ...given('sites', whole('sites', values.sites, 1)),
    ...given('size', sizeOf(values.size)),
    ...given('wan', rateOf('wan', values.wan)),
    ...given('perFlow', rateOf('per-flow', values['per-flow'])),
    ...given('gateway', placeOf(values.gateway)),
    ...given('coordinator', values.coordinator),
    ...given('mesh', whole('mesh', values.mesh, 1)),
    ...given('degree', whole('degree', values.degree, 2)),
    ...given('background', values.background),
    ...given('faults', whole('faults', values.faults, 0))
  }
  const options = optionsFor(scenario, told)
  if (options.sites > options.agents)
    throw bad(`--sites ${options.sites} is more than --agents ${options.agents}: give each site an agent`)
  return {
    scenario,
    options,
    help: values.help,
    json: values.json,
    html: values.html ?? null,
    soak: values.soak,
    runs: whole('runs', values.runs, 1) ?? Infinity,
    log: values.log ?? null,
    untilMs: spanOf(values.until),
    replay: values.replay ?? null,
    policies: values.policy ?? []
  }
}

/** As a command line that gives the same run. */
export function optionsText(options: Options): string {
  const words = [
    `--scenario ${options.scenario}`,
    `--seed ${options.seed}`,
    `--agents ${options.agents}`,
    `--sites ${options.sites}`,
    `--size ${bytesToText(options.size)}`,
    `--wan ${options.wan / megabit}mbit`,
    `--gateway ${options.gateway}`
  ]
  if (options.coordinator) words.push('--coordinator')
  if (options.perFlow !== Infinity) words.push(`--per-flow ${options.perFlow / megabit}mbit`)
  if (options.mesh !== usualOptions.mesh || options.degree !== usualOptions.degree)
    words.push(`--mesh ${options.mesh} --degree ${options.degree}`)
  words.push(options.background ? '--background' : '--no-background')
  if (options.faults > 0) words.push(`--faults ${options.faults}`)
  return `npm run sim -- ${words.join(' ')}`
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowNegative: true,
      options: {
        scenario: { type: 'string' },
        seed: { type: 'string' },
        agents: { type: 'string' },
        sites: { type: 'string' },
        size: { type: 'string' },
        wan: { type: 'string' },
        'per-flow': { type: 'string' },
        gateway: { type: 'string' },
        coordinator: { type: 'boolean' },
        mesh: { type: 'string' },
        degree: { type: 'string' },
        background: { type: 'boolean' },
        faults: { type: 'string' },
        until: { type: 'string' },
        log: { type: 'string' },
        html: { type: 'string' },
        replay: { type: 'string' },
        policy: { type: 'string', multiple: true },
        json: { type: 'boolean', default: false },
        soak: { type: 'boolean', default: false },
        runs: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false }
      }
    })
  } catch (error) {
    throw bad(error instanceof Error ? error.message : String(error))
  }
}

function given<Name extends keyof Options>(name: Name, value: Options[Name] | undefined): Partial<Options> {
  return value === undefined ? {} : { [name]: value }
}

function whole(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least)
    throw bad(`--${name} takes a whole number from ${least} up, not '${text}'`)
  return value
}

function sizeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const bytes = bytesFromText(text)
  if (bytes === null || bytes < 1) throw bad(`--size takes an amount such as 256MiB, not '${text}'`)
  return bytes
}

function rateOf(name: string, text: string | undefined): BytesPerSecond | undefined {
  if (text === undefined) return undefined
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*([kmg])bit(?:\/s)?$/i.exec(text) ?? []
  if (amount === undefined || Number(amount) === 0)
    throw bad(`--${name} takes a rate such as 50mbit, not '${text}'`)
  return Number(amount) * megabit * { k: 0.001, m: 1, g: 1000 }[unit!.toLowerCase() as 'k' | 'm' | 'g']
}

function placeOf(text: string | undefined): GatewayPlace | undefined {
  if (text === undefined || text === 'none' || text === 'site' || text === 'remote') return text
  throw bad(`--gateway takes none, site or remote, not '${text}'`)
}

function spanOf(text: string | undefined): Millis | undefined {
  if (text === undefined) return undefined
  const span = millisFromText(text)
  if (span === null) throw bad(`--until takes a time such as 90s, not '${text}'`)
  return span
}

function bad(sentence: string): StarlingError {
  return new StarlingError('bad-command', `${sentence}; see npm run sim -- --help`)
}
