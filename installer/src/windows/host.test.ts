import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  chmod,
  chown,
  copyFile,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile
} from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { machineFromJson } from '@starling/agent/host/windows-machine.ts'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test, vi } from 'vitest'
import { removeRegistry, writeRegistry } from '../wine/registry.ts'
import { describeOnWine, firstWineMs } from '../wine/requirement.ts'
import { makePrefix } from '../wine/prefix.ts'
import { openWine, type WineSession } from '../wine/session.ts'
import { buildHost, hasMingw, mingwInstall } from './host.ts'
import {
  installHost,
  inWindows,
  policyKey,
  programFolder,
  settingsKey,
  type Installation
} from './host.fixture.ts'

const isMingwHere = hasMingw()
if (!isMingwHere) console.warn(`\nSKIPPED, the service host is not tested: ${mingwInstall}\n`)
test.runIf(!isMingwHere && process.env.CI === 'true')('mingw-w64 is installed, as it must be in CI', () => {
  expect.fail(`mingw-w64 is missing: ${mingwInstall}`)
})

/** Ours in a data folder (installer/windows/host/pin.h). */
const pin = 'folder.pin'
const doPolicyKey = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\DeliveryOptimization'

const house = openHouse()
afterAll(() => house.close())
const sha256Of = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex')

