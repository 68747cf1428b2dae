import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createLayout } from '../store/layout.ts'
import { contentPlaceAt, contentTrouble } from './content-folder.ts'

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

it('the content lies in the data folder on a machine without the drive that policy names', async () => {
  const onWindows = (place: string | null, drives: readonly string[]) =>
    contentPlaceAt(place, { platform: 'win32', env: {}, isThere: async root => drives.includes(root) })
  expect(await onWindows('E:', ['C:\\'])).toEqual({
    folder: null,
    trouble: expect.stringContaining('no drive E:\\')
  })
  expect(await onWindows('E:\\a\\b', ['C:\\', 'E:\\'])).toEqual({ folder: 'E:\\a\\b', trouble: null })
  expect(await onWindows(null, [])).toEqual({ folder: null, trouble: null })
  expect(await onWindows('\\\\nas\\cache', [])).toEqual({
    folder: null,
    trouble: expect.stringContaining('neither a drive')
  })
})

it('another folder with a name that begins so, and a full disk, are another matter', () => {
  const error = (code: string, path: string) => Object.assign(new Error(code), { code, path })
  const same = (thrown: Error) => expect(contentTrouble(thrown, '/d/cache', undefined)).toBe(thrown)
  same(error('EACCES', '/d/cache2/x'))
  same(error('ENOSPC', '/d/cache/x'))
  expect(contentTrouble(error('EACCES', '/d/cache/x'), '/d/cache', undefined)).toMatchObject({
    code: 'cache-folder-unusable'
  })
})
