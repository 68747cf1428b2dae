import { megabit, usual, type Scenario } from './scenario.ts'

/**
 * What a station sends to a station goes through the air twice, once to the access point and once from it, and all
 * stations share that air. Chunks take turns on it, which is close to fair sharing as long as each asks for few.
 */
export const wifiFloor: Scenario = {
  ...usual,
  name: 'wifi-floor',
  says: 'a floor of laptops on one access point: 600 Mbit/s of air for all together',
  defaults: { agents: 15, sites: 1 },
  lan: { rate: 600 * megabit, shared: true, latencyMs: 2 },
  slowestHashRate: 60_000_000
}
