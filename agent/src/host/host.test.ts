import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { HostFacts } from '@starling/shared/policy/host-facts.ts'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createLog } from '../log.ts'
import { noBattery, type Battery } from './battery.ts'
import { createHost, type Host } from './host.ts'
import { linuxNetworks } from './linux-networks.ts'
import { unknownSystem, type SystemReader, type SystemReading } from './systems.ts'
import type { Adapter, Networks } from './windows-network.ts'

const adapter = (change: Partial<Adapter> = {}): Adapter => ({
  id: '{A}',
  name: 'Ethernet',
  description: 'Intel(R) I219',
  kind: 'wired',
  dnsSuffix: null,
  isWayOut: true,
  ...change
})
const networks = (...adapters: Adapter[]): Networks => ({ adapters, isMetered: false, hasSystemVpn: false })
const nowhere = {
  adSite: null,
  dnsSuffix: null,
  domainSid: null,
  tenantId: null,
  dhcp: { groupId: null, cacheHosts: null }
}

const hosts: Host[] = []
afterEach(() => {
  for (const host of hosts.splice(0)) host.stop()
  vi.useRealTimers()
})

function hostOf(
  system: Partial<SystemReading> | SystemReader,
  { log = createLog('silent', 'test'), addresses = ['10.1.2.3/24'] } = {}
) {
  const told: HostFacts[] = []
  const own = { addresses }
  const host = createHost({
    system:
      typeof system === 'function'
        ? system
        : async () => ({
            battery: noBattery,
            networks: networks(adapter()),
            directory: nowhere,
            problems: [],
            ...system
          }),
    cacheFolder: () => tmpdir(),
    changed: facts => told.push(facts),
    log,
    subnets: () => own.addresses
  })
  hosts.push(host)
  return { host, told, own }
}

