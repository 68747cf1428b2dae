import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seededContent } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { putGoModules, putNpmPackage } from '../doubles/packages.ts'
import { openHouse } from './harness.ts'
import { fleetSecret, startAgent, startMembers, type AgentHandle } from './site.ts'
import { goInstall, hasGo, runGo, runNpm, type ToolEnd } from './tools.ts'

const isGoHere = hasGo()
const house = openHouse()
afterAll(() => house.close())

if (!isGoHere)
  console.warn(
    `\n*** no go here: the tests of a mirror with the real go command are skipped. Run: ${goInstall}\n`
  )

test.runIf(!isGoHere && process.env.CI === 'true')('go is installed, as it must be in CI', () => {
  expect.fail(`go is missing: ${goInstall}`)
})

const random = (seed: string): Promise<Uint8Array> => seededContent(seed, 3 * MiB).read(0, 3 * MiB)
const mirrorsArgs = (mirrors: readonly object[]): string[] => ['--mirrors', JSON.stringify(mirrors)]

describe.skipIf(!isGoHere)('the real go command', () => {
  let origin: Origin
  let agents: AgentHandle[]
  let bigZip: string
  let goSum: string
  const secret = fleetSecret()
  let args: string[]

  /** As a machine that has nothing yet: go.mod, go.sum if it is known already, and empty caches. */
  async function download(
    proxy: string,
    sums: string | null
  ): Promise<ToolEnd & { readonly folder: string; readonly home: string }> {
    const home = house.folder('go-home')
    const folder = house.folder('go-project')
    writeFileSync(
      join(folder, 'go.mod'),
      'module example.org/project\n\ngo 1.17\n\nrequire example.com/Big v1.0.0\n'
    )
    if (sums !== null) writeFileSync(join(folder, 'go.sum'), sums)
    return { ...(await runGo(home, folder, proxy, ['mod', 'download', 'all'])), folder, home }
  }
  const mirrorOf = (agent: AgentHandle): string => `${agent.proxy}/m/go`

  beforeAll(async () => {
    origin = await startOrigin()
    const [zip] = putGoModules(origin, '/proxy', [
      {
        path: 'example.com/Big',
        version: 'v1.0.0',
        files: { 'data.bin': await random('module') },
        requires: [['example.com/small', 'v1.1.0']]
      },
      { path: 'example.com/small', version: 'v1.0.0' },
      { path: 'example.com/small', version: 'v1.1.0' },
      { path: 'corp.example/secret', version: 'v1.0.0' }
    ])
    bigZip = zip!
    args = mirrorsArgs([
      { name: 'go', kind: 'go', upstream: `${origin.url}/proxy`, private: ['corp.example'] }
    ])
    agents = await startMembers(house, secret, ['go-1', 'go-2'], [], { args })
  })

  test('downloads through a mirror what go.sum says, and the second machine gets it from the first', async () => {
    // What is right is what the go command gets without us.
    const direct = await download(`${origin.url}/proxy`, null)
    expect(direct.stderr).toBe('')
    goSum = readFileSync(join(direct.folder, 'go.sum'), 'utf8')
    expect(goSum).toContain('example.com/Big v1.0.0 h1:')
    for (const agent of agents) {
      const got = await download(mirrorOf(agent), goSum)
      expect([got.stderr, got.code]).toEqual(['', 0])
      expect(readFileSync(join(got.folder, 'go.sum'), 'utf8')).toBe(goSum)
      expect(existsSync(join(got.home, 'go/pkg/mod/example.com/!big@v1.0.0/data.bin'))).toBe(true)
    }
    const { bodyBytes, served } = origin.stats(bigZip)
    expect(served.map(({ end }) => end)).toEqual([bodyBytes])
    expect(bodyBytes).toBeGreaterThan(3 * MiB)
    const versions = await runGo(house.folder('go-home'), house.folder('go-list'), mirrorOf(agents[0]!), [
      'list',
      '-m',
      '-versions',
      'example.com/small'
    ])
    expect(versions.stdout.trim()).toBe('example.com/small v1.0.0 v1.1.0')
  })

  test('is refused private modules in its own words, and goes on to what follows in GOPROXY', async () => {
    const fetch = (proxy: string): Promise<ToolEnd> =>
      runGo(house.folder('go-home'), house.folder('go-secret'), proxy, [
        'mod',
        'download',
        'corp.example/secret@v1.0.0'
      ])
    const asked = origin.stats('/proxy/corp.example/secret/@v/v1.0.0.info').requests
    const alone = await fetch(mirrorOf(agents[0]!))
    expect(alone.code).toBe(1)
    expect(alone.stderr).toContain('404 Not Found')
    expect(alone.stderr).toContain('private by the rule corp.example')
    expect((await fetch(`${mirrorOf(agents[0]!)},off`)).code).toBe(1)
    expect(origin.stats('/proxy/corp.example/secret/@v/v1.0.0.info').requests).toBe(asked)
    expect((await fetch(`${mirrorOf(agents[0]!)},${origin.url}/proxy`)).code).toBe(0)
  })

  test('needs no upstream for what is kept, and after a restart neither', async () => {
    await origin.close()
    expect((await download(mirrorOf(agents[1]!), goSum)).code).toBe(0)
    const [first] = agents
    await first!.stop()
    const again = await startAgent(house, 'go-1 again', { folder: first!.folder, secret, args })
    const got = await download(mirrorOf(again), goSum)
    expect([got.stderr, got.code]).toEqual(['', 0])
    const unknown = await runGo(house.folder('go-home'), house.folder('go-none'), mirrorOf(again), [
      'mod',
      'download',
      'example.com/none@v1.0.0'
    ])
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('502 Bad Gateway')])
  })
})

test('the real npm installs through a mirror, checks integrity, and needs no registry for what is kept', async () => {
  const origin = await startOrigin()
  const tarballs = [
    putNpmPackage(origin, '/npm', 'left', '1.0.0', { 'package/index.js': 'export {}\n' }),
    putNpmPackage(origin, '/npm', '@corp/large', '1.0.0', { 'package/data.bin': await random('package') })
  ]
  const secret = fleetSecret()
  const args = mirrorsArgs([{ name: 'npm', kind: 'npm', upstream: `${origin.url}/npm/` }])
  const agents = await startMembers(house, secret, ['npm-1', 'npm-2'], [], { args })
  const folder = house.folder('npm-project')
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'project', dependencies: { left: '^1.0.0', '@corp/large': '^1.0.0' } })
  )
  const install = async (agent: AgentHandle): Promise<string> => {
    const copy = join(house.folder('npm-copy'), 'project')
    mkdirSync(copy)
    cpSync(folder, copy, { recursive: true })
    const done = await runNpm(house.folder('npm-home'), copy, `${agent.proxy}/m/npm/`, ['install'])
    expect([done.stderr, done.code]).toEqual([expect.any(String), 0])
    return copy
  }
  for (const agent of agents) {
    const copy = await install(agent)
    const lock = JSON.parse(readFileSync(join(copy, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { resolved?: string; integrity?: string }>
    }
    expect(lock.packages['node_modules/left']!.resolved).toBe(`${agent.proxy}/m/npm/left/-/left-1.0.0.tgz`)
    expect(lock.packages['node_modules/@corp/large']!.integrity).toMatch(/^sha512-/)
    const data = readFileSync(join(copy, 'node_modules/@corp/large/data.bin'))
    expect(data.equals(await random('package'))).toBe(true)
  }
  const large = origin.stats(tarballs[1]!)
  expect(large.served.map(({ end }) => end)).toEqual([large.bodyBytes])
  await origin.close()
  for (const agent of agents) await install(agent)
})
