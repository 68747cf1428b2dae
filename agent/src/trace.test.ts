import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Bitfield } from '@starling/shared/bitfield.ts'
import { parseTrace, traceLine } from '@starling/shared/trace.ts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AgentEvent } from './ports.ts'
import { traceTo } from './trace.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-trace-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

const begin = {
  self: 'one',
  role: 'agent',
  site: 'lab',
  policy: { uploadSlots: 8 },
  seed: 4,
  bans: []
} as const

test('what is written is read back as it was, bytes and bitfields included', async () => {
  const path = join(folder, 'agent.trace')
  const have = new Bitfield(12)
  have.set(3)
  const events: AgentEvent[] = [
    {
      type: 'peer-said',
      peer: 'two',
      message: { type: 'bitfield', transfer: 'ff', bits: Uint8Array.of(1, 0, 255), claims: [] }
    },
    {
      type: 'transfer-loaded',
      head: {
        transfer: 'ff',
        head: {
          key: 'k',
          length: 12,
          validator: '',
          chunkBytes: 1,
          contentClass: 'c',
          headers: [],
          promised: null
        },
        signed: { issuer: 'two', issuedAt: 0, expiresAt: 1, serial: 1, bytes: new Uint8Array(64) }
      },
      have,
      digests: [],
      unsigned: [[3, Uint8Array.of(7)]],
      lastUsedAt: 0,
      pinned: false
    },
    { type: 'woke' }
  ]
  const trace = traceTo(path, begin, why => {
    throw new Error(why)
  })
  for (const [at, event] of events.entries()) trace.event(event, at)
  await trace.close()
  const text = readFileSync(path, 'utf8')
  const read = parseTrace<object, AgentEvent>(text)
  expect(read.start).toMatchObject(begin)
  expect(read.events.map(({ event }) => event)).toEqual(events)
  const loaded = read.events[1]!.event
  expect(loaded.type === 'transfer-loaded' && [...loaded.have.indices()]).toEqual([3])
  // What Node hands out as a Buffer is bytes like others.
  expect(traceLine({ bytes: Buffer.of(1, 2) })).toBe(traceLine({ bytes: Uint8Array.of(1, 2) }))
  // Half a line is what a power loss leaves: the rest is still good.
  expect(parseTrace<object, AgentEvent>(text.slice(0, -5)).events).toHaveLength(2)
})

test('a trace that cannot be written says so once, and harms nothing', async () => {
  const told: string[] = []
  const trace = traceTo(join(folder, 'no', 'such', 'folder'), begin, why => {
    told.push(why)
  })
  trace.event({ type: 'woke' }, 0)
  await trace.close()
  trace.event({ type: 'woke' }, 1)
  expect(told).toHaveLength(1)
  expect(told[0]).toMatch(/no such file/)
})

test('a file that is there is left as it is: it may be the trace of a crash', async () => {
  const path = join(folder, 'agent.trace')
  writeFileSync(path, 'before the crash')
  const told: string[] = []
  const trace = traceTo(path, begin, why => {
    told.push(why)
  })
  trace.event({ type: 'woke' }, 0)
  await trace.close()
  expect(readFileSync(path, 'utf8')).toBe('before the crash')
  expect(told).toEqual([expect.stringMatching(/agent\.trace has ended: .*name another/)])
})

test.skipIf(process.platform === 'win32')(
  'only its user may read it: it tells what a machine fetched',
  async () => {
    const path = join(folder, 'agent.trace')
    await traceTo(path, begin, () => {}).close()
    expect(statSync(path).mode & 0o777).toBe(0o600)
  }
)
