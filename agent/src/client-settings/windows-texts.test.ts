/** What Windows keeps about proxies and policies, read and written. */
import { describe, expect, it } from 'vitest'
import { groupPolicyFrom } from './group-policy.ts'
import { registry } from './places.ts'
import { httpProxyOf, withBypass, withHttpProxy } from './proxy-lists.ts'
import { connectionFrom, winHttpFrom, winHttpRecord, withScript } from './proxy-records.ts'
import { number, storedFrom, text } from './stored.ts'

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(' ', ''), 'hex')
const wide = (words: string): Buffer => Buffer.from(words, 'utf16le')

describe('lists of proxies', () => {
  it.each([
    ['', null, 'http=127.0.0.1:1'],
    ['proxy:80', 'proxy:80', 'http=127.0.0.1:1;https=proxy:80'],
    ['http://proxy:80/', 'proxy:80', 'http=127.0.0.1:1;https=proxy:80'],
    ['http=a:1;https=b:2', 'a:1', 'http=127.0.0.1:1;https=b:2'],
    ['https=b:2', null, 'http=127.0.0.1:1;https=b:2'],
    ['all:3 HTTPS=b:2', 'all:3', 'http=127.0.0.1:1;https=b:2'],
    ['http=127.0.0.1:9', '127.0.0.1:9', 'http=127.0.0.1:1']
  ])('%j: only http goes through ours', (before, http, after) => {
    expect([httpProxyOf(before), withHttpProxy(before, '127.0.0.1:1')]).toEqual([http, after])
    expect(withHttpProxy(after, '127.0.0.1:1')).toBe(after)
  })

  it('hosts past the proxy are added once', () => {
    expect(withBypass('*.Corp.example; <LOCAL>', ['<local>', '*.corp.example', 'x'])).toBe(
      '*.Corp.example;<LOCAL>;x'
    )
  })
})

describe('records', () => {
  it('of WinHTTP are read, and what says more is not taken for one', () => {
    const named = hex('28000000 00000000 03000000 08000000 70726f78 793a3830 07000000 3c6c6f63616c3e')
    expect(winHttpFrom(named)).toEqual({ proxy: 'proxy:80', bypass: '<local>' })
    expect(winHttpFrom(hex('18000000 00000000 01000000 00000000 00000000'))).toEqual({
      proxy: '',
      bypass: ''
    })
    expect(winHttpFrom(winHttpRecord({ proxy: 'a:1', bypass: 'b' }))).toEqual({ proxy: 'a:1', bypass: 'b' })
    // Automatic configuration; a length beyond the end; nothing.
    expect(winHttpFrom(hex('28000000 00000000 05000000 00000000 00000000 01000000 78'))).toBeNull()
    expect(winHttpFrom(hex('28000000 00000000 03000000 ff000000 70726f78'))).toBeNull()
    expect(winHttpFrom(Buffer.alloc(0))).toBeNull()
  })

  it('of a connection get a script, and keep all else', () => {
    const end = '00000000 00000000 00000000 00000000 00000000 00000000 00000000 0000007f'
    const before = hex(`46000000 09000000 0b000000 03000000 613a31 01000000 62 00000000 ${end}`)
    expect(connectionFrom(before)).toEqual({ proxy: 'a:1', bypass: 'b', script: '', isDetecting: true })
    const after = withScript(before, 'http://x/')
    expect(after.toString('hex')).toBe(
      hex(
        `46000000 0a000000 0f000000 03000000 613a31 01000000 62 09000000 687474703a2f2f782f ${end}`
      ).toString('hex')
    )
    expect(connectionFrom(withScript(null, 'http://x/'))).toEqual({
      proxy: '',
      bypass: '',
      script: 'http://x/',
      isDetecting: false
    })
  })
})

describe("a policy's file", () => {
  const entry = (key: string, name: string, type: number, data: Buffer): Buffer => {
    const words = Buffer.alloc(10)
    words.writeUInt32LE(type)
    words.write(';', 4, 'utf16le')
    words.writeUInt32LE(data.length, 6)
    return Buffer.concat([wide(`[${key}\0;${name}\0;`), words, wide(';'), data, wide(']')])
  }
  const file = Buffer.concat([
    Buffer.from('PReg\u0001\0\0\0', 'latin1'),
    entry('Software\\Policies\\A', 'Host', 1, wide('gw;[1]\0')),
    entry('Software\\Policies\\A', 'Source', 4, Buffer.from([2, 0, 0, 0])),
    entry('Software\\Policies\\A', '**del.Gone', 1, wide(' \0')),
    entry('Software\\Policies\\B', '**delvals.', 1, wide(' \0'))
  ])

  it('says what it sets and what it takes away, whatever the capitals', () => {
    const policy = groupPolicyFrom(file, 'HKLM')
    const at = (key: string, name: string) => policy.at(registry(`HKLM\\SOFTWARE\\Policies\\${key}`, name))
    expect([at('a', 'HOST'), at('A', 'Source'), at('A', 'Gone'), at('A', 'Other'), at('B', 'Any')]).toEqual([
      text('gw;[1]'),
      number(2),
      null,
      undefined,
      null
    ])
    expect(policy.at(registry('HKCU\\SOFTWARE\\Policies\\A', 'Host'))).toBeUndefined()
    expect(policy.at({ kind: 'go', name: 'GOPROXY' })).toBeUndefined()
  })

  it('that is torn or none says what can be read, and never fails', () => {
    for (let length = 0; length < file.length; length++)
      expect(groupPolicyFrom(file.subarray(0, length), 'HKLM').at(registry('HKLM\\x', 'y'))).toBeUndefined()
    const strange = groupPolicyFrom(Buffer.from('MZ nothing of the kind'), 'HKLM')
    expect(strange.at(registry('HKLM\\Software\\Policies\\A', 'Host'))).toBeUndefined()
  })
})

it('only what can be put back to the bit is read', () => {
  expect(storedFrom('REG_DWORD', '0xFF')).toEqual({ type: 'REG_DWORD', data: '0xff' })
  expect(storedFrom('REG_BINARY', 'AB01')).toEqual({ type: 'REG_BINARY', data: 'ab01' })
  expect([
    storedFrom('REG_MULTI_SZ', 'a\\0b'),
    storedFrom('REG_SZ', 'm\ufffdnchen'),
    storedFrom('REG_BINARY', 'abc'),
    storedFrom('REG_DWORD', '12')
  ]).toEqual([null, null, null, null])
})
