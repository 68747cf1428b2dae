import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentStatus, ConfigSetting } from '@starling/agent/ports.ts'
import { afterAll, expect, test } from 'vitest'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import {
  agentProgram,
  coordinatorProgram,
  poll,
  startAgent,
  startCoordinator,
  type AgentHandle
} from './site.ts'
import { startFaultyProxy } from '../doubles/faulty-proxy.ts'
import { startOrigin } from '../doubles/origin.ts'
import { seededContent } from '../doubles/content.ts'
import { cleanUp, serve } from '../doubles/proxy-harness.ts'

const house = openHouse()
afterAll(() => house.close())

/** Twice the look at the file, and what a busy machine may add. */
const noticedWithinMs = 15_000

const problemsOf = (agent: AgentHandle, isRight: (problems: string) => boolean) =>
  poll(noticedWithinMs, async () => (await agent.status()).problems.join('\n'), isRight)

/** The file alone says what is in it: the command line would beat it. */
function startFromFile(name: string, folder: string) {
  const ports = ['listen', 'bulk', 'proxy', 'page'].flatMap(part => [`--${part}-port`, '0'])
  return house.start(name, agentProgram, [
    'run',
    '--data',
    folder,
    '--json',
    '--stop-on-stdin-end',
    '--mdns',
    'off',
    '--listen-host',
    '127.0.0.1',
    ...ports
  ])
}

test('a running agent takes over its changed file, goes on with a bad one and says so, and is glad of the next', async () => {
  const folder = house.folder('reload')
  const file = join(folder, 'config.json')
  await writeFile(file, '{\n  "policy": { "uploadSlots": 3 }\n}\n')
  const agent = await startAgent(house, 'reload', { folder })
  const slots = async () => (await agent.status()).policy.uploadSlots
  expect([await slots(), (await agent.status()).problems]).toEqual([3, []])

  // As an editor saves: another file takes its place.
  await writeFile(`${file}.swp`, '// for the meeting\n{\n  "policy": { "uploadSlots": 5 }\n}\n')
  await rename(`${file}.swp`, file)
  expect(await poll(noticedWithinMs, slots, value => value === 5)).toBe(5)

  await writeFile(file, '{\n  "policy": { "uploadSlots": 7 },\n  "proxy": { "clients": ["everybody"] },\n}\n')
  expect(await problemsOf(agent, text => text !== '')).toMatch(
    /stays in force:\n.*config\.json:4:1 {2}not JSON: take away the comma/
  )
  await writeFile(file, '{\n  "policy": { "uploadSlots": 7 },\n  "proxy": { "clients": ["everybody"] }\n}\n')
  expect(await problemsOf(agent, text => text.includes('everybody'))).toMatch(
    /stays in force:\n.*config\.json:3:26 {2}proxy\.clients\[0\]: "everybody" does not fit/
  )
  // Not even what was good of it.
  expect(await slots()).toBe(5)
  await agent.said(/the changed configuration cannot be used/)

  await writeFile(file, '{\n  "policy": { "uploadSlots": 7 },\n  "role": "gateway",\n  "site": "north"\n}\n')
  expect(await problemsOf(agent, text => text.includes('next start'))).toBe(
    'Takes effect at the next start: site, role.'
  )
  expect(await slots()).toBe(7)

  await writeFile(file, '{\n  "policy": { "uploadSlots": 7 }\n}\n')
  expect(await problemsOf(agent, text => text === '')).toBe('')

  const shown = await house.run(agentProgram, ['config', 'show', '--data', folder, '--json'])
  const settings = JSON.parse(shown.stdout) as ConfigSetting[]
  const from = (path: string) => settings.find(one => one.path === path)?.origin
  expect(from('policy.uploadSlots')).toEqual({ kind: 'file', name: file, line: 2, column: 30 })
  expect(from('mdns')).toMatchObject({ kind: 'command line', name: '--mdns' })
  expect(await house.run(agentProgram, ['config', 'check', '--data', folder, '--offline'])).toMatchObject({
    code: 0
  })
})

test('mirrors and rules change at once, for where redirects lead, too', async () => {
  const origin = await serve((request, response) => {
    if (request.url!.startsWith('/tree/moved')) response.writeHead(302, { location: '/secret/a.txt' })
    response.end('hello')
  })
  house.keep(cleanUp)
  const folder = house.folder('mirrors')
  const file = join(folder, 'config.json')
  const write = (mirror: string, rules: unknown[] = []): Promise<void> =>
    writeFile(
      file,
      JSON.stringify({
        upstream: { allowPrivate: ['127.0.0.1'] },
        mirrors: [{ kind: 'tree', name: mirror, upstream: `${origin}/tree/` }],
        proxy: { rules }
      })
    )
  await write('old')
  const running = await startFromFile('mirrors', folder)
  const statusOf = async (path: string) =>
    (await download(null, `${String(running.ready.proxy)}${path}`)).status
  const reload = async (): Promise<void> => {
    expect(await house.run(agentProgram, ['config', 'reload', '--data', folder])).toMatchObject({ code: 0 })
  }
  expect(await statusOf('/m/old/moved')).toBe(200)

  await write('new')
  await reload()
  expect([await statusOf('/m/old/moved'), await statusOf('/m/new/moved')]).toEqual([404, 200])

  await write('new', [{ name: 'no-secrets', action: 'deny', paths: ['/secret/**'] }])
  await reload()
  expect([await statusOf('/m/new/moved?2'), await statusOf('/m/new/a.txt')]).toEqual([403, 200])
})

