/** `npm run lab -- [options]`: real agents on a LAN of network namespaces, behind a shaped line. --help tells the rest. */
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import { backgroundLines, besideForeground } from './background.ts'
import { compare, comparisonLines, type Comparison } from './compare.ts'
import { figuresOf, type LabFigures } from './figures.ts'
import { whyNoNamespaces } from './namespaces.ts'
import { help, parseOrder, type Order, type Plan } from './options.ts'
import { runPlan } from './run.ts'
import { linesOf } from './sheet.ts'
import { cleanUp, raise } from './stage.ts'
import { demandLibtorrent, rateOverLibtorrent, warmLines, warmStarling, warmTorrent } from './warm.ts'

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
  const removed = cleanUp(order.plan.dataFolder)
  if (removed.length > 0) say(`removed what dead labs had left: ${removed.join(', ')}`)
  if (order.mode === 'clean') {
    if (removed.length === 0) say('there is nothing to remove')
    return 0
  }
  // Ends in `exit`, which ends the programs and removes namespaces and folders.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))
  const modes = { run: plain, warm, background, 'compare-sim': compareWithSim }
  return await modes[order.mode](order)
}

async function plain({ plan, json }: Order): Promise<number> {
  const { lines, figures } = await once(plan)
  tell(lines, figures, json)
  return figures.violations.length === 0 ? 0 : 1
}

async function compareWithSim({ plan, crowds, json }: Order): Promise<number> {
  const all: Comparison[] = []
  for (const agents of crowds) {
    const mine = { ...plan, agents }
    const { lines, figures } = await once(mine)
    process.stderr.write(`${lines.join('\n')}\n`)
    all.push(compare(mine, figures))
  }
  const withinTenPercent = all.every(one => one.withinTenPercent)
  tell(comparisonLines(all), { withinTenPercent, comparisons: all }, json)
  return all.every(({ lab }) => lab.violations.length === 0) ? 0 : 1
}

async function background({ plan, json }: Order): Promise<number> {
  const stage = await raise(plan, say)
  try {
    const figures = await besideForeground(stage, plan, say)
    tell(backgroundLines(figures), figures, json)
    return figures.violations.length === 0 ? 0 : 1
  } finally {
    await stage.close()
  }
}

async function warm({ plan, json }: Order): Promise<number> {
  demandLibtorrent()
  const results = [
    await warmStarling(plan, say),
    await warmTorrent('tuned', plan, say),
    await warmTorrent('defaults', plan, say)
  ]
  tell(
    warmLines(plan, results),
    { agents: plan.agents, size: plan.sizeBytes, rateOverLibtorrent: rateOverLibtorrent(results), results },
    json
  )
  return results.every(({ violations }) => violations.length === 0) ? 0 : 1
}

function tell(lines: readonly string[], figures: object, json: boolean): void {
  const out = json ? process.stderr : process.stdout
  out.write(`${lines.join('\n')}\n`)
  if (json) process.stdout.write(`${JSON.stringify(figures)}\n`)
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
