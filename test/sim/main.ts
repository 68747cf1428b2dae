/** `npm run sim -- --scenario patch-tuesday --seed 7 ...`: one run in virtual time, and its report. */
import { messageOf } from '@starling/shared/errors.ts'
import { optionsText, readCommand, usage } from './options.ts'
import { perform, stage } from './play.ts'
import { reportOf, reportText } from './report.ts'

function main(args: readonly string[]): number {
  const command = readCommand(args)
  if (command.help) {
    process.stdout.write(usage)
    return 0
  }
  const out = command.json ? process.stderr : process.stdout
  const say = (text: string): void => { out.write(`${text}\n`) }
  say(`${command.scenario.name}: ${command.scenario.says}`)
  say(optionsText(command.options))
  const startedAt = performance.now()
  const play = stage(command.scenario, command.options)
  const done = perform(play, command.untilMs)
  const report = reportOf(play, done ? [] : ['everyone-finishes'])
  say(reportText(report))
  say(`  ${'simulated in'.padEnd(22)}${((performance.now() - startedAt) / 1000).toFixed(1)} s, ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`)
  if (command.json) process.stdout.write(`${JSON.stringify(report)}\n`)
  return report.violations.length === 0 ? 0 : 1
}

try {
  process.exitCode = main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 2
}
