import { MiB } from '@starling/shared/units.ts'
import { usual, type Scenario } from './scenario.ts'

export const hundredSites: Scenario = {
  ...usual,
  name: 'hundred-sites',
  says: 'a hundred small sites, and one gateway in the data centre for all of them',
  defaults: { agents: 1000, sites: 100, gateway: 'remote', size: 64 * MiB }
}
