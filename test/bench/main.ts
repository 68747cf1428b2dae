/**
 * `npm run bench [-- name...] [--rounds N] [--json]`: prints the medians of several rounds, what they were
 * measured on, and the command line that measures them again.
 */
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { messageOf } from '@starling/shared/errors.ts'
import { GiB } from '@starling/shared/units.ts'
import { table } from '../demo/words.ts'
import { measure, type Bench, type BenchResult } from './bench.ts'
import { bulk } from './bulk.ts'
import { idle } from './idle.ts'
import { swarm3, swarm3Secret } from './swarm.ts'

const benches: readonly Bench[] = [swarm3, swarm3Secret, bulk, idle]

const help = `npm run bench -- [name...] [options]

${benches.map(({ name, says, rounds }) => `  ${name.padEnd(15)}${says} (${rounds} rounds)`).join('\n')}

  (no name)     all of them
  --rounds N    other than its usual number of rounds
  --json        the last line of stdout is one JSON object
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const unknown = positionals.filter(name => !benches.some(bench => bench.name === name))
  const rounds = values.rounds === undefined ? null : Number(values.rounds)
  if (unknown.length > 0 || (rounds !== null && !(Number.isInteger(rounds) && rounds > 0))) {
    const what =
      unknown.length > 0 ? `there is no bench ${unknown.join(', ')}` : '--rounds takes a number from 1 up'
    process.stderr.write(`${what}\n\n${help}`)
    return 2
  }
  const chosen = benches.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  const say = (text: string): void => void process.stderr.write(`${text}\n`)

  const results: BenchResult[] = []
  for (const bench of chosen) results.push(await measure(bench, rounds ?? bench.rounds, say))

  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'CPU'}, ${(totalmem() / GiB).toFixed(0)} GiB, ${process.platform}, Node ${process.versions.node}`
  const command = `npm run bench -- ${[...chosen.map(({ name }) => name), ...(rounds === null ? [] : ['--rounds', rounds])].join(' ')}`
  const out = values.json ? process.stderr : process.stdout
  for (const result of results) out.write(`${sheet(result).join('\n')}\n`)
  out.write(`\n${machine}\n${command}\n`)
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, command, results })}\n`)
  return 0
}

function sheet({ name, rounds, medians, spread }: BenchResult): string[] {
  const rows = Object.entries(medians).map(([figure, value]) => {
    const [low, high] = spread[figure]!
    return [`  ${figure}`, number(value), `${number(low)} to ${number(high)}`]
  })
  return ['', `${name}: medians of ${rounds}, with the lowest and highest`, ...table(rows)]
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
