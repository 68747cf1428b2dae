/** `npm run sim -- --scenario patch-tuesday --seed 7 ...`: one run in virtual time, and its report. */
import { writeFileSync } from 'node:fs'
import { messageOf } from '@starling/shared/errors.ts'
import type { Violation } from './checkers/index.ts'
import { watch, type Sample } from './meter.ts'
import { optionsText, readCommand, usage, type Command } from './options.ts'
import { pageOf } from './page.ts'
import { replay } from './replay.ts'
import { reportOf, reportText } from './report.ts'
import { drawnText, runScenario } from './run.ts'
import { soak } from './soak.ts'
import { logOf } from './story.ts'

function main(args: readonly string[]): number {
  const command = readCommand(args)
  if (command.help) {
    process.stdout.write(usage)
    return 0
  }
  const out = command.json ? process.stderr : process.stdout
  const say = (text: string): void => { out.write(`${text}\n`) }
  if (command.replay !== null) return replay(command.replay, command.policies, say)
  if (command.soak) return soak(command.options.seed, say)
  return once(command, say)
}

function once(command: Command, say: (text: string) => void): number {
  const { scenario, options, log, html } = command
  let samples: Sample[] = []
  say(`${scenario.name}: ${scenario.says}`)
  say(optionsText(options))
  const startedAt = performance.now()
  const { outcome, violations } = runScenario(scenario, options, {
    untilMs: command.untilMs,
    prepare: play => {
      if (log !== null) logOf(play.world, log, say)
      if (html !== null) samples = watch(play)
    }
  })
  for (const sentence of drawnText(outcome)) say(`  drawn: ${sentence}`)
  const report = reportOf(outcome.play, violations.map(({ checker }) => checker))
  say(reportText(report))
  say(`  ${'simulated in'.padEnd(22)}${((performance.now() - startedAt) / 1000).toFixed(1)} s, ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`)
  tell(violations, say)
  if (html !== null) {
    writeFileSync(html, pageOf(outcome.play, report, samples))
    say(`  ${'plots'.padEnd(22)}${html}`)
  }
  if (command.json) process.stdout.write(`${JSON.stringify(report)}\n`)
  return violations.length === 0 ? 0 : 1
}

function tell(violations: readonly Violation[], say: (text: string) => void): void {
  for (const { checker, sentences } of violations) {
    say(`  BROKEN ${checker}: ${sentences.slice(0, 3).join('; ')}${sentences.length > 3 ? `; and ${sentences.length - 3} more` : ''}`)
  }
}

try {
  process.exitCode = main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 2
}
