/**
 * The life of an installation on a Windows that Wine plays: real packages, the real service with the real Node. It takes minutes,
 * so it runs only when it is asked for: STARLING_TEST_INSTALLER=1 npm test -- installer/src/windows/life.test.ts
 *
 * Wine keeps no rights and accounts, has no firewall, knows no UPGRADINGPRODUCTCODE, and takes files away before it starts the
 * programs of a rollback, so that only those in the package itself run. What follows from that is said where it is met, and stands in
 * docs/DEPLOY.md among what is to be seen on a real machine.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { MiB } from '@starling/shared/units.ts'
import { seededContent, sha256Of } from '@starling/test/doubles/content.ts'
import { startOrigin, type Origin } from '@starling/test/doubles/origin.ts'
import { download } from '@starling/test/e2e/client.ts'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { createTicket, poll, startCoordinator } from '@starling/test/e2e/site.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makePrefix } from '../wine/prefix.ts'
import { readRegistry, removeRegistry, writeRegistry, type RegistryValue } from '../wine/registry.ts'
import { describeOnWine, firstWineMs } from '../wine/requirement.ts'
import { openWine, type WineSession } from '../wine/session.ts'
import { windowsNode } from '../node-win.ts'
import { ageMs, bestOf, bytesIn, idleFigures, installedBytesMax, msiBytesMax } from './figures.ts'
import {
  changePackage,
  failingWhenAsked,
  hive,
  makePackages,
  nextVersion as next,
  oldVersion as old,
  openInstallation,
  withoutRemoval,
  type Installation
} from './installation.ts'
import { cabinetName } from './msi/files.ts'
import { productCode } from './msi/ids.ts'
import { agentProduct } from './msi/product.ts'
import { readTable } from './msi/read-msi.ts'

const execute = promisify(execFile)
const isAsked = process.env['STARLING_TEST_INSTALLER'] === '1'
const house = openHouse()
afterAll(() => house.close())

const codeOf = (version: string): string => productCode(agentProduct.upgradeCode, version)
const deliveryKey = `${hive}\\SOFTWARE\\Policies\\Microsoft\\Windows\\DeliveryOptimization`

/** What an admin has put there before the installation; the machine under the test has other ports to give. */
const settings = {
  STARLING_LISTEN_PORT: '0',
  STARLING_BULK_PORT: '0',
  STARLING_MDNS: 'off',
  STARLING_UPSTREAM_ALLOW_PRIVATE: '127.0.0.0/8'
}

/** Promised; 2 s are seen on a quiet machine. */
const installMsMax = 15_000
/** Promised are 2 s, and 1.7 are seen on a quiet machine; half as much again is for one that does other things beside. */
const startMsMax = 3000
/** As promised, in the best of three times; 0.1 is seen. */
const idleCpuPercentMax = 0.2

