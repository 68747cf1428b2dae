import { describe, expect, it } from 'vitest'
import { registryFromText } from '../registry.ts'
import type { ProgramResult, ProgramRun } from '../run-program.ts'
import { batteryFrom, noBattery } from './battery.ts'
import { dhcpOptionsFrom, dhcpText } from './dhcp-options.ts'
import { adSiteFrom, dhcpAnswersFrom, dnsSuffixFrom, entraTenantFrom } from './windows-directory.ts'
import { readWindowsMachine } from './windows-machine.ts'
import { networksFrom } from './windows-network.ts'

/** As a Windows 10 had it, with the options 1 to 252 that its router gave and did not give. */
const recordedOptions = Buffer.from(
  '06000000000000000400000000000000' +
    '3317b657' +
    'c0a80101' +
    '35000000000000000100000000000000' +
    '3317b657' +
    '05000000' +
    '01000000000000000000000000000000' +
    '6f98b557' +
    '0c000000000000000b00000000000000' +
    '3317b657' +
    '47494741425954452d504300',
  'hex'
)

describe('DHCP options as Windows keeps them', () => {
  it('are read one after the other, filled up to four bytes, and those without an answer left out', () => {
    const options = dhcpOptionsFrom(recordedOptions)
    expect([...options.keys()]).toEqual([6, 53, 12])
    expect([...options.get(6)!]).toEqual([192, 168, 1, 1])
    expect([...options.get(53)!]).toEqual([5])
    expect(options.get(12)!.length).toBe(11)
  })

  it('that are cut off end where they are cut', () => {
    expect([...dhcpOptionsFrom(recordedOptions.subarray(0, 30)).keys()]).toEqual([6])
    expect(dhcpOptionsFrom(new Uint8Array(7)).size).toBe(0)
  })

  it('are texts only when they are', () => {
    expect(dhcpText(Buffer.from('gw.example\0'))).toBe('gw.example')
    expect(dhcpText(Buffer.from([1, 2, 3]))).toBeNull()
    expect(dhcpText(undefined)).toBeNull()
  })

  it('of the adapter that leads out count first', () => {
    const option = (code: number, text: string) => {
      const head = Buffer.alloc(20)
      head.writeUInt32LE(code, 0)
      head.writeUInt32LE(text.length, 8)
      return Buffer.concat([head, Buffer.from(text), Buffer.alloc((4 - (text.length % 4)) % 4)]).toString(
        'hex'
      )
    }
    const root = 'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters'
    const keys = registryFromText(
      `${root}\\Interfaces\\{aaaa}\n    DhcpInterfaceOptions    REG_BINARY    ${option(234, 'other')}\n` +
        `${root}\\Interfaces\\{bbbb}\n    DhcpInterfaceOptions    REG_BINARY    ${option(234, 'mine')}${option(235, 'gw.example,10.0.0.5')}\n`
    )
    expect(dhcpAnswersFrom(keys, ['{BBBB}', '{AAAA}'])).toEqual({
      groupId: 'mine',
      cacheHosts: 'gw.example,10.0.0.5'
    })
    expect(dhcpAnswersFrom(keys, [])).toEqual({ groupId: null, cacheHosts: null })
  })
})

describe('where a Windows machine belongs', () => {
  const key = (lines: string) => registryFromText(`HKEY_LOCAL_MACHINE\\x\n${lines}`)

  it('is its AD site, and what an admin has set before what was found', () => {
    expect(adSiteFrom(key('    DynamicSiteName    REG_SZ    Berlin'))).toBe('Berlin')
    expect(adSiteFrom(key('    DynamicSiteName    REG_SZ    Berlin\n    SiteName    REG_SZ    Bonn'))).toBe(
      'Bonn'
    )
    expect(adSiteFrom(key('    DynamicSiteName    REG_SZ    '))).toBeNull()
    expect(adSiteFrom([])).toBeNull()
  })

  it('is its DNS suffix', () => {
    expect(dnsSuffixFrom(key('    Domain    REG_SZ    \n    DhcpDomain    REG_SZ    Fritz.Box'))).toBe(
      'fritz.box'
    )
    expect(dnsSuffixFrom(key('    Domain    REG_SZ    Corp.Example\n    DhcpDomain    REG_SZ    x'))).toBe(
      'corp.example'
    )
  })

  it('is its Entra tenant', () => {
    expect(
      entraTenantFrom(
        registryFromText(
          'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\CloudDomainJoin\\JoinInfo\n\n' +
            'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\CloudDomainJoin\\JoinInfo\\0A1B\n' +
            '    TenantId    REG_SZ    1111AAAA-2222-3333-4444-555555555555\n    UserEmail    REG_SZ    a@b'
        )
      )
    ).toBe('1111aaaa-2222-3333-4444-555555555555')
    expect(entraTenantFrom([])).toBeNull()
  })
})

