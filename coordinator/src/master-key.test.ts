/** A new master key on a real database and real files: whenever the coordinator is killed in between, it starts again. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { byItself } from './by.ts'
import { createLog } from './log.ts'
import {
  bringMasterKey,
  findMasterKey,
  formatMasterKey,
  loadMasterKey,
  masterKeyPlace
} from './master-key.ts'
import { createSealingKey } from './sealing.ts'
import { openAudit } from './store/audit.ts'
import type { Database } from './store/database.ts'
import { openDatabase } from './store/open.ts'
import { openSecrets } from './store/secrets.ts'
import { createUpkeep } from './store/upkeep.ts'

let folder: string
const opened: Database[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-master-key-'))
})
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close()
  await rm(folder, { recursive: true, force: true })
})

/** As a coordinator that starts. @param killedAfter its last step */
async function open(killedAfter: 'beside' | 'wrapped' | null = null) {
  for (const database of opened.splice(0)) await database.close()
  const place = masterKeyPlace(folder, {}, {})
  const database = await openDatabase({ folder }, createLog('silent'))
  opened.push(database)
  const secrets = await openSecrets(database, await loadMasterKey(place), Date.now, fits =>
    findMasterKey(place, fits)
  )
  const audit = await openAudit(database, secrets, Date.now)
  const bring = async (from: string | null) => {
    const key = await bringMasterKey(place, from)
    if (killedAfter === 'beside') throw new Error('killed')
    return key
  }
  const killed = () => Promise.reject(new Error('killed'))
  const upkeep = createUpkeep(database, {
    secrets: killedAfter === 'wrapped' ? { ...secrets, settleMasterKey: killed } : secrets,
    audit,
    dataFolder: folder,
    bringMasterKey: bring
  })
  return {
    database,
    secrets,
    audit,
    change: (from: string | null = null) => upkeep.changeMasterKey(from, byItself('change'))
  }
}
const files = async () => (await readdir(folder)).filter(name => name.startsWith('master.key')).toSorted()
const keyOnDisk = () => readFile(join(folder, 'master.key'), 'utf8')

it('takes the place of the old one, is in the audit log, and opens what was sealed before', async () => {
  const { database, secrets, audit, change } = await open()
  const old = await keyOnDisk()
  await database.transaction(within => secrets.write(within, 'a', Buffer.from('kept')))
  expect(await change()).toBe(2)
  expect(await keyOnDisk()).not.toBe(old)
  expect(await files()).toEqual(['master.key'])
  expect(await audit.page({ count: 1 })).toMatchObject([{ action: 'change', target: '2 secrets' }])
  const again = await open()
  expect(Buffer.from((await again.secrets.read('a'))!).toString()).toBe('kept')
  expect(await again.audit.verify()).toMatchObject({ problem: null })

  await writeFile(join(folder, 'master.key'), old)
  await expect(open()).rejects.toMatchObject({ code: 'master-key-wrong' })
})

it('is the one that is brought in a file', async () => {
  const { change } = await open()
  const written = formatMasterKey(createSealingKey())
  const file = join(folder, 'brought')
  await expect(change(file)).rejects.toMatchObject({ code: 'master-key-missing' })
  await writeFile(file, `${written}\n`, { mode: 0o600 })
  await change(file)
  expect(await keyOnDisk()).toBe(written)
})

it.each(['beside', 'wrapped'] as const)(
  'is changed whole or not at all when the coordinator is killed after it was %s, and can be changed again',
  async killedAfter => {
    const { change } = await open(killedAfter)
    const old = await keyOnDisk()
    await expect(change()).rejects.toThrow('killed')
    expect(await files()).toEqual(['master.key', 'master.key.next'])
    const next = await readFile(join(folder, 'master.key.next'), 'utf8')
    const again = await open()
    expect(await keyOnDisk()).toBe(killedAfter === 'wrapped' ? next : old)
    expect(await again.audit.verify()).toMatchObject({ problem: null })
    await again.change()
    expect(await files()).toEqual(['master.key'])
    // One that was broken off is gone on with: nobody else may have been given that file for nothing.
    expect((await keyOnDisk()) === next).toBe(killedAfter === 'beside')
    await open()
  }
)

it('cannot be changed where it comes from the environment', async () => {
  await expect(bringMasterKey({ kind: 'text', text: '' }, null)).rejects.toMatchObject({
    code: 'master-key-elsewhere'
  })
})
