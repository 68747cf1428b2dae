/** A gateway in the data centre is an upstream: each site draws each extent from it about once, and can do without it. */
import { MiB, secondMs } from '@starling/shared/units.ts'
import { expect, test } from 'vitest'
import { faultKinds, type Fault } from './faults.ts'
import { optionsFor } from './play.ts'
import { reportOf, tallyOf, type Report } from './report.ts'
import { runScenario } from './run.ts'
import { hundredSites } from './scenarios/hundred-sites.ts'
import { patchTuesday } from './scenarios/patch-tuesday.ts'
import { megabit, type Options, type Scenario } from './scenarios/scenario.ts'

function run(scenario: Scenario, told: Partial<Options>, faults: readonly Fault[] = []): Report {
  const options = optionsFor(scenario, { size: 32 * MiB, seed: 7, gateway: 'remote', ...told })
  const { outcome, violations } = runScenario(scenario, options, { faults })
  const broken = violations.map(({ checker }) => checker)
  return reportOf(options, outcome.play.lowerBoundMs, [tallyOf(outcome.play)], broken)
}

test.each([
  ['hundred-sites', hundredSites, { agents: 40, sites: 8 }],
  ['one site', patchTuesday, { agents: 20 }],
  ['one site behind 5 Mbit/s', patchTuesday, { agents: 20, wan: 5 * megabit }],
  ['a site of 50', patchTuesday, { agents: 50 }]
] as const)('%s: one copy over each line, and one uploaded for it', (_name, scenario, told) => {
  const report = run(scenario, told)
  expect(report.violations).toEqual([])
  expect(report.wanAmplificationWorst).toBeLessThanOrEqual(1.02)
  expect(report.gatewayUploadCopies).toBeLessThanOrEqual(1.02)
})

test('a gateway that has it all is silent, and is drawn from by those who come later', () => {
  const lateSite = { ...patchTuesday, arriveOverMs: 60 * secondMs }
  const report = run(lateSite, { agents: 12, sites: 4 })
  expect(report.wanAmplificationWorst).toBeLessThanOrEqual(1.02)
  expect(report.fromUpstreamMiB).toBeLessThanOrEqual(32 * 1.02)
})

test('when it dies, the site goes to the origin, and nobody waits long', () => {
  const report = run(patchTuesday, { agents: 12 }, [faultKinds.gatewayDies(4 * secondMs)])
  expect(report.violations).toEqual([])
  // What was in flight, up to six chunks, comes again.
  expect(report.wanAmplificationWorst).toBeLessThanOrEqual(1.25)
  expect(report.slowestOverLowerBound).toBeLessThanOrEqual(1.8)
})
