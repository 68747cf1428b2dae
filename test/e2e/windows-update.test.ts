/**
 * Windows' own clients against the agents, with a Windows Update behind them. A new face of the proxy is a new line in
 * `faces`: everything here then holds for it too.
 */
import { MiB } from '@starling/shared/units.ts'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bytesContent, seededContent } from '../doubles/content.ts'
import { replayBits } from '../doubles/windows-update/replay/bits.ts'
import { replayLinux } from '../doubles/windows-update/replay/linux-do.ts'
import type { Replayer } from '../doubles/windows-update/replay/replay.ts'
import type { Target } from '../doubles/windows-update/replay/target.ts'
import { replayWindows10, replayWindows11 } from '../doubles/windows-update/replay/windows-do.ts'
import { replayWua } from '../doubles/windows-update/replay/wua.ts'
import { captivePortal } from '../doubles/windows-update/rules.ts'
import {
  startWindowsUpdate,
  wsusHost,
  type UpdateFile,
  type WindowsUpdate
} from '../doubles/windows-update/windows-update.ts'
import { openHouse } from './harness.ts'
import { fleetSecret, poll, startMembers, type AgentHandle } from './site.ts'

const house = openHouse()
let double: WindowsUpdate
let first: AgentHandle
let second: AgentHandle

type Kind = 'delivery' | 'download' | 'wsus'
const faces: ReadonlyArray<readonly [string, (agent: AgentHandle) => Target, readonly Kind[]]> = [
  ['the forward proxy', agent => ({ kind: 'proxy', url: agent.proxy }), ['delivery', 'download', 'wsus']],
  [
    'a cache host named in the policy',
    agent => ({ kind: 'cache-host', url: agent.proxy }),
    ['delivery', 'download']
  ],
  [
    'a cache host that the name leads to',
    agent => ({ kind: 'origin', url: agent.proxy }),
    ['delivery', 'wsus']
  ],
  ['an alternate download server', agent => ({ kind: 'alternate', url: agent.proxy }), ['wsus']]
]
const clients: ReadonlyArray<readonly [string, Replayer]> = [
  ['Windows 10', replayWindows10],
  ['Windows 11', replayWindows11],
  ['Linux', replayLinux],
  ['BITS', replayBits],
  ['BITS with several ranges', (target, offer) => replayBits(target, offer, { severalRanges: 3 })]
]

beforeAll(async () => {
  double = await startWindowsUpdate()
  house.keep(() => double.close())
  const args = [
    ['--upstream-proxies', double.url],
    ['--upstream-direct-fallback', 'false'],
    ['--cache-host-origins', wsusHost],
    ['--proxy-wsus', `http://${wsusHost}`]
  ].flat()
  const members = await startMembers(house, fleetSecret(), ['first', 'second'], [], { args })
  first = members[0]!
  second = members[1]!
})
afterEach(() => double.rules.clear())
afterAll(() => house.close())

/** Of every kind one, with bytes that no other test has. */
let made = 0
const kinds: ReadonlyArray<readonly [string, Kind, () => Promise<UpdateFile>]> = [
  ['a file of Delivery Optimization', 'delivery', () => double.delivery(content())],
  [
    'a file with its SHA-1 in the name',
    'download',
    () => double.download(`windows11-kb${++made}`, 'cab', content())
  ],
  ['a file of a WSUS', 'wsus', () => double.wsus(`kb${++made}`, 'exe', content())]
]
const oneOf = (allowed: readonly Kind[]): (() => Promise<UpdateFile>) =>
  kinds.find(([, kind]) => allowed.includes(kind))![2]
const content = () => seededContent(`windows update ${++made}`, 9 * MiB + 777)
const wanBytes = (file: UpdateFile): number => double.origin.stats(file.path).bodyBytes

