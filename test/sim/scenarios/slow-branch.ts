import { MiB } from '@starling/shared/units.ts'
import { megabit, usual, type Scenario } from './scenario.ts'

export const slowBranch: Scenario = {
  ...usual,
  name: 'slow-branch',
  says: 'a branch office behind 10 Mbit/s',
  defaults: { agents: 20, sites: 1, wan: 10 * megabit, size: 64 * MiB }
}
