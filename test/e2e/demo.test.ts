import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MiB } from '@starling/shared/units.ts'
import { afterAll, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { openHouse } from './harness.ts'
import { poll } from './site.ts'

const house = openHouse()
afterAll(() => house.close())

const program = 'test/demo/demo.ts'
const windowsProgram = 'test/demo/windows-update.ts'

/** Everything that the demo starts gets its folders in here, so what it leaves behind can be seen. */
function ownTemp(): { folder: string; env: Record<string, string> } {
  const folder = house.folder('demo-temp')
  return { folder, env: { TMPDIR: folder, TEMP: folder, TMP: folder } }
}

/** Processes that were told of the folder; empty where there is no /proc to look at. */
function usersOf(folder: string): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc').flatMap(pid => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      return words.includes(folder) && Number(pid) !== process.pid ? [words.replaceAll('\0', ' ')] : []
    } catch {
      return []
    }
  })
}

test('npm start -- FILE --once --json: one object with the figures, and nothing left behind', async () => {
  const content = seededContent('demo', 24 * MiB + 99)
  const file = join(house.folder('demo-file'), 'update.bin')
  writeFileSync(file, await content.read(0, content.length))
  const { folder, env } = ownTemp()

  const { code, stdout, stderr } = await house.run(program, [file, '--once', '--json'], env)
  expect(code, stderr).toBe(0)
  const result = JSON.parse(stdout.trim().split('\n').at(-1)!)
  expect(result).toMatchObject({
    sha256Equal: true,
    bytes: content.length,
    wanCountedBy: 'origin',
    problem: null
  })
  expect(result.wanAmplification).toBeGreaterThanOrEqual(1)
  expect(result.wanBytes).toBeLessThanOrEqual(content.length + 4 * MiB)
  expect(result.shareFromLan).toBeGreaterThanOrEqual(0.6)
  expect(result.seconds).toBeGreaterThan(0)
  expect(result.agents).toHaveLength(3)
  for (const agent of result.agents) expect(agent.sha256).toBe(await sha256Of(content))
  expect(stderr).toContain('WAN amplification')

  expect(readdirSync(folder)).toEqual([])
  expect(usersOf(folder)).toEqual([])
})

test.skipIf(process.platform === 'win32')(
  'Ctrl-C in the middle stops everything and removes everything',
  async () => {
    const { folder, env } = ownTemp()
    const file = join(house.folder('demo-file'), 'long.bin')
    writeFileSync(file, await seededContent('long demo', 16 * MiB).read(0, 16 * MiB))
    // 8 Mbit/s: it would take 16 s.
    const demo = house.begin('demo', program, [file, '--wan-mbit', '8'], env)
    await demo.said(/^ +[\d.]+ s +agent-1 /, 40_000)
    expect(usersOf(folder).length, 'coordinator and agents run').toBeGreaterThanOrEqual(4)
    process.kill(demo.pid, 'SIGINT')
    expect(await demo.ended).toEqual({ code: 130, signal: null })
    expect(
      await poll(
        5000,
        async () => usersOf(folder),
        users => users.length === 0
      )
    ).toEqual([])
    expect(readdirSync(folder)).toEqual([])
  }
)

test('a file that is not there is a plain sentence and exit code 2', async () => {
  const { code, stderr } = await house.run(program, ['/no/such/file'])
  expect(code).toBe(2)
  expect(stderr).toContain('/no/such/file')
  expect(stderr).not.toMatch(/\n\s+at /)
})

test("demo:windows-update: Windows' own clients get what they should, and a file crosses once", async () => {
  const { folder, env } = ownTemp()
  const { code, stdout, stderr } = await house.run(windowsProgram, ['--size-mib', '8', '--json'], env)
  expect(code, stderr).toBe(0)
  const { rows } = JSON.parse(stdout.trim().split('\n').at(-1)!)
  expect(rows).toHaveLength(10)
  for (const row of rows) expect(row).toMatchObject({ hashEqual: true, complaints: [] })
  const crossed = rows.slice(0, 8).map((row: { fromOrigin: number }) => row.fromOrigin > 0)
  expect(crossed, 'the first for each file').toEqual([true, false, false, true, false, false, true, false])
  expect(stderr).toContain('No client had anything to complain about.')
  expect(readdirSync(folder)).toEqual([])
  expect(usersOf(folder)).toEqual([])
})

test('demo:windows-update: wrong options are a plain sentence and exit code 2', async () => {
  const { code, stderr } = await house.run(windowsProgram, ['--size-mib', 'many'])
  expect(code).toBe(2)
  expect(stderr).toContain('--size-mib takes a whole number')
  expect(stderr).not.toMatch(/\n\s+at /)
})
