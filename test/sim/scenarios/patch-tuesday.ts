import { usual, type Scenario } from './scenario.ts'

export const patchTuesday: Scenario = {
  ...usual,
  name: 'patch-tuesday',
  says: 'everybody wants the same update at the same moment',
  defaults: { agents: 100, sites: 1 }
}
