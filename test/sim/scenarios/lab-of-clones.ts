import { usual, type Scenario } from './scenario.ts'

export const labOfClones: Scenario = {
  ...usual,
  name: 'lab-of-clones',
  says: 'a computer room of machines from one image: they start in the same millisecond and draw the same dice',
  defaults: { agents: 30, sites: 1 },
  clones: true
}