test('what the proxy allows changes at once, when it is told to reload', async () => {
  const origin = await startOrigin()
  house.keep(() => origin.close())
  origin.put('/a.bin', seededContent('reload', 1000))
  const folder = house.folder('allow')
  const file = join(folder, 'config.json')
  await writeFile(file, '{}')
  const running = await startFromFile('allow', folder)
  const statusOf = async () => (await download(String(running.ready.proxy), `${origin.url}/a.bin`)).status
  expect(await statusOf()).toBe(403)

  await writeFile(file, '{ "upstream": { "allowPrivate": ["127.0.0.1"] }, "logLevel": "debug" }')
  const reloaded = await house.run(agentProgram, ['config', 'reload', '--data', folder])
  // The agent may have been quicker.
  expect(reloaded.stdout).toMatch(/in force now: upstream\.allowPrivate, logLevel|nothing has changed/)
  expect(await statusOf()).toBe(200)

  await writeFile(file, '{ "upstream": { "allowPrivate": ["127.0.0.1/77"] } }')
  const refused = await house.run(agentProgram, ['config', 'reload', '--data', folder])
  expect(refused.code).toBe(1)
  expect(refused.stdout).toMatch(/config\.json:1:33 {2}upstream\.allowPrivate: "127\.0\.0\.1\/77"/)
  expect(await statusOf()).toBe(200)
})

test('who is asked upstream and what a client may take change at once, and stay when the change cannot be used', async () => {
  const [origin, a, b] = [await startOrigin(), await startFaultyProxy(), await startFaultyProxy()]
  house.keep(async () => {
    await Promise.all([origin.close(), a.die(), b.die()])
  })
  const folder = house.folder('upstream')
  const file = join(folder, 'config.json')
  const write = (servers: unknown[], limits: object = {}): Promise<void> =>
    writeFile(file, JSON.stringify({ upstream: { allowPrivate: ['127.0.0.1'], servers }, proxy: { limits } }))
  const server = (name: string, url: string, more: object = {}) => ({ name, kind: 'proxy', url, ...more })
  const reload = () => house.run(agentProgram, ['config', 'reload', '--data', folder])
  await write([server('a', a.url)])
  const running = await startFromFile('upstream', folder)
  let asked = 0
  const statusOf = async (): Promise<number> =>
    (await download(String(running.ready.proxy), `${origin.url}/none/${asked++}`)).status
  const askedOf = async (): Promise<[number, number, number]> => {
    const [ofA, ofB] = [a.targets.length, b.targets.length]
    const status = await statusOf()
    return [status, a.targets.length - ofA, b.targets.length - ofB]
  }
  expect(await askedOf()).toEqual([404, 1, 0])

  await write([server('b', b.url)])
  expect(await reload()).toMatchObject({ code: 0 })
  expect(await askedOf()).toEqual([404, 0, 1])

  await write([server('a', a.url, { credentialsFile: 'not-there' })])
  const refused = await reload()
  expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining('not-there') as unknown])
  expect(await askedOf()).toEqual([404, 0, 1])

  await write([server('a', a.url)], { local: true, requestsPerSecond: 1, requestBurst: 1 })
  expect(await reload()).toMatchObject({ code: 0 })
  expect(await askedOf()).toEqual([404, 1, 0])
  expect(await askedOf()).toEqual([429, 0, 0])
})

test('the gateway in a coordinator is checked and reloads like every agent', async () => {
  const coordinator = await startCoordinator(house)
  const folder = join(coordinator.folder, 'gateway')
  const file = join(folder, 'config.json')
  const status = async () => {
    const response = await fetch(`${String(coordinator.gatewayPage)}/api/v1/status`)
    return (await response.json()) as AgentStatus
  }
  await writeFile(file, '{ "policy": { "uploadSlots": 5 } }')
  expect(
    await poll(
      noticedWithinMs,
      async () => (await status()).policy.uploadSlots,
      value => value === 5
    )
  ).toBe(5)

  // What settings have to do with each other is held against it, too.
  const servers = [{ name: 'north', kind: 'direct' }]
  await writeFile(file, JSON.stringify({ upstream: { servers, rules: [{ use: ['south'] }] } }))
  const problems = await poll(
    noticedWithinMs,
    async () => (await status()).problems.join('\n'),
    text => text !== ''
  )
  expect(problems).toMatch(
    /stays in force:\n.*config\.json:1:\d+ {2}upstream\.rules\[0\]\.use\[0\]: names south/
  )
  await coordinator.stop()

  const again = await house.run(
    coordinatorProgram,
    ['run', '--data', coordinator.folder, '--listen', '127.0.0.1:0'],
    // The secret of other agents of this machine is none of its business.
    { STARLING_FLEET_SECRET: 'nonsense' }
  )
  expect(again.code).not.toBe(0)
  expect(again.stderr).toMatch(/config\.json:1:\d+ {2}upstream\.rules\[0\]\.use\[0\]: names south/)
  expect(again.stderr).not.toMatch(/nonsense|fleet secret/)
})
