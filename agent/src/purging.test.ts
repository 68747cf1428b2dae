import { purgesKeptMax, purgesPerIssuerMax, purgeWindowMs, type KeptPurge } from '@starling/shared/purge.ts'
import type { Proof } from '@starling/shared/credential.ts'
import { beforeEach, describe, expect, it } from 'vitest'
import { madeTransfer } from '../../test/doubles/made-transfer.ts'
import { createMemoryStore } from '../../test/doubles/memory-store.ts'
import type { AgentEvent, StorePort } from './ports.ts'
import { loadPurges } from './purge-memory.ts'
import { createPurging, type Purging } from './purging.ts'

const made = madeTransfer()
const { key } = made.head().head
const proof: Proof = { kind: 'secret', site: 'lab', mac: new Uint8Array(32).fill(4) }
const target = { kind: 'class', id: 'generic' } as const
const ofClass = (id: string, purgedAt: number, word: KeptPurge['word'] = null): KeptPurge => ({
  target: { kind: 'class', id },
  purgedAt,
  word
})

let store: StorePort
let now: number
let events: AgentEvent[]
beforeEach(() => {
  store = createMemoryStore()
  now = 1000
  events = []
})

async function purgingOf(can: { proof?: Proof | null; sign?: boolean } = {}): Promise<Purging> {
  const purging: Purging = await createPurging({
    store,
    trust: { now: () => now, proof: () => (can.proof === undefined ? proof : can.proof) },
    signPurge: (what, at) =>
      can.sign === false
        ? null
        : {
            target: what,
            signed: {
              issuer: `12D3KooW${'A'.repeat(44)}`,
              issuedAt: at,
              expiresAt: at + 1,
              serial: at,
              bytes: new Uint8Array(64)
            }
          },
    peers: () => 7,
    emit(event) {
      events.push(event)
      // As the core does, which keeps all of them.
      if (event.type === 'purged') void purging.keep([...purging.book.all(), event.purge])
    }
  })
  return purging
}

describe('a purge at this machine', () => {
  it('is told to the site with its signature and proof', async () => {
    await store.open(made.head())
    const purging = await purgingOf()
    const result = await purging.purge({ kind: 'class', id: made.head().head.contentClass })
    expect(result).toEqual({ forgotten: 1, told: 7, notTold: null })
    expect(events).toMatchObject([
      { type: 'purged', purge: { purgedAt: now, word: { proof, signed: { issuedAt: now } } } }
    ])
  })

  it('is not before anything that is known of its target: clocks may have been ahead', async () => {
    const ahead = made.head()
    await store.open({ ...ahead, signed: { ...ahead.signed, issuedAt: 5000 } })
    const purging = await purgingOf()
    const purgedAt = () => events.map(event => (event.type === 'purged' ? event.purge.purgedAt : 0)).at(-1)
    const ofKey = { kind: 'class', id: ahead.head.contentClass } as const
    await purging.purge(ofKey)
    expect(purgedAt()).toBe(5000)
    await store.remove(ahead.transfer)
    await purging.purge(ofKey)
    expect(purgedAt()).toBe(5001)
  })

  it.each([
    ['without a fleet', { proof: null }, /no fleet/],
    ['where members may not sign', { sign: false }, /gateway.*starling-coordinator cache purge/]
  ])('stays here %s, and says why', async (_, can, why) => {
    const { told, notTold } = await (await purgingOf(can)).purge(target)
    expect([told, notTold]).toEqual([0, expect.stringMatching(why)])
    expect(events).toMatchObject([{ purge: { word: null } }])
  })

  it('stays here when there are more than others take, and the next minute they are told again', async () => {
    const purging = await purgingOf()
    for (let at = 0; at < purgesPerIssuerMax; at++) {
      expect((await purging.purge({ kind: 'class', id: `c${at}` })).notTold).toBeNull()
    }
    expect((await purging.purge(target)).notTold).toMatch(/64 purges a minute/)
    now += purgeWindowMs
    expect((await purging.purge(target)).notTold).toBeNull()
  })
})

describe('what is kept', () => {
  it('is there in the next life, and how far the coordinator was heard', async () => {
    const purging = await purgingOf()
    await purging.purge(target)
    expect(purging.version('fleet')).toBeNull()
    await purging.fromCoordinator('fleet', [{ target: { kind: 'class', id: 'b' }, purgedAt: 5 }], 3)
    events = []
    const next = await purgingOf()
    next.tellKept()
    expect(events).toEqual([
      { type: 'purged', purge: ofClass('b', 5) },
      {
        type: 'purged',
        purge: expect.objectContaining({
          target,
          word: expect.objectContaining({ proof }) as unknown
        }) as unknown
      }
    ])
    expect([next.version('fleet'), next.version('another')]).toEqual([3, null])
    expect(next.book.covers({ key, contentClass: 'generic' }, 1000)).toBe(true)
  })

  it('is written one by one, and what is let go of makes room', async () => {
    const written: string[] = []
    const memory = await loadPurges({
      ...store,
      async remember(name, value) {
        written.push(`${name}${value === undefined ? ' forgotten' : ''}`)
        await store.remember(name, value)
      }
    })
    await memory.keep([ofClass('a', 1), ofClass('b', 2)])
    await memory.keep([ofClass('a', 1), ofClass('b', 3)])
    await memory.keep([ofClass('b', 3), ofClass('c', 4)])
    expect(written).toEqual(['purge.0', 'purge.1', 'purge.1', 'purge.0 forgotten', 'purge.0'])
    expect((await loadPurges(store)).book.all()).toEqual([ofClass('b', 3), ofClass('c', 4)])
    const many = Array.from({ length: purgesKeptMax }, (_, at) => ofClass(`c${at}`, at))
    await memory.keep(many)
    expect((await loadPurges(store)).book.all()).toEqual(many)
  })

  it('and damaged, is as good as not there', async () => {
    for (const [at, value] of [7, '', 'AAAA', null].entries()) await store.remember(`purge.${at}`, value)
    expect((await loadPurges(store)).book.all()).toEqual([])
  })
})