describe.each(faces)('%s', (_face, target, allowed) => {
  const publishOne = oneOf(allowed)
  describe.each(kinds.filter(([, kind]) => allowed.includes(kind)))('%s', (_name, _kind, publish) => {
    test.each(clients)(
      '%s has nothing to complain about, first, later, and next door',
      async (_client, client) => {
        const file = await publish()
        for (const agent of [first, first, second]) {
          const { complaints, sha256 } = await client(target(agent), file.offer())
          expect(complaints).toEqual([])
          expect(sha256).toBe(file.offer().sha256)
        }
      }
    )

    test('what one client has fetched no other client fetches again, whatever it is and whatever it was told', async () => {
      const file = await publish()
      await replayWindows11(target(first), file.offer())
      const once = wanBytes(file)
      for (const agent of [first, second]) {
        for (const client of [replayWindows10, replayLinux, replayBits, replayWindows11]) {
          expect((await client(target(agent), file.offer())).complaints).toEqual([])
        }
      }
      expect(wanBytes(file) - once).toBe(0)
    })
  })

  test('a paused BITS job is told that its file is another one now, and not told so when it is not', async () => {
    const file = await publishOne()
    const rememberedDate = new Date('2025-12-31T00:00:00Z')
    for (const _round of ['cold', 'warm']) {
      expect((await replayBits(target(first), file.offer(), { rememberedDate })).complaints).toEqual([])
      expect((await replayBits(target(first), file.offer())).complaints).toEqual([])
    }
  })

  test('a page of a captive portal reaches the client that was there, and nobody else', async () => {
    const file = await publishOne()
    double.rules.add({ answer: captivePortal })
    const behind = await replayWindows11(target(first), file.offer())
    expect(behind.complaints.length).toBeGreaterThan(0)
    expect(behind.sha256).toBeNull()
    double.rules.clear()
    for (const agent of [first, second]) {
      expect((await replayWindows11(target(agent), file.offer())).complaints).toEqual([])
    }
  })

  test('bytes that are not those of the name are not kept', async () => {
    const file = await oneOf(allowed.filter(kind => kind !== 'delivery'))()
    double.rules.add({ path: new RegExp(file.path), faults: { corruptAt: [5 * MiB] } })
    expect((await replayBits(target(first), file.offer())).complaints).not.toEqual([])
    double.rules.clear()
    // The name can only be checked when everything is there, which may be a moment after the last client has left.
    const after = await poll(
      10_000,
      () => replayBits(target(first), file.offer()),
      ({ complaints }) => complaints.length === 0
    )
    expect([after.complaints, after.sha256]).toEqual([[], file.offer().sha256])
  })
})

describe('Windows Update Agent and WSUS through the forward proxy', () => {
  test('the calls go through as they are, and the small file comes', async () => {
    const file = await double.wsus('definitions', 'cab', bytesContent(Buffer.alloc(7173, 'd')))
    const before = double.asked.length
    const result = await replayWua({ kind: 'proxy', url: first.proxy }, file.offer())
    expect([result.complaints, result.sha256]).toEqual([[], file.offer().sha256])
    const calls = double.asked.slice(before).filter(({ method }) => method === 'POST')
    expect(calls).toHaveLength(7)
    for (const { headers } of calls) {
      expect(headers).toMatchObject({
        'accept-encoding': 'xpress',
        'content-type': 'text/xml; charset=utf-8',
        'user-agent': 'Windows-Update-Agent/10.0.10011.16384 Client-Protocol/2.71'
      })
    }
  })

  test('an answer that fails comes as it is', async () => {
    const file = await double.wsus('failing', 'cab', bytesContent(Buffer.alloc(7173, 'f')))
    double.rules.add({ headers: { soapaction: /SyncUpdates/ }, faults: { status: 503 } })
    const { complaints } = await replayWua({ kind: 'proxy', url: first.proxy }, file.offer())
    expect(complaints).toEqual([
      'GetExtendedUpdateInfo: the file is not named',
      'SyncUpdates: status 503 instead of 200'
    ])
  })
})
