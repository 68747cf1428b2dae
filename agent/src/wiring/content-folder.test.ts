import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createLayout } from '../store/layout.ts'
import { contentTrouble } from './content-folder.ts'

it('a cache folder that cannot be made says who has to do what; another error stays as it is', async () => {
  const root = await mkdtemp(join(tmpdir(), 'starling-cache-'))
  try {
    await writeFile(join(root, 'file'), '')
    const folder = join(root, 'file', 'cache')
    const error = await createLayout(join(root, 'data'), folder).catch(thrown => thrown)
    expect(contentTrouble(error, folder, 'C:\\S\\starling-service.exe')).toMatchObject({
      code: 'cache-folder-unusable',
      message: expect.stringMatching(
        /cache cannot lie in .+"C:\\S\\starling-service\.exe" configure as an admin/
      )
    })
    expect(contentTrouble(error, folder, undefined)).toMatchObject({
      message: expect.stringContaining('give this account the right to write there')
    })
    expect(contentTrouble(error, join(root, 'other'), undefined)).toBe(error)
    expect(contentTrouble(error, null, undefined)).toBe(error)
  } finally {
    await rm(root, { recursive: true })
  }
})
