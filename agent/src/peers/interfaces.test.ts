import type { NetworkInterfaceInfo } from 'node:os'
import { expect, test } from 'vitest'
import { usableLinks } from './interfaces.ts'

const info = (address: string, cidr: string, internal = false): NetworkInterfaceInfo => ({
  address,
  cidr,
  internal,
  mac: '',
  netmask: '',
  ...(address.includes(':') ? { family: 'IPv6', scopeid: 0 } : { family: 'IPv4' })
})
const machine = {
  lo: [info('127.0.0.1', '127.0.0.1/8', true), info('::1', '::1/128', true)],
  Ethernet: [info('10.0.0.5', '10.0.0.5/24'), info('fe80::5', 'fe80::5/64'), info('fd00::5', 'fd00::5/64')],
  'vpn 1': [info('10.9.0.5', '10.9.0.5/16')]
}
const told = (listenHost: string, only: string[] | null = null): Record<string, readonly string[]> =>
  Object.fromEntries(usableLinks(machine, listenHost, only).map(({ ip, addresses }) => [ip, addresses]))

test('listening everywhere, each LAN is told its own address, and loopback is not spoken on', () => {
  expect(told('0.0.0.0')).toEqual({ '10.0.0.5': ['10.0.0.5'], '10.9.0.5': ['10.9.0.5'] })
})

test('listening on IPv6, the link is told the address that means something beyond it', () => {
  expect(told('::')).toEqual({ '10.0.0.5': ['fd00::5'] })
})

test('listening on loopback, only this machine is told', () => {
  expect(told('127.0.0.1')).toEqual({ '127.0.0.1': ['127.0.0.1'] })
})

test('listening on one address, only its LAN is told', () => {
  expect(told('10.9.0.5')).toEqual({ '10.9.0.5': ['10.9.0.5'] })
})

test('interfaces can be chosen by name or address', () => {
  expect(Object.keys(told('0.0.0.0', ['Ethernet']))).toEqual(['10.0.0.5'])
  expect(Object.keys(told('0.0.0.0', ['10.9.0.5']))).toEqual(['10.9.0.5'])
})

test('a link knows who is on it', () => {
  const [ethernet] = usableLinks(machine, '0.0.0.0', ['Ethernet'])
  expect(['10.0.0.77', 'fd00::77'].every(ip => ethernet!.isOnLink(ip))).toBe(true)
  expect(
    ['10.0.1.77', '127.0.0.1', '8.8.8.8', 'fd01::1', 'depot.example', ''].some(ip => ethernet!.isOnLink(ip))
  ).toBe(false)
})
