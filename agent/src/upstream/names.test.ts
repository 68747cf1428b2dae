import type { LookupAddress } from 'node:dns'
import { expect, test } from 'vitest'
import { codeOf } from '@starling/shared/errors.ts'
import { createNames } from './names.ts'

const here: LookupAddress[] = [{ address: '192.0.2.1', family: 4 }]

/** A resolver that answers when it is told to. */
function setUp(slots: number) {
  let at = 0
  const asked: Array<{ readonly host: string; end(error?: Error): void }> = []
  const names = createNames({
    slots,
    patienceMs: 1000,
    now: () => at,
    resolve: (host, _, done) =>
      void asked.push({ host, end: error => done(error ?? null, error ? [] : here) })
  })
  return {
    asked,
    hosts: () => asked.map(({ host }) => host),
    pass: (ms: number) => (at += ms),
    look: (client: string, host: string) => {
      names.askedBy(client, host)
      return new Promise<LookupAddress[]>((resolve, reject) =>
        names.resolve(host, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)))
      )
    }
  }
}

test('a client with 10,000 hosts has half of the look-ups, and lets another one go on at once', async () => {
  const { hosts, look, asked } = setUp(8)
  for (let index = 0; index < 10_000; index++) look('greedy', `dead-${index}.example`).catch(() => {})
  expect(hosts()).toEqual(['dead-0.example', 'dead-1.example', 'dead-2.example', 'dead-3.example'])
  const other = look('modest', 'files.example')
  expect(hosts()[4]).toBe('files.example')
  asked[4]!.end()
  expect(await other).toEqual(here)
  expect(hosts()).toHaveLength(5)
  asked[0]!.end(new Error('nobody there'))
  expect(hosts()[5]).toBe('dead-4.example')
})

test('with two threads another client waits for one look-up, and not for all', async () => {
  const { hosts, look, asked } = setUp(2)
  for (const name of ['a', 'b', 'c', 'd']) look('greedy', name).catch(() => {})
  const other = look('modest', 'files.example')
  expect(hosts()).toEqual(['a', 'b'])
  asked[0]!.end(new Error('nobody there'))
  expect(hosts()).toEqual(['a', 'b', 'files.example'])
  asked[2]!.end()
  expect(await other).toEqual(here)
})

test('no more are looked up at once than there are threads for', () => {
  const { hosts, look } = setUp(4)
  for (let client = 0; client < 9; client++) look(`client-${client}`, `host-${client}`).catch(() => {})
  expect(hosts()).toHaveLength(4)
})

test('one host is looked up once for all who want it meanwhile', async () => {
  const { asked, look } = setUp(4)
  const both = [look('a', 'files.example'), look('b', 'files.example')]
  expect(asked).toHaveLength(1)
  asked[0]!.end()
  expect(await Promise.all(both)).toEqual([here, here])
  look('a', 'files.example').catch(() => {})
  expect(asked).toHaveLength(2)
})

test('that a host is not there is known for three seconds', async () => {
  const { asked, look, pass } = setUp(4)
  const first = look('a', 'none.example')
  asked[0]!.end(new Error('ENOTFOUND'))
  await expect(first).rejects.toThrow('ENOTFOUND')
  pass(2999)
  await expect(look('b', 'none.example')).rejects.toThrow('ENOTFOUND')
  expect(asked).toHaveLength(1)
  pass(1)
  look('b', 'none.example').catch(() => {})
  expect(asked).toHaveLength(2)
})

test('what has waited for too long is not looked up any more', async () => {
  const { asked, hosts, look, pass } = setUp(1)
  look('a', 'a').catch(() => {})
  const late = look('a', 'b').catch(codeOf)
  pass(1001)
  look('a', 'c').catch(() => {})
  asked[0]!.end()
  expect(await late).toBe('upstream-timeout')
  expect(hosts()).toEqual(['a', 'c'])
})
