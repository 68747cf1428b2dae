/**
 * The coordinator's MSI, as docs/DEPLOY.md has an admin use it, on a Windows that Wine plays. About a minute, so it runs only when it
 * is asked for: STARLING_TEST_INSTALLER=1 npm test -- installer/src/windows/life-coordinator.test.ts
 */
import { existsSync } from 'node:fs'
import { readFile, readdir, stat } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { freePort } from '@starling/test/e2e/listening.ts'
import { poll } from '@starling/test/e2e/site.ts'
import { minuteMs } from '@starling/shared/units.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makePrefix } from '../wine/prefix.ts'
import { writeRegistry } from '../wine/registry.ts'
import { describeOnWine, firstWineMs } from '../wine/requirement.ts'
import { openWine, type WineSession } from '../wine/session.ts'
import {
  changePackage,
  failingWhenAsked,
  machineOf,
  makePackages,
  nextVersion,
  oldVersion,
  withoutRemoval,
  type Machine
} from './installation.ts'
import { productCode } from './msi/ids.ts'
import { coordinatorProduct } from './msi/product.ts'
import { bytesIn, installedBytesMax, msiBytesMax } from './figures.ts'

const isAsked = process.env['STARLING_TEST_INSTALLER'] === '1'
const house = openHouse()
afterAll(() => house.close())

/** Of the gateway in it: the machine under the test has other ports to give. */
const settings = {
  STARLING_LISTEN_PORT: '0',
  STARLING_BULK_PORT: '0',
  STARLING_PROXY_PORT: '0',
  STARLING_PAGE_PORT: '0',
  STARLING_MDNS: 'off'
}

