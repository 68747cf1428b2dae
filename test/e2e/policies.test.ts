/**
 * Each policy of Delivery Optimization that decides who shares and what is kept, on real processes: its value comes from the registry (a
 * program that looks like reg.exe), the machine's state from a file.
 */
import { chmod, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PolicyView } from '@starling/agent/ports.ts'
import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { agentProgram, fleetSecret, poll, startAgent, untilAllMet, type AgentHandle } from './site.ts'

const house = openHouse()
let origin: Origin
const content = seededContent('policies', 8 * MiB)
const sha256 = await sha256Of(content)
let made = 0

beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
})
afterAll(() => house.close())

type Values = Readonly<Record<string, number | string>>
interface Machine {
  readonly policy?: Values
  readonly host?: object
  readonly site?: string
  readonly args?: readonly string[]
}

async function writePolicy(folder: string, values: Values): Promise<void> {
  const lines = Object.entries(values).map(([name, value]) =>
    typeof value === 'number'
      ? `    ${name}    REG_DWORD    0x${value.toString(16)}`
      : `    ${name}    REG_SZ    ${value}`
  )
  const text = ['', 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Starling', ...lines, ''].join('\r\n')
  await writeFile(join(folder, 'policy.txt'), text)
}

async function start(name: string, secret: string, machine: Machine, peers: readonly AgentHandle[] = []) {
  const folder = house.folder(name)
  const around = house.folder(`${name}-around`)
  await writePolicy(around, machine.policy ?? {})
  const reg = join(around, 'reg')
  const key = 'HKLM\\SOFTWARE\\Policies\\Starling'
  await writeFile(reg, `#!/bin/sh\n[ "$2" = '${key}' ] && exec cat '${around}/policy.txt'\nexit 1\n`)
  await chmod(reg, 0o700)
  await writeFile(join(around, 'host.json'), JSON.stringify(machine.host ?? {}))
  const agent = await startAgent(house, name, {
    folder,
    secret,
    peers,
    args: [...(machine.site === undefined ? [] : ['--site', machine.site]), ...(machine.args ?? [])],
    env: { STARLING_DEV_REG: reg, STARLING_DEV_HOST: join(around, 'host.json') }
  })
  return Object.assign(agent, { around })
}

/** One after the other, so that what the second has from the origin is what it could not have from the first. */
async function twoDownload(first: Machine, second: Machine, meet = true) {
  const path = `/policies-${made++}.bin`
  origin.put(path, content)
  const secret = fleetSecret()
  const one = await start('one', secret, first)
  const two = await start('two', secret, second, [one])
  if (meet) await untilAllMet([one, two])
  for (const agent of [one, two])
    expect((await download(agent.proxy, `${origin.url}${path}`)).sha256).toBe(sha256)
  return { one, two, path, copies: origin.stats(path).bodyBytes / content.length }
}

async function shown(agent: AgentHandle): Promise<{ readonly text: string; readonly view: PolicyView }> {
  const run = (more: readonly string[]) =>
    house.run(agentProgram, ['policy', 'show', '--data', agent.folder, ...more])
  const [text, json] = await Promise.all([run([]), run(['--json'])])
  return { text: text.stdout, view: JSON.parse(json.stdout) as PolicyView }
}

describe.skipIf(process.platform === 'win32')('a policy', () => {
  test('DODownloadMode 1: the site has one copy', async () => {
    const { copies, two } = await twoDownload({}, { policy: { DODownloadMode: 1 } })
    expect(copies).toBe(1)
    const { text, view } = await shown(two)
    expect(text).toMatch(
      /DODownloadMode +1 \(LAN\) +registry HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Starling\\DODownloadMode/
    )
    expect(text).toContain('shares with site default')
    expect(view.values.find(({ name }) => name === 'uploadSlots')?.origin.kind).toBe('default')
  })

  test.each([0, 99])('DODownloadMode %i: an agent shares with nobody, and says why', async mode => {
    const { copies, two } = await twoDownload({}, { policy: { DODownloadMode: mode } }, false)
    expect(copies).toBe(2)
    expect((await shown(two)).text).toContain(`does not share: DODownloadMode is ${mode}`)
    expect(await two.peers()).toEqual([])
  })

  test('DODownloadMode 100: nothing is kept of what passes through', async () => {
    const { two, path } = await twoDownload(
      { policy: { DODownloadMode: 100 } },
      { policy: { DODownloadMode: 100 } },
      false
    )
    await download(two.proxy, `${origin.url}${path}`)
    expect(origin.stats(path).bodyBytes).toBe(3 * content.length)
    expect((await two.status()).store.usedBytes).toBe(0)
  })

  test('DODownloadMode 2: agents of one DOGroupId share at whatever site they are, others do not', async () => {
    const group = (id: string) => ({ DODownloadMode: 2, DOGroupId: id })
    const mine = '{11111111-2222-3333-4444-555555555555}'
    const same = await twoDownload(
      { policy: group(mine), site: 'north' },
      { policy: group(mine.toUpperCase()), site: 'south' }
    )
    expect(same.copies).toBe(1)
    expect((await shown(same.two)).text).toContain(
      'shares with its group guid:11111111-2222-3333-4444-555555555555'
    )
    const other = await twoDownload(
      { policy: group(mine) },
      { policy: group('11111111-2222-3333-4444-000000000000') },
      false
    )
    expect(other.copies).toBe(2)
  })

  test('DOMonthlyUploadDataCap 0: agents of the group at other sites get nothing, those of the own site all', async () => {
    const group = { DODownloadMode: 2, DOGroupId: '11111111-2222-3333-4444-555555555555' }
    const capped = { ...group, DOMonthlyUploadDataCap: 0 }
    const far = await twoDownload({ policy: capped, site: 'north' }, { policy: group, site: 'south' })
    expect(far.copies).toBe(2)
    const near = await twoDownload({ policy: capped, site: 'north' }, { policy: group, site: 'north' })
    expect(near.copies).toBe(1)
  })

  test('DOMinBatteryPercentageAllowedToUpload: on battery an agent gives from that on only', async () => {
    const host = { battery: { isPresent: true, onBattery: true, percent: 35 } }
    const low = await twoDownload({ host, policy: { DOMinBatteryPercentageAllowedToUpload: 40 } }, {})
    expect(low.copies).toBe(2)
    expect((await shown(low.one)).text).toMatch(
      /does not upload: the battery is at 35 %, and DOMinBatteryPercentageAllowedToUpload asks for 40 %/
    )
    const enough = await twoDownload({ host, policy: { DOMinBatteryPercentageAllowedToUpload: 30 } }, {})
    expect(enough.copies).toBe(1)
  })

  test('DOAllowVPNPeerCaching and DOVpnKeywords: an adapter of that name is a VPN, on which nobody shares unless allowed', async () => {
    const adapter = {
      id: 'x',
      name: 'Ethernet 3',
      description: 'Acme Tunnel Adapter',
      kind: 'wired',
      dnsSuffix: null,
      isWayOut: true
    }
    const host = { networks: { adapters: [adapter], isMetered: false, hasSystemVpn: false } }
    const policy = { DOVpnKeywords: 'acme tunnel' }
    expect((await twoDownload({}, { host, policy }, false)).copies).toBe(2)
    expect((await twoDownload({}, { host, policy: { ...policy, DOAllowVPNPeerCaching: 1 } })).copies).toBe(1)
  })

  test('DOMinRAMAllowedToPeer and DOMinDiskSizeAllowedToPeer: a machine that has less does not share', async () => {
    const ram = await twoDownload({}, { policy: { DOMinRAMAllowedToPeer: 100_000 } }, false)
    const disk = await twoDownload({}, { policy: { DOMinDiskSizeAllowedToPeer: 100_000 } }, false)
    expect([ram.copies, disk.copies]).toEqual([2, 2])
  })

  test('DOMinFileSizeToCache: what is smaller is not shared', async () => {
    const policy = (megabytes: number) => ({ policy: { DOMinFileSizeToCache: megabytes } })
    // Two and what the first look at its length brought.
    expect((await twoDownload(policy(9), policy(9))).copies).toBeGreaterThanOrEqual(2)
    expect((await twoDownload(policy(8), policy(8))).copies).toBe(1)
  })

  test('DOModifyCacheDrive and DOAbsoluteMaxCacheSize: the content lies there, and is as large', async () => {
    const elsewhere = house.folder('drive')
    const { two } = await twoDownload(
      {},
      { policy: { DOModifyCacheDrive: elsewhere, DOAbsoluteMaxCacheSize: 3 } }
    )
    expect((await readdir(join(elsewhere, 'content'))).length).toBeGreaterThan(0)
    expect((await two.status()).store).toMatchObject({
      usedBytes: content.length,
      quotaBytes: 3 * 1024 * MiB
    })
  })

  test('DOMaxCacheSize is a share of the drive', async () => {
    const agent = await start('share', fleetSecret(), { policy: { DOMaxCacheSize: 1 } })
    const { view } = await shown(agent)
    expect((await agent.status()).store.quotaBytes).toBe(Math.floor(view.host.diskBytes! / 100))
  })

  test('one that changes changes what a running agent does, and one that does not fit is passed over', async () => {
    const secret = fleetSecret()
    const one = await start('one', secret, {})
    const two = await start('two', secret, {}, [one])
    await untilAllMet([one, two])
    const reload = () => house.run(agentProgram, ['config', 'reload', '--data', two.folder])
    await writePolicy(two.around, { DODownloadMode: 0, DOMaxCacheAge: 'soon' })
    expect((await reload()).stdout).toMatch(/DOMaxCacheAge: "soon" does not fit.*passed over/)
    expect(
      await poll(
        10_000,
        () => one.peers(),
        peers => peers.length === 0
      )
    ).toEqual([])
    await writePolicy(two.around, {})
    await reload()
    await untilAllMet([one, two])
  })
})
