import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import type { Faults } from '../doubles/origin-faults.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { fleetSecret, startMembers, type AgentHandle } from './site.ts'

const house = openHouse()
let origin: Origin
let agents: AgentHandle[]
const content = seededContent('faulty', 24 * MiB)

beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
  agents = await startMembers(house, fleetSecret(), ['one', 'two'])
})
afterAll(() => house.close())

async function share(path: string): Promise<string[]> {
  const got = await Promise.all(agents.map(agent => download(agent.proxy, origin.url + path)))
  return got.map(({ sha256 }) => sha256)
}

const faults: ReadonlyArray<readonly [name: string, path: string, faults: Faults, wan: number]> = [
  // The price of an origin without ranges is known: each that asks gets everything. But two at a time, not more.
  ['ignores Range', '/no-range.bin', { ignoreRange: true }, 2.5],
  ['sends too little, three times', '/short.bin', { shortBy: MiB + 5, times: 3 }, 1.5],
  ['sends too much', '/long.bin', { longBy: 4096 }, 1.5],
  ['answers a wider range than asked', '/wider.bin', { widerBy: 300_000 }, 2.4],
  ['resets the connection at an offset, five times', '/reset.bin', { resetAt: 9 * MiB + 77, times: 5 }, 1.5],
  ['stalls at an offset, twice', '/stall.bin', { stallAt: 6 * MiB + 1, times: 2 }, 1.5]
]

test.each(faults)('an origin that %s: both get every byte right', async (_name, path, fault, wan) => {
  origin.put(path, content)
  origin.setFaults(path, fault)
  const sha256 = await sha256Of(content)
  expect(await share(path)).toEqual([sha256, sha256])
  expect(origin.stats(path).bodyBytes).toBeLessThanOrEqual(content.length * wan)
})

test('another version in the middle: nobody gets a mixture, and the new version is had by asking again', async () => {
  const [before, after] = [seededContent('version 1', 24 * MiB), seededContent('version 2', 24 * MiB)]
  const path = '/changing.bin'
  origin.put(path, before)
  origin.replaceAfter(path, after, { bodyBytes: 6 * MiB })
  const whole = [await sha256Of(before), await sha256Of(after)]
  const results = await Promise.allSettled(agents.map(agent => download(agent.proxy, origin.url + path)))
  // Cut off is allowed (the client asks again, as with any broken download); a mixture is not.
  const wholeOnes = results.flatMap(result => (result.status === 'fulfilled' ? [result.value.sha256] : []))
  expect(wholeOnes.filter(sha256 => !whole.includes(sha256))).toEqual([])
  expect(await share(path)).toEqual([whole[1], whole[1]])
})

test("an origin that is overloaded: its answer is the client's answer, and the next try shares as ever", async () => {
  const path = '/busy.bin'
  origin.put(path, content)
  origin.setFaults(path, { status: 503, retryAfterSeconds: 7, times: 1 })
  const sha256 = await sha256Of(content)
  const first = await Promise.all(agents.map(agent => download(agent.proxy, origin.url + path)))
  const refused = first.filter(({ status }) => status !== 200)
  expect(
    refused.map(({ status, headers }) => [status, headers['retry-after']]).slice(1),
    'one refusal, one told'
  ).toEqual([])
  expect(refused.map(({ status, headers }) => [status, headers['retry-after']])).toEqual(
    refused.map(() => [503, '7'])
  )
  expect(await share(path)).toEqual([sha256, sha256])
  expect(origin.stats(path).bodyBytes).toBeLessThanOrEqual(content.length * 1.2)
})
