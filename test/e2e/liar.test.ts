import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { agentProgram, bytesOf, fleetSecret, startMembers } from './site.ts'

const house = openHouse()
let origin: Origin
beforeAll(async () => {
  origin = await startOrigin()
  house.keep(() => origin.close())
})
afterAll(() => house.close())

test('a peer that serves corrupt chunks is named and avoided; its bytes reach neither store nor client', async () => {
  const content = seededContent('lied about', 32 * MiB)
  const sha256 = await sha256Of(content)
  origin.put('/lied.bin', content)
  const url = `${origin.url}/lied.bin`
  const secret = fleetSecret()

  // The liar is a true member with the true content, so that everybody has every reason to ask it.
  const [liar] = await startMembers(house, secret, ['liar'], [], { program: 'test/doubles/liar.ts' })
  expect((await download(liar!.proxy, url)).sha256).toBe(sha256)
  const victims = await startMembers(house, secret, ['victim-1', 'victim-2'], [liar!])

  const got = await Promise.all(victims.map(victim => download(victim.proxy, url)))
  for (const one of got) expect([one.status, one.sha256]).toEqual([200, sha256])
  const lies = await Promise.all(victims.map(async victim => (await bytesOf(victim, '/lied.bin')).wasted))
  expect(
    lies.reduce((sum, wasted) => sum + wasted, 0),
    'or the liar was never asked'
  ).toBeGreaterThan(0)

  await Promise.any(victims.map(victim => victim.said(new RegExp(`${liar!.id}`), 5000)))
  for (const victim of victims) {
    await victim.stop()
    const verified = await house.run(agentProgram, ['cache', 'verify', '--data', victim.folder])
    expect(verified.code, verified.stdout + verified.stderr).toBe(0)
  }
})
