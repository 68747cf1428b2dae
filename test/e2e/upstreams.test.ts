import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { UpstreamView } from '@starling/agent/ports.ts'
import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startFaultyProxy, type FaultyProxy } from '../doubles/faulty-proxy.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download, json } from './client.ts'
import { openHouse } from './harness.ts'
import { agentArgs, agentProgram, startAgent, type AgentHandle } from './site.ts'

const house = openHouse()
let origin: Origin
beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
})
afterAll(() => house.close())

async function proxies(count: number): Promise<FaultyProxy[]> {
  const all = await Promise.all(Array.from({ length: count }, (_, index) => startFaultyProxy(index + 1)))
  for (const proxy of all) house.keep(() => proxy.die())
  return all
}

const servers = (kind: 'gateway' | 'proxy', all: readonly FaultyProxy[], more: object = {}) => [
  '--upstream-servers',
  JSON.stringify(all.map(({ url }, index) => ({ name: `up-${index + 1}`, kind, url, ...more })))
]
const upstreamsOf = (agent: AgentHandle) => json(`${agent.page}/api/v1/upstreams`) as Promise<UpstreamView[]>

test('one of three fails a third of its requests and another one dies in mid-body: no client sees an error', async () => {
  const all = await proxies(3)
  const [flaky, mortal] = [all[0]!, all[1]!]
  Object.assign(flaky, { fault: { kind: 'status', status: 502 }, faultShare: 0.3 })
  Object.assign(mortal, { fault: { kind: 'stop', afterBytes: 300_000, how: 'reset' }, faultShare: 0.5 })
  const agent = await startAgent(house, 'behind three', { args: servers('proxy', all) })
  const contents = Array.from({ length: 6 }, (_, index) => seededContent(`three ${index}`, 3 * MiB + index))
  contents.forEach((content, index) => origin.put(`/three/${index}.bin`, content))
  const got = await Promise.all(
    contents.map((_, index) =>
      download(agent.proxy, `${origin.url}/three/${index}.bin`, {
        // Every other one passes through, so that both ways are walked.
        headers: index % 2 === 0 ? {} : { authorization: 'Basic eDp5' }
      })
    )
  )
  expect(got.map(({ status }) => status)).toEqual(contents.map(() => 200))
  expect(got.map(({ sha256 }) => sha256)).toEqual(
    await Promise.all(contents.map(content => sha256Of(content)))
  )
  await mortal.die()
  const small = await Promise.all(
    Array.from({ length: 60 }, (_, index) => download(agent.proxy, `${origin.url}/none/${index}`))
  )
  expect(small.filter(({ status }) => status !== 404)).toEqual([])
  const views = await upstreamsOf(agent)
  expect(views.every(({ requests }) => requests > 0)).toBe(true)
  expect(views.reduce((sum, { retries, resumes }) => sum + retries + resumes, 0)).toBeGreaterThan(0)
})

test('gateways share the work; when one is gone, the others take its share', async () => {
  const all = await proxies(3)
  const agent = await startAgent(house, 'behind gateways', { args: servers('gateway', all) })
  const round = async () => {
    for (let index = 0; index < 30; index++)
      expect((await download(agent.proxy, `${origin.url}/nothing/${index}`)).status).toBe(404)
    return all.map(({ targets }) => targets.splice(0).length)
  }
  const before = await round()
  expect(Math.min(...before)).toBeGreaterThan(0)
  await all[0]!.die()
  const after = await round()
  expect([after[0], after[1]! + after[2]!]).toEqual([0, 30])
  expect(after[1]).toBeGreaterThanOrEqual(before[1]!)
  expect(after[2]).toBeGreaterThanOrEqual(before[2]!)
})

test('the only one is down: a 502 says which, and why; and the command line shows it', async () => {
  const [only] = await proxies(1)
  await only!.die()
  const agent = await startAgent(house, 'behind a dead one', { args: servers('proxy', [only!]) })
  const response = await fetchText(agent.proxy, `${origin.url}/x`)
  expect(response).toMatch(/^502 .*proxy up-1.*ECONNREFUSED/)
  const shown = await house.run(agentProgram, ['upstreams', '--data', agent.folder])
  expect(shown.stdout).toMatch(/up-1 +proxy +down/)
  expect(shown.stdout).toMatch(/last problems:\n {2}up-1.*ECONNREFUSED/)
  const metrics = await (await fetch(`${agent.page}/metrics`)).text()
  expect(metrics).toContain('starling_upstream_state{upstream="up-1",state="down"} 1')
})

test('a password comes from a file that nobody else can read, and is told to its proxy alone', async () => {
  const [only] = await proxies(1)
  const folder = house.folder('credentials')
  const file = join(folder, 'corp.credentials')
  writeFileSync(file, 'starling:s3cret\n', { mode: 0o600 })
  const args = servers('proxy', [only!], { credentialsFile: 'corp.credentials' })
  const agent = await startAgent(house, 'with a password', {
    folder,
    args: [...args, '--log-level', 'trace']
  })
  await download(agent.proxy, `${origin.url}/y`)
  expect(only!.headers.at(-1)!['proxy-authorization']).toBe(
    `Basic ${Buffer.from('starling:s3cret').toString('base64')}`
  )
  origin.put('/verbose.bin', seededContent('verbose', 100_000))
  const output = ['--output', join(folder, 'verbose.bin'), '--verbose', '--data', folder]
  const fetched = await house.run(agentProgram, ['fetch', `${origin.url}/verbose.bin`, ...output])
  expect(fetched.stdout).toMatch(/^upstream up-1: \d+ requests?, .*first-byte [\d.]+ ms/m)
  const told = [agent.tail(), JSON.stringify(await agent.status()), JSON.stringify(agent.ready)].join('\n')
  expect(told).not.toMatch(/s3cret|c3RhcmxpbmclM0E|starling:s/)
})

test.runIf(process.platform !== 'win32')('a password that others can read is refused', async () => {
  const folder = house.folder('exposed')
  writeFileSync(join(folder, 'corp.credentials'), 'starling:s3cret\n', { mode: 0o644 })
  const server = [
    { name: 'corp', kind: 'proxy', url: 'http://127.0.0.1:9', credentialsFile: 'corp.credentials' }
  ]
  const args = agentArgs(folder, { args: ['--upstream-servers', JSON.stringify(server)] })
  const { code, stderr } = await house.run(agentProgram, args)
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/chmod 600/)
  expect(stderr).not.toMatch(/s3cret/)
})

async function fetchText(proxy: string, url: string): Promise<string> {
  const { hostname, port } = new URL(proxy)
  const asked = request({
    host: hostname,
    port,
    path: url,
    headers: { host: new URL(url).host },
    agent: false
  })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  return `${response.statusCode} ${await text(response)}`
}
