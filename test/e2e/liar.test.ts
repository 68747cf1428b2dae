import { MiB } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededContent, sha256Of } from '../doubles/content.ts'
import { startOrigin, type Origin } from '../doubles/origin.ts'
import { download } from './client.ts'
import { openHouse } from './harness.ts'
import { agentProgram, bytesOf, fleetSecret, liarProgram, startMembers } from './site.ts'

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
  const [liar] = await startMembers(house, secret, ['liar'], [], { program: liarProgram })
  expect((await download(liar!.proxy, url)).sha256).toBe(sha256)
  const victims = await startMembers(house, secret, ['victim-1', 'victim-2'], [liar!])

  const got = await Promise.all(victims.map(victim => download(victim.proxy, url)))
  for (const one of got) expect([one.status, one.sha256]).toEqual([200, sha256])
  const wasted = await Promise.all(victims.map(async victim => (await bytesOf(victim, '/lied.bin')).wasted))
  const blaming = victims.filter((_, at) => wasted[at]! > 0)
  expect(blaming.length, 'or the liar was never asked').toBeGreaterThan(0)
  for (const victim of blaming) {
    const line = await victim.said(/"peer-blamed"/, 5000)
    expect(JSON.parse(line)).toMatchObject({ peer: liar!.id })
    expect((await victim.status()).problems.join('\n')).toContain(liar!.id)
  }
  // It was believed three times at the most by each.
  for (const bytes of wasted) expect(bytes).toBeLessThanOrEqual(8 * MiB)

  for (const victim of victims) {
    await victim.stop()
    const verified = await house.run(agentProgram, ['cache', 'verify', '--data', victim.folder])
    expect(verified.code, verified.stdout + verified.stderr).toBe(0)
  }
})
