/** Which CA signs for a running agent, as time goes by and the list changes. */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { dayMs } from '@starling/shared/units.ts'
import { afterEach, expect, test } from 'vitest'
import {
  files,
  folder,
  openHouse,
  silent,
  tlsOrigin,
  tunnel
} from '../../../test/doubles/intercept-harness.ts'
import { cleanUp, closers } from '../../../test/doubles/proxy-harness.ts'
import { createCaCommands } from './ca-commands.ts'
import { createIntercept } from './intercept.ts'

afterEach(cleanUp)

const client = '127.0.0.1'

async function make(hosts: readonly string[], caFile: string, now: () => number) {
  const problems: string[] = []
  const intercept = await createIntercept(
    {
      files,
      log: silent,
      now,
      recall: async () => null,
      remember: async () => {},
      problem: sentence => void problems.push(sentence)
    },
    { caFile, hosts, isListed: (listed, host) => listed.includes(host) }
  )
  closers.push(() => intercept.stop())
  return { intercept, problems, wants: (host: string) => intercept.wants({ host, port: 443, client }) }
}

test('without a CA nothing is opened, and people are told what to do', async () => {
  const caFile = join(folder(), 'ca.json')
  const { intercept, problems, wants } = await make(['a.example'], caFile, Date.now)
  expect([wants('a.example'), problems]).toEqual([
    false,
    [expect.stringMatching(/no CA: `starling ca init`/)]
  ])
  // Made beside the running agent.
  await createCaCommands(files, caFile, ['a.example']).init(false)
  await intercept.look()
  expect([wants('a.example'), problems.length]).toEqual([true, 1])
})

test('only what the present CA may name is opened when the list has grown, until the next one signs', async () => {
  const caFile = join(folder(), 'ca.json')
  let now = Date.now()
  await createCaCommands(files, caFile, ['a.example'], () => now).init(false)
  const hosts = ['a.example', 'new.example']
  const { intercept, problems, wants } = await make(hosts, caFile, () => now)
  expect([wants('a.example'), wants('new.example')]).toEqual([true, false])
  expect(problems).toEqual([expect.stringMatching(/not what the CA was made for.*`starling ca init`/)])
  await createCaCommands(files, caFile, hosts, () => now).init(false)
  await intercept.look()
  expect([wants('a.example'), wants('new.example')]).toEqual([true, false])
  expect(problems.at(-1)).toMatch(/A new CA signs from .* deploy/)
  now += 16 * dayMs
  expect([wants('a.example'), wants('new.example')]).toEqual([true, true])
})

test('a successor is made by itself, told, and signs later', async () => {
  const caFile = join(folder(), 'ca.json')
  let now = Date.now()
  const commands = createCaCommands(files, caFile, ['a.example'], () => now)
  await commands.init(false)
  const { intercept, problems } = await make(['a.example'], caFile, () => now)
  now += 21 * dayMs
  await intercept.look()
  await intercept.look()
  const { authorities } = intercept.view()
  expect(authorities.map(({ signsFrom }) => Math.round((signsFrom - now) / (dayMs / 2)))).toEqual([9, -42])
  expect((await commands.list()).authorities.map(({ sha256 }) => sha256)).toEqual(
    authorities.map(({ sha256 }) => sha256)
  )
  expect(problems).toEqual([expect.stringMatching(/A new CA signs from/)])
  now += 10 * dayMs
  await intercept.look()
  expect(intercept.view().authorities).toHaveLength(1)
})

test('a leaf is made once, and anew before it expires', async () => {
  // A week ago, by our clock: by the client's own the first leaf has half a day left.
  let now = Date.now() - 6.5 * dayMs
  const port = await tlsOrigin((_req, res) => void res.end())
  const house = await openHouse({ port, now: () => now })
  const serial = async (): Promise<string> => {
    const socket: TLSSocket = connectTls({
      socket: await tunnel(house.proxy, `localhost:${port}`),
      servername: 'localhost',
      ca: house.ca
    })
    closers.push(() => socket.destroy())
    await once(socket, 'secureConnect')
    return socket.getPeerX509Certificate()!.serialNumber
  }
  const [first, second] = [await serial(), await serial()]
  expect(second).toBe(first)
  now += 6.5 * dayMs
  expect(await serial()).not.toBe(first)
})

test.each([
  ['that holds no CA', 0o600, /holds no CA.*move it away/],
  ['that others can read', 0o644, /chmod 600/]
])('a file %s is not taken, and the agent goes on without', async (_name, mode, expected) => {
  const caFile = join(folder(), 'ca.json')
  await writeFile(caFile, '{}', { mode })
  const { problems, wants } = await make(['a.example'], caFile, Date.now)
  expect([wants('a.example'), problems]).toEqual([false, [expect.stringMatching(expected)]])
})
