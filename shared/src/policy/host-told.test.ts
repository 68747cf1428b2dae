import { expect, it } from 'vitest'
import { unknownHost, type HostFacts } from './host-facts.ts'
import { hostFactsOf, hostTold } from './host-told.ts'

/** Nothing in it as it is in a machine of which nothing is known. */
const machine: HostFacts = {
  ramBytes: 8e9,
  diskBytes: 256e9,
  diskFreeBytes: 100e9,
  onBattery: true,
  batteryPercent: 35,
  metered: true,
  vpn: true,
  adapters: ['Acme Tunnel', 'Ethernet 3'],
  wifi: true,
  subnets: ['10.1.2.3/24', 'fd00::1/64'],
  adSite: 'berlin',
  dnsSuffix: 'berlin.corp.example',
  domainSid: 'S-1-5-21-1-2-3',
  tenantId: 'tenant',
  dhcp: { groupId: '11111111-2222-3333-4444-555555555555', cacheHosts: 'gw.example,10.0.0.1' }
}

it('everything that a policy may depend on is read back as it was told', () => {
  for (const [name, value] of Object.entries(machine))
    expect(value, name).not.toEqual(unknownHost[name as keyof HostFacts])
  expect(hostFactsOf(hostTold(machine))).toEqual(machine)
  expect(hostFactsOf(hostTold(unknownHost))).toEqual(unknownHost)
})

it('what is not told, or is no such thing, is not known', () => {
  expect(hostFactsOf({})).toEqual(unknownHost)
  expect(hostFactsOf({ onBattery: 'yes', adapters: 7, platform: 'win32' })).toEqual(unknownHost)
})

it('a list that is too long is told as far as there is room, with whole items', () => {
  const subnets = Array.from({ length: 60 }, (_, number) => `10.1.${number}.200/24`)
  const told = hostTold({ ...machine, subnets, adapters: ['Intel(R) Ethernet, 10 GbE'] })
  expect(String(told['subnets']).length).toBeLessThanOrEqual(256)
  const { subnets: read, adapters } = hostFactsOf(told)
  expect(read.length).toBeGreaterThan(10)
  expect(subnets).toEqual(expect.arrayContaining([...read]))
  expect(adapters).toEqual(['Intel(R) Ethernet  10 GbE'])
})
