/**
 * `npm run bench [-- name...] [--rounds N] [--size-mib N] [--json]`: prints the medians of several rounds, the bars they
 * are held to, what they were measured on, and the command line that measures them again.
 */
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { messageOf } from '@starling/shared/errors.ts'
import { GiB, MiB } from '@starling/shared/units.ts'
import { table } from '../demo/words.ts'
import { measure, type Bar, type Bench, type BenchResult } from './bench.ts'
import { bulk } from './bulk.ts'
import { coordinatorStart } from './coordinator-start.ts'
import { goMirror } from './go-mirror.ts'
import { heartbeats } from './heartbeats.ts'
import { httpBenches } from './http/http.ts'
import { idle } from './idle.ts'
import { interception } from './interception.ts'
import { pages } from './pages.ts'
import { policyPush } from './policy-push.ts'
import { swarm3, swarm3Secret } from './swarm.ts'
import { twoCoordinators } from './two-coordinators.ts'
import { upstreams } from './upstreams.ts'

const benches: readonly Bench[] = [
  swarm3,
  swarm3Secret,
  bulk,
  idle,
  upstreams,
  policyPush,
  heartbeats,
  coordinatorStart,
  twoCoordinators,
  pages,
  interception,
  goMirror,
  ...httpBenches
]

/** A name stands for itself or, as `http` does for `http/hit-1`, for its family. */
const isNamed = (bench: Bench, name: string): boolean =>
  bench.name === name || bench.name.startsWith(`${name}/`)

const numbers = ['rounds', 'size-mib', 'agents', 'minutes'] as const

const help = `npm run bench -- [name...] [options]

${benches.map(({ name, says, rounds }) => `  ${name.padEnd(18)}${says} (${rounds} rounds)`).join('\n')}

  http              all of http/: the proxy's figures, beside nginx, squid and varnish
  (no name)         all of them
  --rounds N        other than its usual number of rounds
  --size-mib N      a smaller file for the http benches, to try them out
  --agents N        another size of fleet for the coordinator's benches
  --minutes N       another length of heartbeats
  --json            the last line of stdout is one JSON object
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      'size-mib': { type: 'string' },
      agents: { type: 'string' },
      minutes: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const unknown = positionals.filter(name => !benches.some(bench => isNamed(bench, name)))
  const [rounds, sizeMiB, agents, minutes] = numbers.map(name => countOf(values[name])) as [
    number | null,
    number | null,
    number | null,
    number | null
  ]
  if (unknown.length > 0 || [rounds, sizeMiB, agents, minutes].some(Number.isNaN)) {
    const what =
      unknown.length > 0
        ? `there is no bench ${unknown.join(', ')}`
        : `${numbers.map(name => `--${name}`).join(', ')} take a whole number from 1 up`
    process.stderr.write(`${what}\n\n${help}`)
    return 2
  }
  const chosen = benches.filter(
    bench => positionals.length === 0 || positionals.some(name => isNamed(bench, name))
  )
  const say = (text: string): void => void process.stderr.write(`${text}\n`)
  // Ends in `exit`, which ends the programs and removes folders and namespaces.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

  const results: BenchResult[] = []
  const missing: string[] = []
  for (const bench of chosen) {
    const whyNot = bench.whyNot?.() ?? null
    try {
      if (whyNot !== null) throw new Error(`skipped, as ${whyNot}`)
      const sizeBytes = sizeMiB === null ? null : sizeMiB * MiB
      results.push(await measure(bench, rounds ?? bench.rounds, { say, sizeBytes, agents, minutes }))
    } catch (error) {
      // The others' figures are worth having all the same, some of them took minutes.
      missing.push(`${bench.name}: ${messageOf(error)}`)
      say(`\n*** ${missing.at(-1)!}\n`)
    }
  }

  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'CPU'}, ${(totalmem() / GiB).toFixed(0)} GiB, ${process.platform}, Node ${process.versions.node}`
  const command = ['npm run bench --', ...chosen.map(({ name }) => name), ...optionsOf(values)].join(' ')
  const out = values.json ? process.stderr : process.stdout
  for (const result of results) out.write(`${sheet(result).join('\n')}\n`)
  for (const line of missing) out.write(`\n*** ${line}\n`)
  out.write(`\n${machine}\n${command}\n`)
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, command, results, missing })}\n`)
  return missing.length === 0 ? 0 : 1
}

/** A whole number from 1 up; null when it was not given, NaN when it is none. */
function countOf(text: string | undefined): number | null {
  if (text === undefined) return null
  const count = Number(text)
  return Number.isInteger(count) && count > 0 ? count : Number.NaN
}

function optionsOf(values: Readonly<Partial<Record<(typeof numbers)[number], string>>>): string[] {
  return numbers.flatMap(name => (values[name] === undefined ? [] : [`--${name}`, values[name]]))
}

function sheet({ name, rounds, medians, spread, bars, notes }: BenchResult): string[] {
  const rows = Object.entries(medians).map(([figure, value]) => {
    const [low, high] = spread[figure]!
    const bar = bars[figure]
    const held = bar === undefined ? '' : `${barText(bar)}: ${bar.isReached ? 'reached' : 'NOT REACHED'}`
    return [`  ${figure}`, number(value), `${number(low)} to ${number(high)}`, held]
  })
  return [
    '',
    `${name}: medians of ${rounds}, with the lowest and highest`,
    ...table(rows),
    ...notes.map(note => `  ${note}`)
  ]
}

function barText({ atLeast, atMost }: Bar): string {
  if (atLeast === atMost) return `bar exactly ${atLeast}`
  return atLeast === undefined ? `bar <= ${atMost}` : `bar >= ${atLeast}`
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3)
}

main().then(
  code => {
    process.exitCode = code
  },
  (error: unknown) => {
    process.stderr.write(`bench: ${messageOf(error)}\n`)
    process.exitCode = 1
  }
)
