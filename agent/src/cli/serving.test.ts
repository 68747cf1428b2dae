import { networkInterfaces } from 'node:os'
import { StarlingError } from '@starling/shared/errors.ts'
import { expect, it } from 'vitest'
import { askServing } from './serving.ts'

const serving = {
  host: '127.0.0.1',
  port: 17_831,
  cacheHost: { enabled: true, host: '0.0.0.0', port: 80 },
  wsus: null,
  goMirrors: [{ name: 'go', private: [] }],
  upstreamProxies: []
}
const asked = (answer: unknown) => askServing(async () => answer)

it('an agent of this machine is believed', async () => {
  expect(await asked({ ...serving, later: 1 })).toEqual(serving)
  const own = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  for (const { address } of own)
    expect(await asked({ ...serving, host: address })).toMatchObject({ host: address })
})

it.each([
  ['another machine', { ...serving, host: '203.0.113.9' }, /host: no address of this machine/],
  ['a name', { ...serving, host: 'evil.example' }, /host: no address/],
  ['a port that is none', { ...serving, port: 70_000 }, /port/],
  [
    'a mirror that is more than a name',
    { ...serving, goMirrors: [{ name: 'a|b', private: [] }] },
    /goMirrors\.0\.name/
  ],
  ['an older answer', { host: '127.0.0.1', port: 1 }, /cacheHost/],
  ['nothing', null, /its answer/]
])('%s is not, and it is said what to do', async (_, answer, why) => {
  await expect(asked(answer)).rejects.toMatchObject({
    code: 'agent-differs',
    message: expect.stringMatching(why)
  })
  await expect(asked(answer)).rejects.toThrow(/another version, so restart its service/)
})

it('one that does not know the question is of another version, and one that is not there is not', async () => {
  const failing = (code: string) => askServing(() => Promise.reject(new StarlingError(code, 'no')))
  await expect(failing('not-found')).rejects.toMatchObject({ code: 'agent-differs' })
  await expect(failing('api-refused')).rejects.toMatchObject({ code: 'api-refused' })
})
