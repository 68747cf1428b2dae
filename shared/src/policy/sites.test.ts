import { describe, expect, it } from 'vitest'
import { effectivePolicy } from './effective.ts'
import { nothingMeasured, unknownHost } from './host-facts.ts'
import { contains, networkFrom } from './networks.ts'
import { policyDefaults } from './policy.ts'
import { siteOf } from './sites.ts'

const nowhere = { subnets: [], adSite: null, dnsSuffix: null }
const definitions = [
  { id: 'north', networks: ['10.1.0.0/16', 'fd00:1::/32'] },
  { id: 'south', networks: ['10.0.0.0/8'], adSites: ['Munich'] },
  { id: 'home', dnsSuffixes: ['vpn.corp.example'] }
]

describe('a site', () => {
  it.each([
    [{ subnets: ['192.168.1.2/24', '10.1.2.3/24'] }, 'north'],
    [{ subnets: ['fd00:1::7/64'] }, 'north'],
    [{ subnets: ['10.2.0.1/16'] }, 'south'],
    [{ adSite: 'MUNICH' }, 'south'],
    [{ dnsSuffix: 'Eu.VPN.corp.example.' }, 'home'],
    [{ dnsSuffix: 'vpn.corp.example' }, 'home'],
    [{ dnsSuffix: 'myvpn.corp.example' }, undefined],
    [{ subnets: ['172.16.0.1/12'] }, undefined],
    [{}, undefined]
  ])('of a machine with %j is %s', (host, id) => {
    expect(siteOf(definitions, { ...nowhere, ...host })?.id).toBe(id)
  })

  it('that was named for the agent counts before all definitions', () => {
    const siteWith = (site: string) =>
      effectivePolicy({
        policy: { ...policyDefaults, siteDefinitions: definitions, site },
        host: { ...unknownHost, subnets: ['10.1.0.1/24'] },
        time: null,
        measured: nothingMeasured
      }).site
    expect(siteWith('lab')).toEqual({ id: 'lab', why: 'named for this agent', found: false })
    expect(siteWith('default')).toMatchObject({
      id: 'north',
      why: 'an address of this machine is in 10.1.0.0/16'
    })
  })
})

describe('a network', () => {
  it.each([
    ['10.1.0.0/16', '10.1.255.255', true],
    ['10.1.0.0/16', '10.2.0.0', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.4', false],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', 'fe80::1%eth0', true],
    ['fd00::/8', 'fdff:ffff::', true],
    ['fd00::/8', 'fe00::', false],
    ['2001:db8::/127', '2001:db8:0:0:0:0:0:1', true],
    ['::ffff:10.0.0.0/104', '::ffff:10.9.9.9', true]
  ])('%s has %s in it: %s', (network, address, isIn) => {
    expect(contains(networkFrom(network)!, networkFrom(address)!)).toBe(isIn)
  })

  it.each([
    '',
    '10.1.0.0/33',
    '10.1.0',
    '10.1.0.256',
    '010.1.0.0',
    '10.1.0.0/',
    '10.1.0.0/16/2',
    'fd00::/129',
    'fd00:::1',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8:9',
    '1:2:3:4:5:6:7::8',
    '1::2::3',
    'fd00::12345',
    'north'
  ])('%j is none', text => {
    expect(networkFrom(text)).toBeNull()
  })
})
