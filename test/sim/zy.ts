import { faultKinds, natureKinds } from './faults.ts'
import { Prng } from '@starling/shared/prng.ts'
import { optionsFor } from './play.ts'
import { runScenario } from './run.ts'
import { patchTuesday } from './scenarios/patch-tuesday.ts'
for (const [name, kind] of [...Object.entries(faultKinds), ...Object.entries(natureKinds).map(([n, k]) => [n, null, k] as const)] as any[]) for (const seed of [1, 2, 3, 4]) {
  const k2 = natureKinds[name as keyof typeof natureKinds]
  const o = optionsFor(patchTuesday, { seed, agents: 8, size: 32 * 2 ** 20, gateway: name === 'gatewayDies' ? 'site' : 'none', coordinator: name === 'coordinatorDies' })
  const p = new Prng(seed)
  const r = runScenario(patchTuesday, o, { faults: kind ? [kind(4000, 6000, seed)] : [], natures: k2 ? [k2(seed, p)] : [], untilMs: undefined })
  const f = r.outcome.play.agents.map(a => a.completedAt.get(r.outcome.play.content.transfer) ?? Infinity)
  console.log(name.padEnd(18), seed, (r.outcome.play.world.wanOf(0).bytes / o.size).toFixed(3), (Math.max(...f.filter(x => x < Infinity)) / 1000).toFixed(1), r.outcome.play.world.failures.length, r.violations.map(v => v.checker + ': ' + v.sentences[0]).join(' | '))
}
