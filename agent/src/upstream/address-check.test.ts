import type { LookupAddress } from 'node:dns'
import { describe, expect, test } from 'vitest'
import { StarlingError } from '@starling/shared/errors.ts'
import { createAddressCheck, resolvedRefusal, upstreamRefusal } from './address-check.ts'

const refuses = (list: readonly string[], host: string, port = 80): boolean => {
  try {
    createAddressCheck(list).checkHost(host, port)
    return false
  } catch (error) {
    expect(error).toMatchObject({ code: 'upstream-refused-address' })
    return true
  }
}

test.each([
  '127.0.0.1',
  '127.1.2.3',
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  'localhost',
  'LOCALHOST.',
  'app.localhost',
  '[::1]',
  '::1',
  '[::]',
  '[fe80::1]',
  '[fc00::1]',
  '[fd12:3456::1]',
  '[ff02::1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:a00:1]',
  '[64:ff9b::10.0.0.1]',
  '[2002:7f00:1::]'
])('%s is private ground', host => {
  expect(refuses([], host)).toBe(true)
})

test.each([
  '8.8.8.8',
  '172.32.0.1',
  '100.128.0.1',
  'example.com',
  '[2606:4700::1111]',
  '[64:ff9b::8.8.8.8]',
  'localhost.com'
])('%s may be asked', host => {
  expect(refuses([], host)).toBe(false)
})

test.each<[string, string, number, boolean]>([
  ['127.0.0.1', '127.0.0.1', 80, false],
  ['127.0.0.1', 'localhost', 80, false],
  ['127.0.0.1:8530', '127.0.0.1', 8530, false],
  ['127.0.0.1:8530', '127.0.0.1', 80, true],
  ['127.0.0.1', '127.0.0.2', 80, true],
  ['10.1.0.0/16', '10.1.2.3', 80, false],
  ['10.1.0.0/16', '10.2.2.3', 80, true],
  ['10.1.0.0/16', '[::ffff:10.1.2.3]', 80, false],
  ['fd00::/8', '[fd12::1]', 80, false],
  ['::1', '[::1]', 80, false],
  ['[::1]:8080', '[::1]', 8080, false],
  ['[::1]:8080', '[::1]', 80, true],
  ['localhost', 'localhost', 80, false],
  ['localhost:81', 'localhost', 80, true]
])('with %s listed, %s:%d is refused: %s', (entry, host, port, expected) => {
  expect(refuses([entry], host, port)).toBe(expected)
})

test.each([
  '10.0.0.0/33',
  'fd00::/129',
  'a b',
  '',
  ':80',
  'host:99999',
  '*',
  'a*b',
  'nonsense/8',
  '[host]:80'
])('%j is no entry', entry => {
  expect(() => createAddressCheck([entry])).toThrow(StarlingError)
})

describe('names', () => {
  const lookup = (list: readonly string[], host: string, port: number): Promise<readonly LookupAddress[]> =>
    new Promise((resolve, reject) => {
      createAddressCheck(list).lookup(port)(host, { all: true }, (error, addresses) => {
        if (error === null) resolve(addresses as readonly LookupAddress[])
        else reject(error)
      })
    })

  test('are resolved and each address is checked: what is handed on is what was checked', async () => {
    await expect(lookup([], 'localhost', 80)).rejects.toMatchObject({ code: 'upstream-refused-address' })
    expect((await lookup(['127.0.0.0/8'], 'localhost', 80)).map(({ address }) => address)).toEqual([
      '127.0.0.1'
    ])
    expect(await lookup(['localhost:80'], 'localhost', 80)).not.toEqual([])
    await expect(lookup(['localhost:80'], 'localhost', 81)).rejects.toMatchObject({
      code: 'upstream-refused-address'
    })
    expect(await lookup(['*.localhost'], 'localhost', 81)).not.toEqual([])
  })
})

test('what is listed can be changed, and a list that cannot be understood changes nothing', () => {
  const check = createAddressCheck([])
  const ask = (): void => check.checkHost('10.0.0.1', 80)
  expect(ask).toThrow(StarlingError)
  check.allow(['10.0.0.0/8'])
  expect(ask).not.toThrow()
  expect(() => check.allow(['10.0.0.0/99'])).toThrow(/10\.0\.0\.0\/99/)
  expect(ask).not.toThrow()
})

test('why an address would be refused can be asked, as it is written and as it is resolved', async () => {
  expect(upstreamRefusal([], '10.0.0.1', 80)).toMatch(/upstream\.allowPrivate/)
  expect(upstreamRefusal([], 'wsus', 80)).toBeNull()
  expect(upstreamRefusal(['10.0.0.1'], '10.0.0.1', 80)).toBeNull()
  expect(await resolvedRefusal([], 'localhost', 80)).toMatch(/localhost:80 is a private address/)
  expect(await resolvedRefusal(['localhost'], 'localhost', 80)).toBeNull()
})
