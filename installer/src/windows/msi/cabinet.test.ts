import { execFile, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openHouse } from '@starling/test/e2e/harness.ts'
import { afterAll, expect, it } from 'vitest'
import { cabinetOf, dataBlock } from './cabinet.ts'

const house = openHouse()
afterAll(() => house.close())
const hasGcab = spawnSync('gcab', ['--version']).error === undefined
it.runIf(!hasGcab && process.env['CI'] === 'true')('CI can read a cabinet', () => {
  throw new Error('apt-get install -y --no-install-recommends gcab')
})

const folder = house.folder('cabinet')
const from = house.folder('from')
const date = new Date('2026-03-04T05:06:08Z')
const random = randomBytes(40_000)
/** Of no length, of one that is no multiple of anything, and one that is only small when a block looks back into the one before. */
const contents = new Map<string, Buffer>([
  ['F_empty', Buffer.alloc(0)],
  ['F_text', Buffer.from('text '.repeat(10_001))],
  ['F_again', Buffer.concat([random.subarray(0, 30_000), random.subarray(0, 30_000)])]
])

async function packed(): Promise<Array<{ readonly key: string; readonly path: string }>> {
  const files = [...contents].map(([key, bytes]) => ({ key, path: join(from, key), bytes }))
  for (const { path, bytes } of files) await writeFile(path, bytes)
  return files
}

it.skipIf(!hasGcab)('holds files that others read as they were, with their date', async () => {
  const file = join(folder, 'one.cab')
  await writeFile(file, await cabinetOf(await packed(), date))
  await promisify(execFile)('gcab', ['--extract', file], { cwd: folder })
  for (const [key, bytes] of contents)
    expect((await readFile(join(folder, key))).equals(bytes), key).toBe(true)
  const { stdout } = await promisify(execFile)('gcab', ['--list-details', file], {
    env: { ...process.env, TZ: 'UTC' }
  })
  expect(stdout).toContain('2026-03-04 05:06:08')
})

it('looks back beyond the beginning of a block', async () => {
  // 30,000 bytes that nothing makes smaller, twice, and a text.
  expect((await cabinetOf(await packed(), date)).length).toBeLessThan(31_500)
})

it('has no block that Windows would not read', () => {
  // 32 KiB and 12, with two letters before them.
  expect(dataBlock(Buffer.alloc(32_778), 32_768)).toHaveLength(8 + 32_780)
  expect(() => dataBlock(Buffer.alloc(32_779), 32_768)).toThrow(/32781 bytes/)
})
