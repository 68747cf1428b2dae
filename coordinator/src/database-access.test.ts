import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databaseVariable, passwordVariable, readDatabaseAccess } from './database-access.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-database-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const database = 'postgres://starling@db.example.org:5432/fleet'
const bad = { code: 'bad-config' }

describe('where the database is', () => {
  it('is SQLite, unless told otherwise by the command line or else the environment', async () => {
    expect(await readDatabaseAccess({}, {})).toBeNull()
    expect(await readDatabaseAccess({}, { [databaseVariable]: 'postgres://u:secret@h/db' })).toEqual({
      url: 'postgres://u:secret@h/db'
    })
    expect(await readDatabaseAccess({ database }, { [databaseVariable]: 'postgres://h/db' })).toEqual({
      url: database
    })
  })

  it.each(['mysql://h/db', 'h/db', 'postgres://h', 'postgres://h/', `${database}?sslmode=no-verify`])(
    'is not "%s"',
    async text => {
      await expect(readDatabaseAccess({ database: text }, {})).rejects.toMatchObject(bad)
    }
  )

  it('has its password from a file that only its owner reads, or from the environment, never from the command line', async () => {
    const file = join(folder, 'password')
    await writeFile(file, 'geheim:@/\n', { mode: 0o600 })
    const env = { [passwordVariable]: 'other' }
    expect(await readDatabaseAccess({ database, databasePasswordFile: file }, env)).toEqual({
      url: database,
      password: 'geheim:@/'
    })
    expect(await readDatabaseAccess({ database }, env)).toEqual({ url: database, password: 'other' })
    for (const url of ['postgres://starling:geheim@h/db', 'postgres://starling@h/db?password=geheim']) {
      const refused = readDatabaseAccess({ database: url }, {})
      await expect(refused).rejects.toMatchObject(bad)
      await expect(refused).rejects.not.toThrow(/geheim/)
    }
    await expect(readDatabaseAccess({ databasePasswordFile: file }, {})).rejects.toMatchObject(bad)
    const missing = { database, databasePasswordFile: join(folder, 'none') }
    await expect(readDatabaseAccess(missing, {})).rejects.toMatchObject(bad)
    if (process.platform === 'win32') return
    await chmod(file, 0o644)
    await expect(readDatabaseAccess({ database, databasePasswordFile: file }, {})).rejects.toMatchObject({
      code: 'secret-file-exposed'
    })
  })
})