describe.skipIf(!isAsked)("the coordinator's MSI", { timeout: 120_000 }, () => {
  describeOnWine('through its life', () => {
    const out = house.folder('packages')
    let wine: WineSession
    let machine: Machine
    let port: number

    const at = (name: string): string => `Z:\\mnt\\out\\${name}`
    const codeOf = (version: string): string => productCode(coordinatorProduct.upgradeCode, version)
    const command = (words: string): ReturnType<Machine['line']> =>
      machine.line(`call "C:\\Program Files\\Starling Coordinator\\starling-coordinator.cmd" ${words}`)

    beforeAll(async () => {
      await makePackages(coordinatorProduct, out)
      const [one, two] = [join(out, 'one.msi'), join(out, 'two.msi')]
      await changePackage(one, join(out, 'replaced.msi'), withoutRemoval)
      await changePackage(two, join(out, 'failing.msi'), failingWhenAsked)
      port = await freePort()
      wine = await openWine(await makePrefix(house.folder('prefix')), { out })
      house.keep(() => wine.close())
      machine = machineOf(wine, coordinatorProduct)
      await writeRegistry(wine, `${machine.keys.own}\\Environment`, settings)
    }, firstWineMs)

    it('starts a coordinator that answers', async () => {
      const { code, log, ms } = await machine.msiexec(
        `/i ${at('replaced.msi')} LISTEN=127.0.0.1:${port} SITE=berlin`
      )
      expect(code, log).toBe(0)
      expect(await page()).toContain('<script type="module"')
      const { size } = await stat(join(out, 'one.msi'))
      const installed = await bytesIn(machine.programFolder)
      console.log(
        `figures: coordinator's MSI ${size / 1e6} MB, installed ${installed / 1e6} MB, install ${ms} ms`
      )
      expect(size).toBeLessThanOrEqual(msiBytesMax)
      expect(installed).toBeLessThanOrEqual(installedBytesMax)
      expect(await machine.values(machine.keys.own)).toMatchObject({
        Version: oldVersion,
        DataDir: 'C:\\ProgramData\\Starling Coordinator',
        Arguments: ` --listen 127.0.0.1:${port} --site berlin`
      })
      expect(await machine.values(machine.keys.service)).toMatchObject({
        ObjectName: 'NT SERVICE\\StarlingCoordinator',
        Start: 2
      })
    })

    it('has a code for the first admin, who then signs in', async () => {
      const { code, stdout, stderr } = await command('first-admin --json')
      expect(code, stderr).toBe(0)
      const given = (JSON.parse(stdout) as { code: string }).code
      const account = { code: given, name: 'ada', password: 'correct horse battery staple' }
      expect(await ask('/api/v1/first-admin', account)).toMatchObject({ status: 200 })
    })

    it('makes tickets and says how the fleet is', async () => {
      expect((await command('ticket create')).stdout).toContain('STARLING1-')
      expect(JSON.parse((await command('status --json')).stdout)).toBeTypeOf('object')
    })

    it('goes on in the next version with its keys and its database', async () => {
      const key = await fleetKey()
      await machine.stop()
      const { code, log } = await machine.msiexec(`/i ${at('failing.msi')}`)
      expect(code, log).toBe(0)
      await page()
      expect(await machine.values(machine.keys.own)).toMatchObject({
        Version: nextVersion,
        Arguments: ` --listen 127.0.0.1:${port} --site berlin`
      })
      expect(await fleetKey()).toEqual(key)
      expect((await command('account list --json')).stdout).toContain('ada')
    })

    it('loses nothing by a removal that fails late', async () => {
      await machine.stop()
      const before = await readdir(machine.dataFolder)
      const words = `/x ${codeOf(nextVersion)} FAILNOW=1 REMOVECACHE=1`
      expect((await machine.msiexec(words)).code).not.toBe(0)
      expect(await readdir(machine.dataFolder)).toEqual(before)
      // Wine brings files and service back, as Windows does, but forgets the product.
      expect(await machine.values(`${machine.keys.own}\\Environment`)).toMatchObject(settings)
      expect((await machine.msiexec(`/i ${at('two.msi')} LISTEN=127.0.0.1:${port}`)).code).toBe(0)
      await page()
      // Given again they are not put behind what was there.
      expect(await machine.values(machine.keys.own)).toMatchObject({
        Arguments: ` --listen 127.0.0.1:${port}`
      })
    })

    it('leaves keys and database at a removal and a failed installation, and takes them when that is asked for', async () => {
      const key = await fleetKey()
      await machine.stop()
      expect((await machine.msiexec(`/x ${codeOf(nextVersion)}`)).code).toBe(0)
      expect(existsSync(machine.programFolder)).toBe(false)
      for (const it of [machine.keys.own, machine.keys.service, machine.keys.events])
        expect(await machine.values(it), it).toBeNull()
      expect(await fleetKey()).toEqual(key)
      expect(await readdir(machine.dataFolder)).not.toContain('logs')

      await writeRegistry(wine, `${machine.keys.own}\\Environment`, settings)
      const failing = `/i ${at('failing.msi')} LISTEN=127.0.0.1:${port} FAILNOW=1`
      expect((await machine.msiexec(failing)).code).not.toBe(0)
      expect(await fleetKey()).toEqual(key)
      // Wine does not wait for a service that it stops on the way back.
      const isGone = async (): Promise<boolean> => (await machine.values(machine.keys.service)) === null
      expect(await poll(minuteMs, isGone, it => it)).toBe(true)

      expect((await machine.msiexec(`/i ${at('one.msi')} LISTEN=127.0.0.1:${port}`)).code).toBe(0)
      await page()
      expect((await command('account list --json')).stdout).toContain('ada')
      await machine.stop()
      expect((await machine.msiexec(`/x ${codeOf(oldVersion)} REMOVECACHE=1`)).code).toBe(0)
      expect(existsSync(machine.dataFolder)).toBe(false)
    })

    const fleetKey = (): Promise<Buffer> => readFile(join(machine.dataFolder, 'fleet.key'))

    async function page(): Promise<string> {
      const answer = await poll(
        minuteMs,
        () => ask('/').catch(() => null),
        it => it?.status === 200
      )
      expect(answer, 'the page').toMatchObject({ status: 200 })
      return answer!.body
    }

    /** Trusts the certificate that it has made for itself. */
    async function ask(path: string, body?: object): Promise<{ status: number; body: string }> {
      const ca = await readFile(join(machine.dataFolder, 'page.crt'))
      return new Promise((resolve, reject) => {
        const asking = request(
          {
            host: '127.0.0.1',
            port,
            path,
            method: body === undefined ? 'GET' : 'POST',
            headers: { 'content-type': 'application/json' },
            ca,
            agent: false
          },
          answer => {
            text(answer).then(it => resolve({ status: answer.statusCode ?? 0, body: it }), reject)
          }
        )
        asking.on('error', reject)
        asking.end(body === undefined ? undefined : JSON.stringify(body))
      })
    }
  })
})