describe("what Windows' networks are", () => {
  const adapter = {
    id: '{A}',
    name: 'WLAN',
    description: 'Intel(R) Wi-Fi 6',
    type: 71,
    dnsSuffix: 'Corp.Example',
    isWayOut: true
  }

  it('is told by kind, way out and suffix', () => {
    expect(networksFrom([adapter], 1).adapters).toEqual([
      {
        id: '{A}',
        name: 'WLAN',
        description: 'Intel(R) Wi-Fi 6',
        kind: 'wifi',
        dnsSuffix: 'corp.example',
        isWayOut: true
      }
    ])
    expect(networksFrom([{ ...adapter, dnsSuffix: '', type: 6 }], 1).adapters[0]).toMatchObject({
      kind: 'wired',
      dnsSuffix: null
    })
  })

  it.each([
    [0x1, false],
    [0x2, true],
    [0x4, true],
    [0x40001, true],
    [0x10001, true],
    [0x80001, false],
    [0, null],
    [null, null]
  ])('costs %s, so it is metered: %s', (cost, isMetered) => {
    expect(networksFrom([adapter], cost).isMetered).toBe(isMetered)
  })

  it('has a VPN of its own when one is connected, which is a PPP adapter; Teredo is none', () => {
    expect(networksFrom([adapter], 1).hasSystemVpn).toBe(false)
    expect(networksFrom([adapter, { ...adapter, type: 23 }], 1).hasSystemVpn).toBe(true)
    expect(networksFrom([{ ...adapter, type: 131, name: 'Teredo' }], 1).hasSystemVpn).toBe(false)
  })
})

describe('the battery as Windows tells it', () => {
  it('is none, on mains, or being used', () => {
    expect(batteryFrom({ line: 1, flags: 128, percent: 255 })).toEqual(noBattery)
    expect(batteryFrom({ line: 1, flags: 8, percent: 80 })).toEqual({
      isPresent: true,
      onBattery: false,
      percent: 80
    })
    expect(batteryFrom({ line: 0, flags: 0, percent: 35 })).toEqual({
      isPresent: true,
      onBattery: true,
      percent: 35
    })
    expect(batteryFrom({ line: 255, flags: 255, percent: 255 })).toEqual({
      isPresent: true,
      onBattery: false,
      percent: null
    })
  })
})

describe('the machine, as the service host prints it', () => {
  const tcpip = 'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters'
  const answer = {
    power: { line: 0, flags: 1, percent: 90 },
    cost: 2,
    adapters: [{ id: '{A}', name: 'LAN', description: 'x', type: 6, dnsSuffix: '', isWayOut: true }],
    domainSid: 'S-1-5-21-1-2-3',
    uuid: '4c4c4544-0043-3510-8052-b4c04f4e3332',
    netlogon: [{ path: 'x', values: [{ name: 'DynamicSiteName', type: 'REG_SZ', data: 'Berlin' }] }],
    tcpip: [{ path: tcpip, values: [{ name: 'Domain', type: 'REG_SZ', data: 'corp.example' }] }],
    entra: null
  }
  const run =
    (result: ProgramResult): ProgramRun =>
    async (program, args) => {
      expect([program, ...args]).toEqual(['C:\\host.exe', 'machine'])
      return result
    }

  it('is a machine', async () => {
    const read = readWindowsMachine(run({ exitCode: 0, output: JSON.stringify(answer) }), 'C:\\host.exe')
    expect(await read).toEqual({
      battery: { isPresent: true, onBattery: true, percent: 90 },
      networks: expect.objectContaining({ isMetered: true, hasSystemVpn: false }),
      directory: {
        adSite: 'Berlin',
        dnsSuffix: 'corp.example',
        domainSid: 'S-1-5-21-1-2-3',
        tenantId: null,
        dhcp: { groupId: null, cacheHosts: null }
      },
      uuid: answer.uuid
    })
  })

  it('is unknown where Windows says nothing', async () => {
    const nothing = Object.fromEntries(Object.keys(answer).map(name => [name, null]))
    const read = readWindowsMachine(run({ exitCode: 0, output: JSON.stringify(nothing) }), 'C:\\host.exe')
    expect(await read).toMatchObject({
      battery: null,
      networks: null,
      directory: { adSite: null },
      uuid: null
    })
  })

  it('is an error where the host fails', async () => {
    for (const result of [
      { exitCode: 1, output: '' },
      { exitCode: null, output: '' },
      { exitCode: 0, output: '{"power":3}' }
    ])
      await expect(readWindowsMachine(run(result), 'C:\\host.exe')).rejects.toMatchObject({
        code: 'machine-unreadable'
      })
  })
})
