import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Bitfield } from '@starling/shared/bitfield.ts'
import { parseTrace } from '@starling/shared/trace.ts'
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

const begin = { self: 'one', role: 'agent', site: 'lab', policy: { uploadSlots: 8 }, seed: 4 } as const

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
