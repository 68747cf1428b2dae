import { minuteMs } from '@starling/shared/units.ts'
import { usual, type Scenario } from './scenario.ts'

export const officeMorning: Scenario = {
  ...usual,
  name: 'office-morning',
  says: 'people come in over half an hour, and each machine asks when it is switched on; machines differ',
  defaults: { agents: 60, sites: 1 },
  arriveOverMs: 30 * minuteMs,
  slowestHashRate: 20_000_000
}
