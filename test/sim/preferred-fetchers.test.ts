/** Which members of a site go over the WAN: those on a cable and on mains, as long as they have hands free. */
import { effectivePolicy } from '@starling/shared/policy/effective.ts'
import { nothingMeasured, unknownHost, type HostFacts } from '@starling/shared/policy/host-facts.ts'
import { policyDefaults } from '@starling/shared/policy/policy.ts'
import type { Bytes } from '@starling/shared/units.ts'
import { expect, test } from 'vitest'
import { makeCrowd, runCrowd, type Crowd } from './crowd.ts'

const wired: Partial<HostFacts> = {}
const onWifi: Partial<HostFacts> = { wifi: true }
const onBattery: Partial<HostFacts> = { onBattery: true, batteryPercent: 90 }

const willingness = (host: Partial<HostFacts>): number =>
  effectivePolicy({
    policy: policyDefaults,
    host: { ...unknownHost, ...host },
    time: null,
    measured: nothingMeasured
  }).core.upstreamWeight

function crowdOf(seed: number, hosts: ReadonlyArray<Partial<HostFacts>>): Crowd {
  return makeCrowd({
    seed,
    agents: hosts.length,
    policyOf: index => ({ upstreamWeight: willingness(hosts[index]!) })
  })
}

/** What each brought over the WAN, in the order of the hosts. */
function fetched(crowd: Crowd): Bytes[] {
  const { failures, allDone, wanAmplification } = runCrowd(crowd)
  expect(failures).toEqual([])
  expect(allDone).toBe(true)
  expect(wanAmplification).toBeLessThanOrEqual(1.05)
  return crowd.agents.map(({ fromUpstream }) => fromUpstream)
}

const sum = (bytes: readonly Bytes[]): Bytes => bytes.reduce((all, one) => all + one, 0)

test.each([1, 2, 3, 4])('seed %i: three wired machines fetch, six others get it from them', seed => {
  const others = [onWifi, onWifi, onWifi, onBattery, onBattery, onBattery]
  const bytes = fetched(crowdOf(seed, [...others.slice(0, 3), wired, wired, wired, ...others.slice(3)]))
  expect(sum(bytes.slice(3, 6)) / sum(bytes)).toBeGreaterThanOrEqual(0.9)
})

test('Wi-Fi on mains goes before a battery', () => {
  const bytes = fetched(crowdOf(5, [onBattery, onWifi, onWifi, onWifi, onBattery]))
  expect(sum(bytes.slice(1, 4)) / sum(bytes)).toBeGreaterThanOrEqual(0.9)
})

test('a site of laptops alone fetches as ever', () => {
  const bytes = fetched(crowdOf(6, [onBattery, onBattery, onBattery, onBattery, onBattery, onBattery]))
  expect(bytes.filter(one => one > 0).length).toBeGreaterThanOrEqual(3)
})