describe.skipIf(!isMingwHere)('the service host', { timeout: 120_000 }, () => {
  let host: string
  beforeAll(async () => {
    host = await buildHost(house.folder('host'))
  }, 300_000)

  it('is the same program each time it is built, and says in Event Viewer what it means', async () => {
    expect(await sha256Of(await buildHost(house.folder('again')))).toBe(await sha256Of(host))
    const bytes = await readFile(host)
    for (const text of [
      'is not started again. Correct what is named here',
      'cannot be set up.',
      'Starling service host'
    ])
      expect(bytes.includes(Buffer.from(text, 'utf16le'))).toBe(true)
    expect(bytes.includes('longPathAware')).toBe(true)
    expect(bytes.length).toBeLessThan(150_000)
  })

  describeOnWine('on Windows', () => {
    let wine: WineSession
    let installed: Installation
    beforeAll(async () => {
      wine = await openWine(await makePrefix(house.folder('prefix')))
      installed = await installHost(wine, host)
    }, firstWineMs)
    afterAll(() => wine?.close())

    describe('cli', () => {
      it('runs the program with the words as they are and the environment of the service', async () => {
        await installed.environment({
          STARLING_SITE: 'Z\u00fcrich \u65e5',
          STARLING_PROXY_PORT: 17_931,
          STARLING_UPSTREAM_PROXIES: { raw: 'hex(7):61,00,00,00,62,00,00,00,00,00' },
          STARLING_SERVICE_HOST: 'C:\\elsewhere.exe',
          STARLING_DATA: 'C:\\elsewhere',
          // Numbers cut short are none.
          STARLING_SHORT: { raw: 'hex(b):01,00' },
          STARLING_SHORTER: { raw: 'hex(4):01' }
        })
        const { code, stdout } = await installed.host('cli', 'say', 'a b', '"q"', '\u65e5', '7')
        expect(code).toBe(7)
        expect(JSON.parse(stdout)).toEqual({
          command: 'say',
          words: ['a b', '"q"', '\u65e5', '7'],
          data: 'C:\\ProgramData\\Starling',
          env: {
            STARLING_SITE: 'Z\u00fcrich \u65e5',
            STARLING_PROXY_PORT: '17931',
            STARLING_UPSTREAM_PROXIES: 'a,b',
            STARLING_SERVICE_HOST: `${programFolder}\\starling-service.exe`,
            UV_THREADPOOL_SIZE: '16'
          }
        })
      })

      it('hands its stdin on', async () => {
        const program = `${programFolder}\\starling-service.exe`
        expect((await wine.run(program, ['cli', 'copy'], { input: 'from outside' })).stdout).toBe(
          'from outside'
        )
      })

      it('says what to do when node.exe is gone', async () => {
        const node = join(inWindows(wine, programFolder), 'node.exe')
        const bytes = await readFile(node)
        await rm(node)
        const { code, stderr } = await installed.host('cli', 'say')
        await writeFile(node, bytes, { mode: 0o755 })
        expect(code).toBe(1)
        expect(stderr).toMatch(/node\.exe cannot be started: repair the installation: .+ \(error 2\)/)
      })
    })

    describe('machine', () => {
      it('prints what policies ask of it, as the agent reads it', async () => {
        await writeRegistry(
          wine,
          'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Netlogon\\Parameters',
          {
            DynamicSiteName: 'Z\u00fcrich'
          }
        )
        const { code, stdout } = await installed.host('machine')
        expect(code).toBe(0)
        const machine = machineFromJson(stdout)
        // Wine has a machine on mains, an unmetered line, this machine's adapters, and a firmware without a number.
        expect(machine).toMatchObject({
          battery: expect.any(Object),
          networks: { isMetered: false, hasSystemVpn: false },
          directory: {
            adSite: 'Z\u00fcrich',
            domainSid: expect.stringMatching(/^S-1-5-21-/),
            tenantId: null
          },
          uuid: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
        })
        const own = Object.keys(networkInterfaces()).filter(name => name !== 'lo')
        expect(own).toEqual(expect.arrayContaining(machine!.networks!.adapters.map(({ name }) => name)))
      })
    })

    describe('registry', () => {
      it('prints a key of all users', async () => {
        const below = 'Software\\Starling Test'
        const { stdout: hives } = await installed.host('registry', 'HKU\\*\\Software\\Microsoft\\Windows')
        const [, user] = /HKEY_USERS\\\\(S-1-5-21-[\d-]+)/.exec(hives)!
        for (const hive of [user, '.Default'])
          await writeRegistry(wine, `HKEY_USERS\\${hive}\\${below}`, { one: 1 })
        const { code, stdout } = await installed.host('registry', `HKU\\*\\${below}`)
        const own = {
          path: `HKEY_USERS\\${user}\\${below}`,
          values: [{ name: 'one', type: 'REG_DWORD', data: 1 }]
        }
        expect([code, JSON.parse(stdout)]).toEqual([0, [[own]]])
        expect(JSON.parse((await installed.host('registry', 'HKU\\*\\no such key')).stdout)).toEqual([[]])
      })

      const key = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Starling Test'
      it('prints a key and all below it, of every type, with letters of all languages', async () => {
        await writeRegistry(wine, key, {
          '\u65e5 "x"': 'a\\b\t\u{1f426}',
          number: 4_000_000_000,
          big: { raw: 'hex(b):00,00,00,00,01,00,00,00' },
          list: { raw: 'hex(7):61,00,00,00,62,00,00,00,00,00' },
          path: { raw: 'hex(2):25,00,41,00,25,00,00,00' },
          bytes: { raw: 'hex:ea,00' }
        })
        await writeRegistry(wine, `${key}\\below`, { '': 'nameless' })
        const { code, stdout } = await installed.host('registry', 'HKLM\\software\\Starling Test')
        expect(code).toBe(0)
        const [keys] = JSON.parse(stdout) as [Array<{ path: string; values: unknown[] }>]
        expect(keys.map(({ path }) => path)).toEqual([
          'HKEY_LOCAL_MACHINE\\software\\Starling Test',
          'HKEY_LOCAL_MACHINE\\software\\Starling Test\\below'
        ])
        expect(keys[0]!.values).toEqual(
          expect.arrayContaining([
            { name: '\u65e5 "x"', type: 'REG_SZ', data: 'a\\b\t\u{1f426}' },
            { name: 'number', type: 'REG_DWORD', data: 4_000_000_000 },
            { name: 'big', type: 'REG_QWORD', data: 2 ** 32 },
            { name: 'list', type: 'REG_MULTI_SZ', data: ['a', 'b'] },
            { name: 'path', type: 'REG_EXPAND_SZ', data: '%A%' },
            { name: 'bytes', type: 'REG_BINARY', data: 'ea00' }
          ])
        )
        expect(keys[1]!.values).toEqual([{ name: '', type: 'REG_SZ', data: 'nameless' }])
      })

      it('prints several keys, has the error of one that cannot be read in its place, and needs to be told which', async () => {
        const { code, stdout } = await installed.host('registry', `${key}\\none`, `${key}\\below`, 'HKCC\\x')
        expect([code, JSON.parse(stdout)]).toEqual([
          0,
          [2, [expect.objectContaining({ path: `${key}\\below` })], 123]
        ])
        expect((await installed.host('registry')).stderr).toContain('registry KEY')
      })
    })

    describe('ticket', () => {
      const file = (): string => join(installed.data, 'ticket')
      it('keeps it in the data folder and says nothing of it', async () => {
        expect(await installed.host('ticket', 'secret-1')).toEqual({ code: 0, stdout: '', stderr: '' })
        expect(await readFile(file(), 'utf8')).toBe('secret-1')
        await wine.run(`${programFolder}\\starling-service.exe`, ['ticket', '-'], { input: 'secret-2\r\n' })
        expect(await readFile(file(), 'utf8')).toBe('secret-2')
        expect(await readdir(installed.data)).not.toContain('ticket.new')
      })

      it('leaves the one that is there when it is given none, and refuses what can be none', async () => {
        expect((await installed.host('ticket', '')).code).toBe(0)
        expect((await installed.host('ticket')).code).toBe(0)
        const { code, stderr } = await installed.host('ticket', 'x'.repeat(9000))
        expect(code).toBe(1)
        expect(stderr).toContain('give it once more')
        expect(stderr).not.toContain('xxx')
        expect(await readFile(file(), 'utf8')).toBe('secret-2')
      })
    })

    it('configure sets the service up, with its path in quotes', async () => {
      const { code, stderr } = await installed.host('configure')
      expect({ code, stderr }).toMatchObject({ code: 0 })
      const key = 'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Starling'
      const { stdout } = await installed.host('registry', key)
      const [[own]] = JSON.parse(stdout) as [[{ values: Array<{ name: string; data: unknown }> }]]
      const { values } = own
      const value = (name: string): unknown => values.find(one => one.name === name)?.data
      expect(value('ImagePath')).toBe(`"${programFolder}\\starling-service.exe" service`)
      // The script's 2 s and 5 for the host.
      expect(value('PreshutdownTimeout')).toBe(7000)
    })

    // Wine keeps no list of rights, but as much as Unix has: an owner, and what all others may. It shows no links of ours as such: that a junction
    // is moved aside, and never gone through, only Windows can show.
    describe('the data folder', () => {
      /** Anybody of this machine who is no administrator. */
      const somebody = 1000
      const mark = 'Starling.not-ours-'
      const above = (): string => join(installed.data, '..')
      const aside = (rest: number | string): string => join(above(), `${mark}${rest}`)
      const allAside = async (): Promise<readonly string[]> =>
        (await readdir(above()))
          .filter(name => name.startsWith(mark))
          .map(name => name.slice(mark.length))
          .sort()
      const kept = async (): Promise<readonly string[]> =>
        (await readdir(installed.data)).filter(name => name !== pin).sort()
      const configure = async (): Promise<string> => {
        const { code, stderr } = await installed.host('configure')
        expect({ code, stderr }).toMatchObject({ code: 0 })
        return stderr
      }
      beforeEach(async () => {
        await rm(installed.data, { recursive: true, force: true })
      })
      afterEach(async () => {
        for (const name of await allAside()) await rm(aside(name), { recursive: true, force: true })
      })

      it('is moved aside when it is no folder, or somebody has made it', async () => {
        await writeFile(installed.data, 'no folder')
        expect(await configure()).toContain('was made by somebody else')
        expect(await readFile(aside(1), 'utf8')).toBe('no folder')
        await writeFile(join(installed.data, 'config.json'), '{}')
        await chown(installed.data, somebody, somebody)
        expect(await configure()).toContain('was made by somebody else')
        expect(await kept()).toEqual([])
        expect((await readdir(aside(2))).sort()).toEqual(['config.json', pin])
      })

      it('goes aside under a name that nobody could take beforehand', async () => {
        for (let number = 1; number <= 16; number++) await writeFile(aside(number), '')
        await mkdir(installed.data)
        await chown(installed.data, somebody, somebody)
        await configure()
        expect((await allAside()).filter(name => !/^([1-9]|1[0-6])$/.test(name))).toHaveLength(1)
      })

      it('that an administrator has made is closed, and keeps what nobody else could have put there', async () => {
        await mkdir(join(installed.data, 'content', 'ab'), { recursive: true })
        for (const file of [
          'ticket',
          'config.json',
          'fleet.secret',
          'content/ab/x.data',
          'content/ab/y.data'
        ])
          await writeFile(join(installed.data, file), '')
        const long = `${'x'.repeat(250)}.new`
        await writeFile(join(installed.data, long), '')
        await chown(join(installed.data, long), somebody, somebody)
        await chmod(installed.data, 0o777)
        await chmod(join(installed.data, 'content'), 0o777)
        await chown(join(installed.data, 'config.json'), somebody, somebody)
        await chmod(join(installed.data, 'fleet.secret'), 0o666)
        await chown(join(installed.data, 'content', 'ab', 'x.data'), somebody, somebody)
        await configure()
        expect(await kept()).toEqual(['content', 'ticket'])
        expect(await readdir(join(installed.data, 'content', 'ab'))).toEqual(['y.data'])
        for (const path of ['', 'content', 'ticket'])
          expect((await stat(join(installed.data, path))).mode & 0o007).toBe(0)
        expect(await allAside()).toEqual([
          '1-config.json',
          '1-fleet.secret',
          '1-x.data',
          `1-${'x'.repeat(100)}`
        ])
      })

      it('with a file that lies elsewhere too does not give it our rights', async () => {
        const elsewhere = join(wine.driveC, 'elsewhere.txt')
        await writeFile(elsewhere, '', { mode: 0o644 })
        await mkdir(installed.data)
        await link(elsewhere, join(installed.data, 'ticket'))
        await configure()
        expect((await stat(elsewhere)).mode & 0o777).toBe(0o644)
        expect(await allAside()).toEqual(['1-ticket'])
      })

      it('that an administrator has for other things as well is refused and left as it is', async () => {
        await mkdir(join(installed.data, 'films'), { recursive: true })
        await writeFile(join(installed.data, 'config.json'), '{}')
        await chown(join(installed.data, 'config.json'), somebody, somebody)
        await chmod(installed.data, 0o777)
        const { code, stderr } = await installed.host('configure')
        expect(code).toBe(1)
        expect(stderr).toMatch(/films there is nothing of its.* such as C:\\ProgramData\\Starling\\Starling/)
        expect((await stat(installed.data)).mode & 0o777).toBe(0o777)
        expect((await readdir(installed.data)).sort()).toEqual(['config.json', 'films'])
        expect(await allAside()).toEqual([])
      })

      it('that an administrator has made empty is made anew, with a pin', async () => {
        await mkdir(installed.data)
        const before = await open(installed.data)
        await configure()
        expect(await readdir(installed.data)).toEqual([pin])
        expect((await stat(join(installed.data, pin))).mode & 0o007).toBe(0)
        // Who has it open from before, has something that is gone.
        expect((await before.stat()).nlink).toBe(0)
        await before.close()
      })

      it('that is ours, opened by an administrator since, starts and is closed again with all that is in it', async () => {
        await configure()
        await mkdir(join(installed.data, 'content'))
        for (const file of ['identity.key', 'content/x.data', 'planted'])
          await writeFile(join(installed.data, file), '')
        for (const path of ['', 'content', 'identity.key', 'content/x.data'])
          await chmod(join(installed.data, path), 0o777)
        await chown(join(installed.data, 'planted'), somebody, somebody)
        await installed.start()
        await told(() => true)
        await installed.stop()
        await isStopped()
        expect(await installed.log()).toMatch(/is open to .*Everyone.* configure as an administrator/)
        await configure()
        expect(await kept()).toEqual(expect.arrayContaining(['content', 'identity.key', 'told.jsonl']))
        for (const path of ['', 'content', 'identity.key', 'content/x.data'])
          expect((await stat(join(installed.data, path))).mode & 0o007).toBe(0)
        expect(await allAside()).toEqual(['1-planted'])
      })

      it('that is ours keeps all, whoever owns it', async () => {
        await configure()
        await writeFile(join(installed.data, 'identity.key'), '')
        // What the service has made has the service as its owner.
        await chown(join(installed.data, 'identity.key'), somebody, somebody)
        expect(await configure()).not.toContain('somebody else')
        expect(await kept()).toEqual(['identity.key'])
      })

      it.each(['missing', 'open', "somebody else's"])(
        'that is %s keeps the service from starting',
        async how => {
          if (how !== 'missing') await configure()
          // Nothing says that it was made by us: Wine does not keep the service's name in its rights.
          if (how === 'open') await rm(join(installed.data, pin))
          if (how === 'open') await chmod(installed.data, 0o777)
          if (how.startsWith('somebody')) await chown(installed.data, somebody, somebody)
          await installed.start()
          await vi.waitFor(async () => {
            // The service-specific code: the data folder cannot be used.
            expect((await wine.run('sc', ['query', 'Starling'])).stdout).toMatch(
              /STOPPED[^]*SERVICE_EXIT_CODE +: 73/
            )
          }, patience)
          expect(existsSync(installed.data) ? await kept() : []).toEqual([])
          expect(existsSync(installed.data)).toBe(how !== 'missing')
        }
      )
    })

    describe('the cache folder', () => {
      const named = 'C:\\Cache'
      const place = (): string => join(wine.driveC, 'Cache')
      const variable = 'STARLING_POLICY_DO_MODIFY_CACHE_DRIVE'
      const configure = async (cache: string): Promise<{ code: number; stderr: string }> => {
        await installed.environment({ [variable]: cache })
        return await installed.host('configure')
      }
      beforeEach(async () => {
        await rm(installed.data, { recursive: true, force: true })
        await rm(place(), { recursive: true, force: true })
      })
      afterEach(async () => {
        await removeRegistry(wine, settingsKey)
        await installed.environment({})
        await removeRegistry(wine, policyKey)
        await removeRegistry(wine, doPolicyKey)
      })

      it('is made with its rights, also out of an empty one', async () => {
        expect((await configure(named)).code).toBe(0)
        expect((await stat(place())).mode & 0o007).toBe(0)
        await chmod(place(), 0o777)
        expect((await configure(`${named}\\`)).code).toBe(0)
        expect((await stat(place())).mode & 0o002).toBe(0)
        await chown(place(), 1000, 1000)
        expect((await configure(named)).code).toBe(0)
        expect((await stat(place())).uid).toBe(0)
      })

      it('may have the data folder in it', async () => {
        await installed.settings({ DataDir: `${named}\\Data` })
        expect(await configure(named)).toMatchObject({ code: 0 })
        expect(await readdir(place())).toEqual(['Data'])
      })

      it('may lie in the data folder', async () => {
        await installed.settings({ DataDir: named })
        // An upgrade or a repair does it again.
        for (const _ of ['at first', 'again'])
          expect(await configure(`${named}\\Store`)).toMatchObject({ code: 0 })
        expect((await readdir(place())).sort()).toEqual(['Store', 'folder.pin'])
      })

      it('with things of others in it is refused and left as it is', async () => {
        await mkdir(join(place(), 'content'), { recursive: true })
        await writeFile(join(place(), 'diary.txt'), '')
        await chmod(place(), 0o777)
        const { code, stderr } = await configure(named)
        expect(code).toBe(1)
        expect(stderr).toMatch(
          /C:\\Cache: what is in it is not Starling's.* name an empty or a new folder, such as C:\\Cache\\Starling/
        )
        expect((await stat(place())).mode & 0o777).toBe(0o777)
        expect((await readdir(place())).sort()).toEqual(['content', 'diary.txt'])
        await rm(join(place(), 'diary.txt'))
        await writeFile(join(place(), 'content', 'planted'), '')
        await chown(join(place(), 'content', 'planted'), 1000, 1000)
        expect((await configure(named)).code).toBe(1)
        await chown(join(place(), 'content', 'planted'), 0, 0)
        // Nothing but a cache, from before.
        expect((await configure(named)).code).toBe(0)
        expect(await readdir(place())).toEqual(['content'])
        await rm(place(), { recursive: true })
        await writeFile(place(), '')
        expect((await configure(named)).stderr).toContain('C:\\Cache, which is a link or a file')
      })

      it('is where the agent has it: Group Policy before the settings, a drive, a variable', async () => {
        const made = (name: string): boolean => existsSync(join(wine.driveC, name))
        await configure('c:')
        expect(made('Starling')).toBe(true)
        await configure('%SystemDrive%/x/..//By Variable//')
        expect(made('By Variable')).toBe(true)
        await writeRegistry(wine, doPolicyKey, { DOModifyCacheDrive: 'C:\\By Windows' })
        await writeRegistry(wine, policyKey, { DOModifyCacheDrive: ' "C:\\By Policy" ' })
        await configure(named)
        expect(made('By Policy')).toBe(true)
        await removeRegistry(wine, policyKey)
        await writeRegistry(wine, policyKey, { honourDeliveryOptimizationPolicies: 0 })
        await configure(named)
        expect([made('Cache'), made('By Windows')]).toEqual([true, false])
        await writeRegistry(wine, policyKey, { honourDeliveryOptimizationPolicies: 1 })
        await configure(named)
        expect(made('By Windows')).toBe(true)
      })

      it('that Group Policy has where this machine cannot have it is a warning', async () => {
        await writeRegistry(wine, policyKey, { DOModifyCacheDrive: 'Q:\\Cache' })
        const { code, stderr } = await installed.host('configure')
        expect(code).toBe(0)
        expect(stderr).toMatch(
          /Group Policy \(DOModifyCacheDrive\) has the cache in Q:\\Cache, and this machine cannot/
        )
        await removeRegistry(wine, policyKey)
        await mkdir(place())
        await writeFile(join(place(), 'diary.txt'), '')
        await writeRegistry(wine, policyKey, { DOModifyCacheDrive: named })
        expect((await installed.host('configure')).code).toBe(0)
        await removeRegistry(wine, policyKey)
        // An admin who names one for this machine is told.
        expect((await configure('Q:\\Cache')).code).toBe(1)
      })

      it.each(['%NoSuchThing%\\x', 'cache', 'C:cache', '\\\\server\\share'])(
        '%s is no place, for the agent neither',
        async cache => {
          const { code, stderr } = await configure(cache)
          expect(code).toBe(0)
          expect(stderr).toContain(`${cache} is neither a drive nor a folder on one`)
        }
      )
    })

    it('firewall takes add and remove, and nothing else', async () => {
      // Wine's firewall takes everything and keeps nothing: that the rules are right only Windows can show.
      expect((await installed.host('firewall', 'add')).code).toBe(0)
      expect((await installed.host('firewall', 'remove')).code).toBe(0)
      expect((await installed.host('firewall', 'open')).code).toBe(2)
    })

    describe('service', () => {
      beforeEach(async () => {
        await rm(installed.data, { recursive: true, force: true })
        await removeRegistry(wine, policyKey)
        await installed.host('configure')
      })
      afterEach(async () => {
        await installed.stop()
        await isStopped()
      })

      it('runs the program until it is stopped, and lets it end what it does', async () => {
        await installed.environment({ STARLING_SITE: 'berlin' })
        await installed.settings({ Arguments: '--more "x y"' })
        await installed.start()
        const [first] = await told(() => true)
        await removeRegistry(wine, settingsKey)
        expect(first).toMatchObject({
          words: ['--stop-on-stdin-end', '--json', '--more', 'x y'],
          // Where only the service writes and reads: what an admin runs has it not (cli, above).
          env: {
            STARLING_SITE: 'berlin',
            UV_THREADPOOL_SIZE: '16',
            NODE_COMPILE_CACHE: 'C:\\ProgramData\\Starling\\compile-cache'
          }
        })
        await installed.stop()
        const all = await told(fact => fact['stopped'] === true)
        expect(all.slice(1)).toEqual([{ line: null }, { stopped: true }])
        await vi.waitFor(async () => expect(await installed.log()).toMatch(/exit code 0/), patience)
        expect(await installed.log()).toMatch(/said on stdout: \u65e5\u672c[^]*said on stderr/)
      })

      it('starts it again after 1, 2, 4 s when it ends by itself', async () => {
        await installed.environment({ STARLING_TEST_DEED: 'crash' })
        await installed.start()
        await vi.waitFor(async () => expect((await installed.told()).length).toBe(4), patience)
        const waits = [...(await installed.log()).matchAll(/exit code was 3 .*?next start is in (\d+) s/g)]
        expect(waits.slice(0, 3).map(([, seconds]) => seconds)).toEqual(['1', '2', '4'])
      })

      it('does without a log that cannot be opened', async () => {
        await writeFile(join(installed.data, 'logs'), 'no folder')
        await installed.environment({})
        await installed.start()
        await told(fact => fact['started'] !== undefined)
        expect(await readFile(join(installed.data, 'logs'), 'utf8')).toBe('no folder')
      })

      it('waits for the drive of its data folder, and is stopped while it waits', async () => {
        const drive = join(wine.driveC, '..', 'dosdevices', 'q:')
        const disk = join(wine.driveC, 'disk of q')
        await mkdir(disk)
        const state = async (): Promise<string> => (await wine.run('sc', ['query', 'Starling'])).stdout
        await installed.environment({})
        await installed.settings({ DataDir: 'Q:\\Starling' })
        try {
          await installed.start()
          await vi.waitFor(async () => expect(await state()).toContain('RUNNING'), patience)
          await installed.stop()
          await isStopped()
          expect(await state()).toMatch(/SERVICE_EXIT_CODE +: 0/)
          await installed.start()
          await vi.waitFor(async () => expect(await state()).toContain('RUNNING'), patience)
          await symlink('../drive_c/disk of q', drive)
          expect(await installed.host('configure')).toMatchObject({ code: 0 })
          const file = join(disk, 'Starling', 'told.jsonl')
          await vi.waitFor(async () => expect(await readFile(file, 'utf8')).toContain('started'), patience)
          await installed.stop()
          await isStopped()
        } finally {
          await rm(drive, { force: true })
          await removeRegistry(wine, settingsKey)
        }
      })

      it('does not start it again when its configuration cannot be used', async () => {
        await installed.environment({ STARLING_TEST_DEED: 'misconfigured' })
        await installed.start()
        await vi.waitFor(async () => expect(await installed.log()).toMatch(/is not started again/), patience)
        await isStopped()
        expect(await installed.told()).toHaveLength(1)
      })

      it('tells it when policy changes, comes and goes', async () => {
        await installed.environment({})
        await installed.start()
        await told(() => true)
        const lines = async (): Promise<number> =>
          (await installed.told()).filter(fact => fact['line'] === 'policy').length
        await writeRegistry(wine, policyKey, { DODownloadMode: 1 })
        await vi.waitFor(async () => expect(await lines()).toBe(1), patience)
        await writeRegistry(wine, `${policyKey}\\DOCacheHost`, { '1': 'gw' })
        await vi.waitFor(async () => expect(await lines()).toBe(2), patience)
        await removeRegistry(wine, policyKey)
        await vi.waitFor(async () => expect(await lines()).toBe(3), patience)
        await writeRegistry(wine, 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Other', { x: 1 })
        await writeRegistry(wine, policyKey, { DODownloadMode: 2 })
        await vi.waitFor(async () => expect(await lines()).toBe(4), patience)
      })

      it('ends one that does not stop, with all that it has started', async () => {
        await installed.environment({ STARLING_TEST_DEED: 'deaf' })
        await installed.start()
        await told(() => true)
        await installed.stop()
        await vi.waitFor(
          async () => expect(await installed.log()).toMatch(/not stopped within 2 s/),
          patience
        )
      })

      it('is stopped in time while it hangs and takes no word', async () => {
        await installed.environment({ STARLING_TEST_DEED: 'hung' })
        await installed.start()
        await told(() => true)
        await writeRegistry(wine, policyKey, { DODownloadMode: 1 })
        await vi.waitFor(async () => expect(await installed.log()).toMatch(/policy has changed"/), patience)
        await writeRegistry(wine, policyKey, { DODownloadMode: 2 })
        await vi.waitFor(
          async () => expect(await installed.log()).toMatch(/policy has changed, but/),
          patience
        )
        await installed.stop()
        const late = /not stopped within 2 s[^]*stopped Starling Agent/
        await vi.waitFor(async () => expect(await installed.log()).toMatch(late), patience)
      })

      it('begins a new log at 8 MiB', async () => {
        await installed.environment({ STARLING_TEST_DEED: 'much' })
        await installed.start()
        const logs = join(installed.data, 'logs')
        await vi.waitFor(async () => expect(await readdir(logs)).toContain('service.log.1'), patience)
        const full = await readFile(join(logs, 'service.log.1'), 'utf8')
        expect(full.length).toBeLessThanOrEqual(8 * 1024 * 1024 + 64 * 1024)
        expect(full.at(-1)).toBe('\n')
      })
    })

    describe('purge', () => {
      const fill = async (): Promise<void> => {
        // The service's last words may still be on their way into it.
        await rm(installed.data, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
        for (const folder of ['logs', 'content/ab', 'index', 'orders'])
          await mkdir(join(installed.data, folder), { recursive: true })
        for (const file of ['logs/service.log', 'content/ab/x.data', 'facts.log', 'agent.key', 'orders/a'])
          await writeFile(join(installed.data, file), '')
      }

      it('removes all but the cache, or all', async () => {
        await fill()
        expect(await installed.host('purge')).toMatchObject({ code: 0, stderr: '' })
        expect((await readdir(installed.data)).sort()).toEqual(['content', 'facts.log', 'index'])
        expect((await installed.host('purge', 'cache')).code).toBe(0)
        expect(existsSync(installed.data)).toBe(false)
        // Nothing is there any more, and that is as it should be.
        expect((await installed.host('purge', 'cache')).code).toBe(0)
      })

      it('needs no installation around it when it is told all', async () => {
        await fill()
        const alone = inWindows(wine, 'C:\\Alone')
        await mkdir(alone)
        await copyFile(host, join(alone, 'MSI1.tmp'))
        const purge = (...words: readonly string[]): ReturnType<WineSession['run']> =>
          wine.run('C:\\Alone\\MSI1.tmp', ['purge', ...words])
        expect((await purge('Starling', 'C:\\.', '')).stderr).toContain('is no folder on a drive')
        // As Windows Installer writes them, where a folder may end with a backslash or hold variables.
        expect((await purge('Starling', '#%%ProgramData%\\Starling\\.', 'content|index')).code).toBe(0)
        expect((await readdir(installed.data)).sort()).toEqual(['content', 'index'])
        expect((await purge('Starling', 'C:\\ProgramData\\Starling\\\\.', '', '\\.')).code).toBe(0)
        expect(existsSync(installed.data)).toBe(false)
        // Of a drive, as a property has it, it is the folder on it.
        const place = inWindows(wine, 'C:\\Starling')
        for (const drive of ['C:', 'C', 'c:\\']) {
          await mkdir(join(place, 'content'), { recursive: true })
          const words = ['Starling', 'C:\\ProgramData\\Starling\\\\.', '', `${drive}\\.`]
          expect((await purge(...words)).code).toBe(0)
          expect(existsSync(place), drive).toBe(false)
        }
      })

      it('keeps a cache that was given a place in the data folder, until it is to go', async () => {
        await fill()
        const cache = 'c:\\programdata\\Starling\\Cache'
        await mkdir(join(installed.data, 'Cache', 'content'), { recursive: true })
        await mkdir(join(installed.data, 'Cache of others'))
        await installed.environment({ STARLING_POLICY_DO_MODIFY_CACHE_DRIVE: `${cache}\\deep` })
        expect((await installed.host('purge')).code).toBe(0)
        const kept = ['Cache', 'content', 'facts.log', 'index']
        expect((await readdir(installed.data)).sort()).toEqual(kept)
        await installed.environment({})
        const alone = ['purge', 'Starling', 'C:\\ProgramData\\Starling\\.', 'content|index', `${cache}\\.`]
        expect((await installed.host(...alone)).code).toBe(0)
        expect((await readdir(installed.data)).sort()).toEqual(['Cache', 'content', 'index'])
        expect((await installed.host('purge', 'cache')).code).toBe(0)
        expect(existsSync(installed.data)).toBe(false)
      })

      it('empties a cache that lies elsewhere of what is ours', async () => {
        const place = inWindows(wine, 'C:\\Cache of All')
        const content = `content/ab/${'ab'.repeat(32)}`
        await mkdir(join(place, 'content', 'ab'), { recursive: true })
        await mkdir(join(place, 'content', 'films'))
        const others = [
          'content/ab/holidays.data',
          `content/films/${'ab'.repeat(32)}.data`,
          'somebody else.txt'
        ]
        for (const file of [`${content}.data`, `${content}.manifest`, ...others])
          await writeFile(join(place, file), '')
        await installed.environment({ STARLING_POLICY_DO_MODIFY_CACHE_DRIVE: 'C:\\Cache of All' })
        const files = async (): Promise<readonly string[]> =>
          (await readdir(place, { recursive: true, withFileTypes: true }))
            .filter(entry => entry.isFile())
            .map(entry => join(entry.parentPath, entry.name).slice(place.length + 1))
            .sort()
        expect((await installed.host('purge')).code).toBe(0)
        expect(await files()).toHaveLength(5)
        expect(await installed.host('purge', 'cache')).toMatchObject({ code: 0, stderr: '' })
        expect(await files()).toEqual(others)
        for (const file of others) await rm(join(place, file))
        await writeFile(join(place, `${content}.data`), '', { mode: 0o444 })
        await rm(join(place, 'content', 'films'), { recursive: true })
        expect(await installed.host('purge', 'cache')).toMatchObject({ code: 0, stderr: '' })
        await installed.environment({})
        expect(existsSync(place)).toBe(false)
      })
    })

    it('says what it can do, and what is wrong with an installation', async () => {
      expect(await installed.host()).toMatchObject({ code: 2 })
      expect((await installed.host('purge', 'everything')).code).toBe(2)
      expect((await installed.host('service')).stderr).toContain('sc start Starling')
      await installed.settings({ DataDir: 'C:\\' })
      const { code, stderr } = await installed.host('purge', 'cache')
      await removeRegistry(wine, settingsKey)
      expect(code).toBe(1)
      expect(stderr).toMatch(/no folder on a drive: correct DataDir/)
    })

    /** Then there is nothing to stop. */
    function isStopped(): Promise<void> {
      return vi.waitFor(async () => {
        if ((await installed.stop()).code === 0) throw new Error('the service runs on')
      }, patience)
    }

    /** All that the script has told, once one of it is `wanted`. */
    function told(
      wanted: (fact: Readonly<Record<string, unknown>>) => boolean
    ): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>> {
      return vi.waitFor(async () => {
        const all = await installed.told()
        expect(all.some(wanted)).toBe(true)
        return all
      }, patience)
    }
  })
})

/** node.exe needs a second or two to begin in Wine, on a loaded machine ten. */
const patience = { timeout: 60_000, interval: 100 }
