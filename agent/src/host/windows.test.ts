import { describe, expect, it } from 'vitest'
import { registryFromText } from '../registry.ts'
import { batteryFromJson } from './battery.ts'
import { dhcpOptionsFrom, dhcpText } from './dhcp-options.ts'
import {
  adSiteFrom,
  dhcpAnswersFrom,
  dnsSuffixFrom,
  domainSidFrom,
  entraTenantFrom
} from './windows-directory.ts'
import { networksFromJson, powershellArgs } from './windows-network.ts'

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

  it("is its own domain's SID, not one that it trusts, in any language", () => {
    const recorded = (heading: string, end: string) => `${heading}\r
    0: ZSM zsm.local (NT 5) (Direct Outbound) (Direct Inbound) ( Attr: foresttrans )\r
       Dom Sid: S-1-5-21-2734290894-461713716-141835440\r
    1: PAINTERS painters.htb (NT 5) (Forest Tree Root) (Primary Domain) (Native)\r
       Dom Guid: 6991c0e0-b3c3-4ae9-8cd1-53fe69280c14\r
       Dom Sid: S-1-5-21-1470357062-2280927533-300823338\r
${end}\r\n`
    const sid = 'S-1-5-21-1470357062-2280927533-300823338'
    expect(domainSidFrom(recorded('List of domain trusts:', 'The command completed successfully'))).toBe(sid)
    expect(domainSidFrom(recorded('域信任的列表:', '此命令成功完成'))).toBe(sid)
    expect(domainSidFrom('Enumerating domain trusts failed: Status = 1717 0x6b5')).toBeNull()
  })
})

describe("what Windows' networks are", () => {
  const adapter = {
    id: '{A}',
    name: 'WLAN',
    description: 'Intel(R) Wi-Fi 6',
    type: 'Wireless80211',
    dnsSuffix: 'Corp.Example',
    gateways: ['10.1.0.1']
  }
  const answer = (change: object) =>
    networksFromJson(
      JSON.stringify({
        costType: 'Unrestricted',
        roaming: false,
        overDataLimit: false,
        vpnConnections: [],
        adapters: [adapter],
        ...change
      })
    )

  it('is told by kind, way out and suffix', () => {
    expect(answer({})!.adapters).toEqual([
      {
        id: '{A}',
        name: 'WLAN',
        description: 'Intel(R) Wi-Fi 6',
        kind: 'wifi',
        dnsSuffix: 'corp.example',
        isWayOut: true
      }
    ])
    expect(answer({ adapters: adapter })!.adapters, 'a list of one is its element').toHaveLength(1)
    expect(answer({ adapters: null })!.adapters).toEqual([])
  })

  it('is metered when the system says that it costs', () => {
    expect(answer({})!.isMetered).toBe(false)
    expect(answer({ costType: 'Fixed' })!.isMetered).toBe(true)
    expect(answer({ costType: 'Variable' })!.isMetered).toBe(true)
    expect(answer({ roaming: true })!.isMetered).toBe(true)
    expect(answer({ costType: 'Unknown' })!.isMetered).toBeNull()
    expect(answer({ costType: null })!.isMetered).toBeNull()
  })

  it('is a VPN when one is connected, and not when one is merely set up', () => {
    expect(answer({ vpnConnections: [{ name: 'Corp', status: 'Disconnected' }] })!.hasSystemVpn).toBe(false)
    expect(answer({ vpnConnections: [{ name: 'Corp', status: 'Connected' }] })!.hasSystemVpn).toBe(true)
    expect(answer({ adapters: [{ ...adapter, type: 'Ppp' }] })!.hasSystemVpn).toBe(true)
    expect(answer({ adapters: [{ ...adapter, type: 'Tunnel', name: 'Teredo' }] })!.hasSystemVpn).toBe(false)
  })

  it('is unknown from what is no answer', () => {
    expect(networksFromJson('')).toBeNull()
    expect(networksFromJson('{"adapters": 3}')).toBeNull()
    expect(powershellArgs('x').at(-1)).toBe('eAA=')
  })
})

describe('the battery as Windows tells it', () => {
  const battery = (line: string, charge: number, share: number) =>
    batteryFromJson(JSON.stringify({ line, charge, share }))
  it('is none, on mains, or being used', () => {
    expect(battery('Online', 128, 1)).toEqual({ isPresent: false, onBattery: false, percent: null })
    expect(battery('Online', 8, 0.8)).toEqual({ isPresent: true, onBattery: false, percent: 80 })
    expect(battery('Offline', 0, 0.35)).toEqual({ isPresent: true, onBattery: true, percent: 35 })
    expect(battery('Unknown', 255, 2.55)).toEqual({ isPresent: true, onBattery: false, percent: null })
    expect(batteryFromJson('Add-Type : ...')).toBeNull()
  })
})