describe.skipIf(!isAsked)('the life of an installation', { timeout: 180_000 }, () => {
  describeOnWine('of the MSI', () => {
    const out = house.folder('packages')
    const content = seededContent('an update', 3 * MiB)
    let wine: WineSession
    let machine: Installation
    let origin: Origin
    let url: string
    let ticket: string
    let id: string

    const at = (name: string): string => `Z:\\mnt\\out\\${name}`

    beforeAll(async () => {
      await makePackages(agentProduct, out)
      const [one, two] = [join(out, 'one.msi'), join(out, 'two.msi')]
      await changePackage(one, join(out, 'replaced.msi'), withoutRemoval)
      await changePackage(two, join(out, 'failing.msi'), failingWhenAsked)
      origin = await startOrigin()
      house.keep(() => origin.close())
      origin.put('/update.bin', content)
      url = `${origin.url}/update.bin`
      const coordinator = await startCoordinator(house, ['--heartbeat', '1s', '--no-gateway'])
      ticket = await createTicket(house, coordinator)
      wine = await openWine(await makePrefix(house.folder('prefix')), { out })
      house.keep(() => wine.close())
      machine = await openInstallation(wine, settings)
    }, firstWineMs)

    const isMember = (): Promise<unknown> =>
      poll(
        60_000,
        () => machine.status(),
        status => status.coordinator.kind === 'connected'
      )

    it('has the very node.exe that its makers have signed', async () => {
      const { stdout: cabinet } = await execute('msiinfo', ['extract', join(out, 'one.msi'), cabinetName], {
        encoding: 'buffer',
        maxBuffer: 64 * MiB
      })
      const folder = house.folder('cabinet')
      await writeFile(join(folder, cabinetName), cabinet)
      await execute('gcab', ['--extract', join(folder, cabinetName)], { cwd: folder })
      const files = await readTable(join(out, 'one.msi'), 'File')
      const node = join(folder, files.find(row => row['FileName'] === 'node.exe')!['File']!)
      expect((await readFile(node)).equals(await readFile(await windowsNode()))).toBe(true)
      // This machine need not know who has signed it; that the signature is of these bytes is seen anyway.
      const { stdout } = await execute('osslsigncode', ['verify', '-in', node]).catch(
        (error: { readonly stdout: string }) => error
      )
      const [current, calculated] = ['Current', 'Calculated'].map(
        word => new RegExp(`^${word} message digest *: *([0-9A-F]{64})`, 'm').exec(stdout)?.[1]
      )
      expect(current).toBeTypeOf('string')
      expect(calculated).toBe(current)
      expect(stdout).toContain('CN=OpenJS Foundation')
    })

    it('begins with properties and a ticket, and the machine joins its fleet', async () => {
      const { code, ms, log } = await machine.msiexec(
        `/i ${at('replaced.msi')} ${machine.ports} SITE=berlin CACHESIZE=1GiB TICKET=${ticket}`
      )
      expect(code, log).toBe(0)
      const { size } = await stat(join(out, 'one.msi'))
      const installed = await bytesIn(machine.programFolder)
      console.log(`figures: MSI ${mb(size)}, installed ${mb(installed)}, install ${ms} ms`)
      expect(size).toBeLessThanOrEqual(msiBytesMax)
      expect(installed).toBeLessThanOrEqual(installedBytesMax)
      expect(ms).toBeLessThan(installMsMax)

      id = (await machine.status()).id
      expect(await isMember()).toMatchObject({ version: old, coordinator: { kind: 'connected' } })
      expect(await machine.values(`${machine.keys.own}\\Environment`)).toMatchObject({
        ...settings,
        STARLING_SITE: 'berlin',
        STARLING_CACHE_QUOTA: '1GiB'
      })
      expect(await machine.values(machine.keys.own)).toMatchObject({
        Version: old,
        InstallDir: 'C:\\Program Files\\Starling\\'
      })
      expect(await machine.values(machine.keys.service)).toMatchObject({
        ObjectName: 'NT SERVICE\\Starling',
        Start: 2
      })
      expect(await machine.values(machine.keys.uninstall(old))).toMatchObject({
        DisplayName: 'Starling Agent',
        DisplayVersion: old
      })
    })

    it('leaves the ticket nowhere', async () => {
      expect(existsSync(join(machine.dataFolder, 'ticket'))).toBe(false)
      for (const name of await readdir(wine.exchange))
        expect(await readFile(join(wine.exchange, name), 'latin1'), name).not.toContain(ticket)
      const registry = await readRegistry(wine, hive)
      expect(JSON.stringify([...registry!])).not.toContain(ticket)
    })

    it('answers a client through its proxy, the second time out of the cache, and has its page and command', async () => {
      for (const _ of ['from the origin', 'from the cache'])
        expect((await download(machine.proxy, url)).sha256).toBe(await sha256Of(content))
      expect(origin.stats('/update.bin').bodyBytes).toBe(3 * MiB)
      expect(await (await fetch(machine.page)).text()).toContain('<script type="module"')
      const told = await machine.line('call "C:\\Program Files\\Starling\\starling.cmd" status --json')
      expect(JSON.parse(told.stdout)).toMatchObject({ id })
      const environment = await machine.values(
        `${hive}\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment`
      )
      expect(utf16(environment!['PATH'])).toContain('C:\\Program Files\\Starling\\')
    })

    it('takes over a Group Policy while it runs', async () => {
      const { startedAt, policy } = await machine.status()
      expect(policy.upstreamSlots).not.toBe(5)
      await writeRegistry(wine, `${hive}\\SOFTWARE\\Policies\\Starling`, { upstreamSlots: 5 })
      const after = await poll(
        30_000,
        () => machine.status(),
        it => it.policy.upstreamSlots === 5
      )
      expect(after).toMatchObject({ startedAt, policy: { upstreamSlots: 5 } })
    })

    it('is started again after a crash', async () => {
      const { pid } = await machine.status()
      await wine.run('taskkill', ['/f', '/pid', String(pid)])
      const after = await poll(
        60_000,
        () => machine.status(),
        it => it.pid !== pid
      )
      expect(after.pid).not.toBe(pid)
      expect(after.id).toBe(id)
    })

    it('stops when it is told to, and is there again at once', async () => {
      const times = await bestOf(3, async () => {
        await machine.stop()
        // It goes on for a while after it has said what is to be started.
        const told = wine.run('net', ['start', 'Starling'])
        await machine.status()
        const ms = await ageMs((await machine.hostPid())!)
        await told
        return ms
      })
      console.log(`figures: start of the service until it serves ${times.join(', ')} ms`)
      expect(times[0]).toBeLessThan(startMsMax)
    })

    it('is mended by a repair, and stays where an admin has moved its data', async () => {
      await machine.stop()
      await rm(join(machine.programFolder, 'app/main.mjs'))
      await rename(machine.dataFolder, moved())
      await writeRegistry(wine, machine.keys.own, { DataDir: 'C:\\Data of Starling', NoFirewall: '1' })
      const before = await machine.values(`${machine.keys.own}\\Environment`)
      // Any user may say this, and SYSTEM does it.
      const users =
        'DATADIR=C:\\Users CACHEDIR=C:\\Users UPSTREAM=http://127.0.0.2:1 SITE=theirs NOFIREWALL=0 TICKET=theirs'
      const { code } = await machine.msiexec(
        `/i ${at('replaced.msi')} REINSTALL=ALL REINSTALLMODE=amus ${users} CONFIGUREDO=1 CONFIGUREPROXY=1`
      )
      expect(code).toBe(0)
      expect(existsSync(join(machine.programFolder, 'app/main.mjs'))).toBe(true)
      expect((await machine.status()).id).toBe(id)
      expect(await machine.values(`${machine.keys.own}\\Environment`)).toEqual(before)
      expect(await machine.values(machine.keys.own)).toMatchObject({
        DataDir: 'C:\\Data of Starling',
        NoFirewall: '1'
      })
      expect(await readdir(moved())).not.toContain('ticket')
      expect((await machine.values(deliveryKey))?.['DOCacheHost']).toBeUndefined()
    })

    it('goes on in the next version with its identity, its settings and its cache', async () => {
      await machine.stop()
      const { code, log } = await machine.msiexec(`/i ${at('two.msi')}`)
      expect(code, log).toBe(0)
      expect(await isMember()).toMatchObject({ id, coordinator: { kind: 'connected' } })
      expect(await machine.values(machine.keys.own)).toMatchObject({
        Version: next,
        DataDir: 'C:\\Data of Starling',
        NoFirewall: '1'
      })
      expect(existsSync(machine.dataFolder)).toBe(false)
      expect(await machine.values(`${machine.keys.own}\\Environment`)).toMatchObject({
        ...settings,
        STARLING_SITE: 'berlin'
      })
      expect(await machine.values(machine.keys.uninstall(old))).toBeNull()
      await download(machine.proxy, url)
      expect(origin.stats('/update.bin').bodyBytes).toBe(3 * MiB)
    })

    it('does not go back to an older version', async () => {
      expect((await machine.msiexec(`/i ${at('one.msi')}`)).code).toBe(1603)
      expect(await machine.values(machine.keys.own)).toMatchObject({ Version: next })
      expect((await machine.status()).id).toBe(id)
    })

    it('ends with nothing left but the cache', async () => {
      await machine.stop()
      const { code } = await machine.msiexec(`/x ${codeOf(next)}`)
      expect(code).toBe(0)
      await expectNothingLeft(next)
      expect((await readdir(moved())).sort()).toEqual(['content', 'facts.log', 'index', 'small'])
      expect(existsSync(machine.dataFolder)).toBe(false)
    })

    it('begins without properties too', async () => {
      machine = await openInstallation(wine, settings, 'in the registry')
      expect((await machine.msiexec(`/i ${at('one.msi')}`)).code).toBe(0)
      const status = await machine.status()
      expect(status).toMatchObject({ site: 'default' })
      expect(status.id).not.toBe(id)
      ;({ id } = status)
    })

    it('costs next to nothing while nobody wants anything', async () => {
      // What a start leaves to be done and tidied up is over by then.
      await sleep(45_000)
      const pid = (await machine.nodePid())!
      const all = [
        await idleFigures(pid, 20_000),
        await idleFigures(pid, 20_000),
        await idleFigures(pid, 20_000)
      ]
      console.log(`figures: idle ${JSON.stringify(all)}`)
      expect(Math.max(...all.map(it => it.privateMiB))).toBeLessThan(90)
      expect(Math.min(...all.map(it => it.cpuPercent))).toBeLessThanOrEqual(idleCpuPercentMax)
      expect(Math.max(...all.map(it => it.writtenKiB))).toBe(0)
    })

    it('keeps everything when its removal belongs to an upgrade', async () => {
      await machine.stop()
      // What Windows says to the old version when a new one takes its place.
      expect((await machine.msiexec(`/x ${codeOf(old)} UPGRADINGPRODUCTCODE=${codeOf(next)}`)).code).toBe(0)
      // It would have found the ports before the old version went.
      expect((await machine.msiexec(`/i ${at('failing.msi')} ${machine.ports} CONFIGUREDO=1`)).code).toBe(0)
      expect((await machine.status()).id).toBe(id)
      expect(await machine.values(deliveryKey)).toMatchObject({ DOCacheHost: '127.0.0.1' })
    })

    it('comes back with its identity and its settings when its removal fails late', async () => {
      await machine.stop()
      // The way back for other programs' settings is used up by then (docs/DEPLOY.md).
      const before = (await readdir(machine.dataFolder)).filter(it => it !== 'client-settings.json')
      expect((await machine.msiexec(`/x ${codeOf(next)} FAILNOW=1 REMOVECACHE=1`)).code).not.toBe(0)
      expect(await readdir(machine.dataFolder)).toEqual(before)
      // Wine brings files and service back, as Windows does, but forgets the product.
      expect(await machine.values(`${machine.keys.own}\\Environment`)).toMatchObject(settings)
      expect((await machine.msiexec(`/i ${at('two.msi')} ${machine.ports} CONFIGUREDO=1`)).code).toBe(0)
      expect((await machine.status()).id).toBe(id)
    })

    it('ends with nothing left at all when that is asked for', async () => {
      expect((await machine.msiexec(`/x ${codeOf(next)} REMOVECACHE=1`)).code).toBe(0)
      expect(await machine.values(deliveryKey)).toEqual({})
      await expectNothingLeft(next)
      expect(existsSync(machine.dataFolder)).toBe(false)
    })

    it('that fails at the end is taken back from the beginning', async () => {
      machine = await openInstallation(wine, settings)
      const { code } = await machine.msiexec(`/i ${at('one.msi')} ${machine.ports} CONFIGUREWSUS=1`)
      // The agent runs, but knows no WSUS that Windows Update could be turned away from. 1627 is Wine's word for Windows' 1603.
      expect(code).toBe(1627)
      expect(await machine.values(`${machine.keys.own}\\Environment`)).toEqual(settings)
      await removeRegistry(wine, machine.keys.own)
      await expectNothingLeft(old, inUse)
      expect(existsSync(machine.dataFolder)).toBe(false)
    })

    it('that fails leaves a data folder that was there as it was', async () => {
      const config = join(machine.dataFolder, 'config.json')
      await mkdir(machine.dataFolder)
      await writeFile(config, '{}')
      machine = await openInstallation(wine, settings)
      expect((await machine.msiexec(`/i ${at('one.msi')} ${machine.ports} CONFIGUREWSUS=1`)).code).toBe(1627)
      expect(await readFile(config, 'utf8')).toBe('{}')
    })

    /** Where the data lies when an admin has moved it. */
    const moved = (): string => join(wine.driveC, 'Data of Starling')

    /** Wine does not wait for a service that it stops on the way back, and leaves to the next start what it has open. */
    const inUse = ['classic-level.node', 'node.exe', 'starling-service.exe']

    async function expectNothingLeft(version: string, but: readonly string[] = []): Promise<void> {
      expect(
        await poll(
          30_000,
          () => machine.nodePid(),
          pid => pid === null
        )
      ).toBeNull()
      const left = existsSync(machine.programFolder)
        ? await readdir(machine.programFolder, { recursive: true, withFileTypes: true })
        : []
      expect(left.filter(it => it.isFile() && !but.includes(it.name)).map(it => it.name)).toEqual([])
      expect(existsSync(machine.programFolder) && but.length === 0).toBe(false)
      const { own, service, events } = machine.keys
      for (const key of [own, service, events, machine.keys.uninstall(version)])
        expect(await machine.values(key), key).toBeNull()
      const environment = await machine.values(
        `${hive}\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment`
      )
      expect(utf16(environment!['PATH'])).not.toContain('Starling')
    }
  })
})

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

/** REG_EXPAND_SZ as a .reg file has it. */
function utf16(value: RegistryValue | undefined): string {
  if (typeof value !== 'object') return String(value)
  const bytes = value.raw
    .slice('hex(2):'.length)
    .split(',')
    .map(it => Number.parseInt(it, 16))
  return Buffer.from(bytes).toString('utf16le')
}
