import { usual, type Scenario } from './scenario.ts'

/** The coordinator's own hand-out (coordinator/src/core) joins the subnets: mDNS ends at their borders. */
export const siteOf500: Scenario = {
  ...usual,
  name: 'site-of-500',
  says: '500 machines in four subnets behind one line; only the coordinator knows them all',
  defaults: { agents: 500, sites: 1, coordinator: true },
  subnets: 4
}
