/** Golden runs. `npx vitest run test/sim/transcripts.test.ts -u` records them anew; read the diff as a story. */
import { MiB, secondMs } from '@starling/shared/units.ts'
import { expect, test } from 'vitest'
import { faultKinds, natureKinds, type Fault, type Nature } from './faults.ts'
import { optionsFor } from './play.ts'
import { runScenario } from './run.ts'
import { patchTuesday } from './scenarios/patch-tuesday.ts'
import type { Options } from './scenarios/scenario.ts'
import { storyOf } from './story.ts'

interface Tale {
  readonly name: string
  readonly options: Partial<Options>
  readonly faults: readonly Fault[]
  readonly natures: readonly Nature[]
}

const tales: readonly Tale[] = [
  { name: 'three-share-a-file', options: { agents: 3 }, faults: [], natures: [] },
  { name: 'with-a-gateway', options: { agents: 3, gateway: 'site' }, faults: [], natures: [] },
  {
    name: 'one-loses-power',
    options: { agents: 4 },
    faults: [faultKinds.powerLoss(2.9 * secondMs, 0, 2)],
    natures: []
  },
  {
    name: 'the-gateway-dies',
    options: { agents: 3, gateway: 'site' },
    faults: [faultKinds.gatewayDies(3 * secondMs)],
    natures: []
  },
  { name: 'a-liar-among-four', options: { agents: 4 }, faults: [], natures: [natureKinds.corruptLiar(2)] }
]

test.each(tales.map(tale => [tale.name, tale] as const))('%s', async (name, { options, faults, natures }) => {
  let lines: string[] = []
  const { outcome } = runScenario(
    patchTuesday,
    optionsFor(patchTuesday, { seed: 1, size: 12 * MiB, ...options }),
    {
      faults,
      natures,
      prepare: play => {
        lines = storyOf(play.world)
      }
    }
  )
  const told = [...natures, ...faults].map(({ what }) => `# ${what}`)
  const end = `# over the line: ${(outcome.play.world.wanOf(0).bytes / MiB).toFixed(1)} MiB of ${outcome.play.content.length / MiB}`
  await expect([...told, ...lines, end, ''].join('\n')).toMatchFileSnapshot(`transcripts/${name}.txt`)
})
