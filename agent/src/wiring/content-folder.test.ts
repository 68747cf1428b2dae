import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { contentPlaceAt } from './content-folder.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'starling-cache-'))
})
afterEach(() => rm(root, { recursive: true }))

const at = (place: string | null, env: NodeJS.ProcessEnv = {}) =>
  contentPlaceAt(place, { platform: 'linux', env })

it('the content lies where policy has it, and nothing is left of the trial', async () => {
  const folder = join(root, 'a', 'cache')
  expect(await at(folder)).toEqual({ folder, trouble: null })
  expect(await readdir(folder)).toEqual([])
  expect(await at(null)).toEqual({ folder: null, trouble: null })
})

it('a place that cannot be used leaves it in the data folder, and says who has to do what', async () => {
  await writeFile(join(root, 'file'), '')
  const folder = join(root, 'file', 'cache')
  const host = { STARLING_SERVICE_HOST: 'C:\\S\\starling-service.exe' }
  expect(await at(folder, host)).toEqual({
    folder: null,
    trouble: expect.stringMatching(/cannot lie in .+"C:\\S\\starling-service\.exe" configure as an admin/)
  })
  expect(await at(folder)).toEqual({
    folder: null,
    trouble: expect.stringContaining('give this account the right to write there')
  })
  expect(await at('not/absolute')).toEqual({
    folder: null,
    trouble: expect.stringContaining('no absolute path')
  })
})
