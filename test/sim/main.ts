/** `npm run sim -- --scenario patch-tuesday --seed 7 ...`: one run in virtual time, and its report. */
import { writeFileSync } from 'node:fs'
import { messageOf } from '@starling/shared/errors.ts'
import type { Violation } from './checkers/index.ts'
import { watch, type Sample } from './meter.ts'
import { optionsText, readCommand, usage, type Command } from './options.ts'
import { pageOf } from './page.ts'
import { lowerBound } from './play.ts'
import { replay } from './replay.ts'
import { reportOf, reportText, tallyOf, type Tally } from './report.ts'
import { againText, drawnText, runScenario } from './run.ts'
import { canSplit, runSites, samplesOf } from './sites.ts'
import { soak } from './soak.ts'
import { logOf } from './story.ts'

/** What is left of a run, however it was made. */
interface Result {
  readonly tallies: readonly Tally[]
  readonly violations: readonly Violation[]
  readonly samples: readonly Sample[]
}

async function main(args: readonly string[]): Promise<number> {
  const command = readCommand(args)
  if (command.help) {
    process.stdout.write(usage)
    return 0
  }
  const out = command.json ? process.stderr : process.stdout
  const say = (text: string): void => {
    out.write(`${text}\n`)
  }
  if (command.replay !== null) {
    const replayed = replay(command.replay, command.policies, say)
    if (command.json) process.stdout.write(`${JSON.stringify(replayed)}\n`)
    return 0
  }
  if (command.soak) return soak(command.options.seed, command.runs, say)
  const { scenario, options, html } = command
  say(`${scenario.name}: ${scenario.says}`)
  say(optionsText(options))
  const startedAt = performance.now()
  const { tallies, violations, samples } = await play(command, say)
  const report = reportOf(options, lowerBound(scenario, options), tallies, [
    ...new Set(violations.map(({ checker }) => checker))
  ])
  say(reportText(report))
  say(
    `  ${'simulated in'.padEnd(22)}${((performance.now() - startedAt) / 1000).toFixed(1)} s, ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`
  )
  tell(violations, say)
  if (html !== null) {
    writeFileSync(
      html,
      pageOf(
        scenario,
        options,
        report,
        tallies.flatMap(tally => tally.doneAt),
        samples
      )
    )
    say(`  ${'plots'.padEnd(22)}${html}`)
  }
  if (command.json) process.stdout.write(`${JSON.stringify(report)}\n`)
  return violations.length === 0 ? 0 : 1
}

/** One world for each site where that is possible; else, or to look into one agent, one world for all. */
async function play(
  { scenario, options, log, html, untilMs }: Command,
  say: (text: string) => void
): Promise<Result> {
  if (canSplit(options) && log === null && untilMs === undefined) {
    const results = await runSites(options, html !== null)
    return {
      tallies: results.map(({ tally }) => tally),
      violations: results.flatMap(result => result.violations),
      samples: samplesOf(results)
    }
  }
  let samples = (): Sample[] => []
  const { outcome, violations } = runScenario(scenario, options, {
    untilMs,
    prepare: staged => {
      if (log !== null) logOf(staged.world, log, say)
      if (html !== null) samples = watch(staged)
    }
  })
  for (const sentence of drawnText(outcome)) say(`  drawn: ${sentence}`)
  if (violations.length > 0) say(`  ${againText(outcome)}`)
  return { tallies: [tallyOf(outcome.play)], violations, samples: samples() }
}

function tell(violations: readonly Violation[], say: (text: string) => void): void {
  for (const { checker, sentences } of violations) {
    say(
      `  BROKEN ${checker}: ${sentences.slice(0, 3).join('; ')}${sentences.length > 3 ? `; and ${sentences.length - 3} more` : ''}`
    )
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 2
}
