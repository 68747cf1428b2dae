import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runLine } from './command-line.ts'
import { makePrefix } from './prefix.ts'
import { readRegistry, removeRegistry, writeRegistry } from './registry.ts'
import { describeOnWine, firstWineMs } from './requirement.ts'
import { openWine, type WineSession } from './session.ts'

const house = openHouse()
afterAll(() => house.close())

describeOnWine('Windows programs in Wine', () => {
  let wine: WineSession
  let prefix: string
  const shared = house.folder('shared')
  beforeAll(async () => {
    prefix = await makePrefix(house.folder('prefix'))
    wine = await openWine(prefix, { shared })
  }, firstWineMs)
  afterAll(() => wine?.close())

  it('run on a Windows 10, with a folder of ours, and say how they ended', { timeout: 60_000 }, async () => {
    await writeFile(join(shared, 'here.txt'), 'from Linux')
    const version = await wine.run('cmd', ['/c', 'ver & type Z:\\mnt\\shared\\here.txt & exit 7'])
    expect(version).toMatchObject({ code: 7 })
    expect(version.stdout).toMatch(/Windows 10\.0\.\d+[^]*from Linux/)
    // Unix would say 67.
    expect((await runLine(wine, 'cmd /c exit 1603')).code).toBe(1603)
  })

  it('see the registry that we write, letters of all languages included', { timeout: 60_000 }, async () => {
    const key = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Starling Test'
    const values = { text: 'é "日本" \\', number: 4_000_000_000, list: { raw: 'hex(7):61,00,00,00,00,00' } }
    await writeRegistry(wine, key, values)
    expect(await readRegistry(wine, key)).toEqual(new Map([[key, values]]))
    await removeRegistry(wine, key)
    expect(await readRegistry(wine, key)).toBeNull()
  })

  it('that do not end in time are ended, and told', { timeout: 60_000 }, async () => {
    const forever = wine.run('cmd', ['/c', 'for /l %i in (0,0,1) do rem'], { withinMs: 1500 })
    await expect(forever).rejects.toMatchObject({ code: 'wine-late' })
  })

  it('end with their session, whose registry stays', { timeout: 60_000 }, async () => {
    const key = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Starling Kept'
    await writeRegistry(wine, key, { kept: 'yes' })
    const child = wine.start('cmd', [])
    const ended = new Promise(resolve => child.once('exit', resolve))
    await wine.close()
    await ended
    wine = await openWine(prefix)
    expect((await readRegistry(wine, key))?.get(key)).toEqual({ kept: 'yes' })
    expect(await readFile(join(wine.driveC, 'windows', 'system.ini'), 'utf8')).toContain('[')
  })
})
