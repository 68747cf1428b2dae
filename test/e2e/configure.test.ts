/** `starling configure` as a person runs it: a real agent, the real go command, its real settings in a home of its own. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { putGoModules } from '../doubles/packages.ts'
import { openHouse } from './harness.ts'
import { agentProgram, fleetSecret, startAgent, type AgentHandle } from './site.ts'
import { goInstall, hasGo } from './tools.ts'

const isGoHere = hasGo()
const house = openHouse()
afterAll(() => house.close())

if (!isGoHere)
  console.warn(
    `\n*** no go here: the tests of starling configure with the real go command are skipped. Run: ${goInstall}\n`
  )

test.runIf(!isGoHere && process.env.CI === 'true')('go is installed, as it must be in CI', () => {
  expect.fail(`go is missing: ${goInstall}`)
})

describe.skipIf(!isGoHere)('starling configure, for the go command', () => {
  let origin: Origin
  let agent: AgentHandle
  let home: string
  let env: Record<string, string>
  const args = (): string[] => [
    '--mirrors',
    JSON.stringify([
      {
        name: 'modules',
        kind: 'go',
        upstream: `${origin.url}/proxy`,
        private: ['corp.example', '*.lab.example']
      }
    ])
  ]

  beforeAll(async () => {
    origin = await startOrigin()
    house.keep(() => origin.close())
    putGoModules(origin, '/proxy', [{ path: 'example.com/small', version: 'v1.0.0' }])
    agent = await startAgent(house, 'configured', { secret: fleetSecret(), args: args() })
    home = house.folder('configure-home')
    env = {
      HOME: home,
      XDG_CONFIG_HOME: join(home, '.config'),
      GOPROXY: '',
      GONOSUMDB: '*',
      GOFLAGS: '-modcacherw'
    }
  })

  const starling = (...words: string[]) =>
    house.run(agentProgram, ['configure', ...words, '--data', agent.folder, '--wait', '0'], env)
  // Not in sync: the origin is in this process.
  const go = async (...words: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)('go', words, { cwd: home, env: { ...process.env, ...env } })
    return stdout.trim()
  }
  const goFile = (): Promise<string> => go('env', 'GOENV')

  test('it fetches through the agent after --apply, and as before after --undo', async () => {
    mkdirSync(dirname(await goFile()), { recursive: true })
    writeFileSync(await goFile(), 'GOPRIVATE=own.example\nGOPROXY=https://proxy.corp.example,off\n')
    const before = readFileSync(await goFile(), 'utf8')
      .split('\n')
      .toSorted()

    const whatIf = await starling('--apply', 'go', '--what-if')
    expect([whatIf.code, await go('env', 'GOPROXY')]).toEqual([0, 'https://proxy.corp.example,off'])
    expect(existsSync(join(agent.folder, 'client-settings.json'))).toBe(false)

    const ours = `${agent.proxy}/m/modules|https://proxy.corp.example,off`
    const applied = await starling('--apply', 'go')
    expect([applied.code, applied.stderr]).toEqual([0, ''])
    expect(applied.stdout).toContain(`go env GOPROXY: https://proxy.corp.example,off -> ${ours}`)
    expect(await go('env', 'GOPROXY', 'GOPRIVATE')).toBe(`${ours}\nown.example,corp.example,*.lab.example`)
    expect(await go('list', '-m', '-versions', 'example.com/small')).toBe('example.com/small v1.0.0')

    const again = await starling('--apply', 'go', '--json')
    expect([again.code, JSON.parse(again.stdout)]).toEqual([
      0,
      [{ item: 'go', level: 'user', changes: [], notes: [] }]
    ])
    const list = await starling('--list', '--json')
    expect(JSON.parse(list.stdout)).toMatchObject([
      {
        item: 'go',
        state: 'applied',
        refusal: null,
        values: [{ now: ours, by: 'starling' }, { by: 'starling' }]
      }
    ])

    const undone = await starling('--undo', 'all')
    expect(undone.code).toBe(0)
    expect(
      readFileSync(await goFile(), 'utf8')
        .split('\n')
        .toSorted()
    ).toEqual(before)
    expect(existsSync(join(agent.folder, 'client-settings.json'))).toBe(false)
  })

  test('what was changed since then is left alone', async () => {
    await starling('--apply', 'go')
    await go('env', '-w', 'GOPROXY=https://elsewhere.example')
    const undone = await starling('--undo', 'go')
    expect([undone.code, await go('env', 'GOPROXY', 'GOPRIVATE')]).toEqual([
      0,
      'https://elsewhere.example\nown.example'
    ])
    expect(undone.stderr).toContain('GOPROXY is left as it is (https://elsewhere.example)')
  })

  test('nothing is changed while no agent runs, where the environment would beat it, and of what is a setting of Windows', async () => {
    const content = readFileSync(await goFile(), 'utf8')
    const beaten = await house.run(agentProgram, ['configure', '--apply', 'go', '--data', agent.folder], {
      ...env,
      GOPROXY: 'direct'
    })
    expect([beaten.code, beaten.stderr]).toEqual([
      1,
      expect.stringContaining('(direct) beats what the go command keeps')
    ])
    const windows = await starling('--apply', 'delivery-optimization', '--json')
    expect([windows.code, JSON.parse(windows.stdout)]).toEqual([
      1,
      [{ item: 'delivery-optimization', error: expect.objectContaining({ code: 'not-here' }) }]
    ])
    await agent.stop()
    const alone = await starling('--apply', 'go')
    expect([alone.code, alone.stderr]).toEqual([1, expect.stringContaining('no agent runs on')])
    expect(readFileSync(await goFile(), 'utf8')).toBe(content)
    const undone = await starling('--undo', 'all')
    expect([undone.code, undone.stdout]).toEqual([0, expect.stringContaining('changed nothing there')])
  })
})
