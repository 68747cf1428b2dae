import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { agentProgram, fleetSecret, startAgent, startMembers } from './site.ts'

const house = openHouse()
let origin: Origin

beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
})
afterAll(() => house.close())

test('a class of policy counts in the whole agent: two signed addresses of one file are one download', async () => {
  const content = seededContent('signed', 5 * MiB)
  origin.put('/signed/file', content)
  const own = { id: 'signed', hosts: ['127.0.0.1'], paths: ['/signed/**'], volatileQuery: ['token'] }
  const classes = JSON.stringify([{ ...own, immutable: true, rangeFirst: true }])
  const agent = await startAgent(house, 'own-classes', { args: ['--content-classes', classes] })
  for (const token of ['one', 'two']) {
    const got = await download(agent.proxy, `${origin.url}/signed/file?token=${token}`)
    expect([got.sha256, got.headers['x-starling']]).toEqual([await sha256Of(content), 'swarm; class=signed'])
  }
  expect(origin.stats('/signed/file').bodyBytes).toBe(content.length)

  const url = `${origin.url}/signed/file?token=three`
  const explained = await house.run(agentProgram, ['explain', '--json', '--data', agent.folder, url])
  expect(JSON.parse(explained.stdout)).toMatchObject({
    contentClass: 'signed',
    kept: [{ complete: true, validator: content.etag }]
  })
})

test('a digest in a response header is checked on each agent, also over what comes from peers', async () => {
  const content = seededContent('told', 5 * MiB)
  const digest = Buffer.from(await sha256Of(content), 'hex').toString('base64')
  origin.put('/told.bin', content)
  origin.setFaults('/told.bin', {
    headers: { 'repr-digest': `sha-256=:${digest}:`, 'cache-control': 'max-age=600' }
  })
  const members = await startMembers(house, fleetSecret(), ['told-1', 'told-2'])
  for (const member of members) {
    const got = await download(member.proxy, `${origin.url}/told.bin`)
    expect([got.sha256, got.headers.etag]).toEqual([await sha256Of(content), content.etag])
    expect(got.headers['repr-digest']).toBe(`sha-256=:${digest}:`)
  }
  expect(origin.stats('/told.bin').bodyBytes).toBe(content.length)

  origin.put('/lie.bin', content)
  origin.setFaults('/lie.bin', { headers: { 'repr-digest': `sha-256=:${'A'.repeat(43)}=:` } })
  await expect(download(members[0]!.proxy, `${origin.url}/lie.bin`)).rejects.toThrow()
})
