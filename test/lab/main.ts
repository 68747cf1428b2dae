/** `npm run lab -- [options]`: real agents on a LAN of network namespaces, behind a shaped line. --help tells the rest. */
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { figuresOf, linesOf, type LabFigures } from './figures.ts'
import { whyNoNamespaces } from './namespaces.ts'
import { help, parseOrder, type Order, type Plan } from './options.ts'
import { runPlan } from './run.ts'
import { cleanUp, raise } from './stage.ts'

const say = (text: string): void => void process.stderr.write(`lab: ${text}\n`)

async function main(): Promise<number> {
  const order = parseOrder(process.argv.slice(2))
  if (order.mode === 'help') {
    process.stdout.write(help)
    return 0
  }
  const whyNot = whyNoNamespaces()
  if (whyNot !== null) {
    throw new StarlingError(
      'no-lab',
      `${whyNot}. The lab wants root and Debian's iproute2, for example: sudo env PATH="$PATH" npm run lab -- ${process.argv.slice(2).join(' ')}`
    )
  }
  const removed = cleanUp()
  if (removed.length > 0) say(`removed what dead labs had left: ${removed.join(', ')}`)
  if (order.mode === 'clean') {
    if (removed.length === 0) say('there is nothing to remove')
    return 0
  }
  // Ends in `exit`, which ends the programs and removes namespaces and folders.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))
  return order.mode === 'run' ? await plain(order) : 2
}

async function plain({ plan, json }: Order): Promise<number> {
  const { lines, figures } = await once(plan)
  const out = json ? process.stderr : process.stdout
  out.write(`${lines.join('\n')}\n`)
  if (json) process.stdout.write(`${JSON.stringify(figures)}\n`)
  return figures.violations.length === 0 ? 0 : 1
}

async function once(plan: Plan): Promise<{ lines: string[]; figures: LabFigures }> {
  const stage = await raise(plan, say)
  try {
    const run = await runPlan(stage, plan, say)
    const figures = figuresOf(run)
    return { lines: linesOf(run, figures), figures }
  } finally {
    await stage.close()
  }
}

main().then(
  code => {
    process.exitCode = code
  },
  (error: unknown) => {
    process.stderr.write(`lab: ${messageOf(error)}\n`)
    process.exitCode = error instanceof StarlingError && error.code === 'bad-option' ? 2 : 1
  }
)