describe("the machine's state", () => {
  it('is there after the first look', async () => {
    const { host, told } = hostOf({
      battery: { isPresent: true, onBattery: true, percent: 35 },
      networks: networks(adapter({ kind: 'wifi', dnsSuffix: 'corp.example' })),
      directory: { ...nowhere, adSite: 'Berlin', dnsSuffix: 'other.example' }
    })
    await host.start(10_000)
    expect(host.now()).toMatchObject({
      onBattery: true,
      batteryPercent: 35,
      wifi: true,
      subnets: ['10.1.2.3/24'],
      adapters: ['Intel(R) I219', 'Ethernet'],
      adSite: 'Berlin',
      dnsSuffix: 'corp.example'
    })
    expect(host.now().ramBytes).toBeGreaterThan(0)
    expect(host.now().diskFreeBytes).toBeGreaterThan(0)
    expect(told.at(-1)).toEqual(host.now())
  })

  it('goes by the cable where there is one beside the Wi-Fi', async () => {
    const { host } = hostOf({
      networks: networks(adapter({ kind: 'wifi' }), adapter({ id: '{B}' }))
    })
    await host.start(10_000)
    expect(host.now().wifi).toBe(false)
  })

  it('is unknown where it cannot be read, and that is said once', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] })
    const log = createLog('silent', 'test')
    const warnings: unknown[] = []
    vi.spyOn(log, 'warn').mockImplementation((about: unknown) => void warnings.push(about))
    const system = vi.fn<SystemReader>(() => Promise.reject(new Error('no such service')))
    const { host, own } = hostOf(system, { log })
    await host.start(10_000)
    expect(host.now()).toMatchObject({ metered: false, vpn: false, adapters: [], subnets: ['10.1.2.3/24'] })
    own.addresses = ['10.9.9.9/24']
    vi.advanceTimersByTime(30_000)
    await vi.waitFor(() => expect(system).toHaveBeenCalledTimes(2))
    await vi.waitFor(() => expect(host.now().subnets).toEqual(['10.9.9.9/24']))
    expect(warnings).toMatchObject([{ what: 'system' }])
  })

  it('asks the system again when an address has changed, not each time', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] })
    const system = vi.fn<SystemReader>(async () => unknownSystem)
    const { host, own } = hostOf(system)
    await host.start(10_000)
    vi.advanceTimersByTime(30_000)
    expect(system).toHaveBeenCalledTimes(1)
    own.addresses = []
    await vi.waitFor(() => {
      vi.advanceTimersByTime(30_000)
      expect(system).toHaveBeenCalledTimes(2)
    })
  })

  it('is asked of the system each minute where there is a battery to watch, else every five', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'performance'] })
    const gapWith = async (battery: Battery): Promise<number> => {
      const readAt: number[] = []
      const { host } = hostOf(async () => {
        readAt.push(performance.now())
        return { ...unknownSystem, battery }
      })
      await host.start(10_000)
      await vi.waitFor(() => {
        vi.advanceTimersByTime(30_000)
        expect(readAt.length).toBeGreaterThan(2)
      })
      host.stop()
      // The first is asked again soon: a machine that is just starting is another half a minute later.
      expect(readAt[1]! - readAt[0]!).toBeLessThan(60_000)
      return readAt[2]! - readAt[1]!
    }
    const watched = await gapWith({ isPresent: true, onBattery: true, percent: 50 })
    expect(watched).toBeGreaterThanOrEqual(60_000)
    expect(watched).toBeLessThan(300_000)
    expect(await gapWith(noBattery)).toBeGreaterThanOrEqual(300_000)
  })

  it('stays as it was when it cannot be read once, and is unknown from the second time on', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'performance'] })
    let isBroken = false
    let reads = 0
    const { host } = hostOf(async () => {
      reads++
      if (isBroken) throw new Error('no answer')
      return { ...unknownSystem, battery: { isPresent: true, onBattery: true, percent: 50 } }
    })
    await host.start(10_000)
    isBroken = true
    const until = async (count: number) =>
      vi.waitFor(() => {
        if (reads < count) vi.advanceTimersByTime(30_000)
        expect(reads).toBe(count)
      })
    await until(2)
    expect(host.now().onBattery).toBe(true)
    await until(3)
    await vi.waitFor(() => expect(host.now().onBattery).toBe(false))
  })

  it('tells once what of it is unknown', async () => {
    const log = createLog('silent', 'test')
    const warn = vi.spyOn(log, 'warn').mockImplementation(() => {})
    const { host } = hostOf({ battery: null, problems: ['battery: EIO'] }, { log })
    await host.start(10_000)
    expect(warn.mock.calls).toMatchObject([[{ problem: 'battery: EIO' }, expect.anything()]])
    expect(host.now().adapters).not.toEqual([])
  })

  it('is not waited for longer than asked', async () => {
    const { host } = hostOf(() => new Promise<never>(() => {}))
    await host.start(1)
    await vi.waitFor(() => expect(host.now().subnets).toEqual(['10.1.2.3/24']))
    expect(host.now().adapters).toEqual([])
  })
})

describe("Linux's networks", () => {
  it('are what the kernel says: cable, Wi-Fi, tunnels, and which of them leads out', async () => {
    const root = await mkdtemp(join(tmpdir(), 'starling-net-'))
    const put = async (path: string, text: string) => {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), text)
    }
    try {
      await put('sys/class/net/lo/type', '772\n')
      await put('sys/class/net/eth0/type', '1\n')
      await put('sys/class/net/eth1/type', '1\n')
      await put('sys/class/net/eth1/operstate', 'down\n')
      await put('sys/class/net/wlan0/type', '1\n')
      await put('sys/class/net/wlan0/wireless/x', '')
      await put('sys/class/net/wg0/type', '65534\n')
      await put(
        'proc/net/route',
        'Iface\tDestination\tGateway\nwlan0\t00000000\t0102A8C0\neth0\t0000A8C0\t00000000\n'
      )
      await put('etc/resolv.conf', '# made\nsearch Corp.Example other.example\nnameserver 10.0.0.1\n')
      const found = await linuxNetworks(root)
      expect(
        found.adapters.map(({ name, kind, isWayOut, dnsSuffix }) => [name, kind, isWayOut, dnsSuffix])
      ).toEqual([
        ['eth0', 'wired', false, null],
        ['wg0', 'tunnel', false, null],
        ['wlan0', 'wifi', true, 'corp.example']
      ])
      expect(found.hasSystemVpn).toBe(true)
    } finally {
      await rm(root, { recursive: true })
    }
  })
})
