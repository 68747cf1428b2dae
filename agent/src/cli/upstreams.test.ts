import { afterEach, beforeEach, expect, it } from 'vitest'
import { createCommandLine, type CommandLine } from '../../../test/doubles/command-line.ts'
import { makeStatus } from '../../../test/doubles/local-page.ts'
import { madeUpstream } from '../../../test/doubles/made-upstream.ts'
import { upstreamsBetween } from './upstreams.ts'

let line: CommandLine
beforeEach(async () => {
  line = await createCommandLine()
})
afterEach(() => line.close())

it('shows each upstream and what went wrong with it, in words and in JSON', async () => {
  const page = await line.startAgent()
  const lastProblem = { at: Date.now() - 60_000, text: 'connect \u001b[31mECONNREFUSED' }
  page.status = makeStatus({
    upstreams: [madeUpstream('direct', {}), madeUpstream('gw-1', { state: 'down', failures: 3, lastProblem })]
  })
  expect(await line.run('upstreams')).toBe(0)
  const text = line.out.join('\n')
  expect(text).toMatch(/gw-1 +gateway +down +2 +10 +3 +1 +1 +1 +4\.0 ms +25 ms +http:\/\/gw\.example:17831/)
  expect(text).toMatch(/last problems:\n {2}gw-1, 1 min 0 s ago: connect \ufffd\[31mECONNREFUSED/)
  await line.run('upstreams', '--json')
  expect(JSON.parse(line.out[0]!)).toEqual(page.status.upstreams)
})

it('tells of a download only what came meanwhile', () => {
  const before = [madeUpstream('direct', {}), madeUpstream('gw-1', {})]
  const more = madeUpstream('gw-1', {
    requests: 12,
    phases: { ...madeUpstream('gw-1', {}).phases, 'first-byte': { count: 12, sumSeconds: 1.04, buckets: [] } }
  })
  expect(upstreamsBetween(before, before)).toEqual([])
  expect(upstreamsBetween(before, [before[0]!, more])).toEqual([
    'upstream gw-1: 2 requests, first-byte 20 ms'
  ])
})
