/** Orders from the admin's word to what each agent is told, on a real database. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import type { OrderRequest } from '@starling/shared/admin-api/orders.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { noOrders, orderAfterglowMs, ordersMax, type OrderProgress } from '@starling/shared/orders.ts'
import { hourMs } from '@starling/shared/units.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { byItself } from './by.ts'
import { createLog } from './log.ts'
import { createOrderDesk, type LoadedOrderDesk } from './order-desk.ts'
import { createOrders, type Orders } from './orders.ts'
import type { AgentRecord, CoordinatorStore } from './ports.ts'
import { createSealingKey } from './sealing.ts'
import { openAudit, type AuditChain } from './store/audit.ts'
import { createChange } from './store/change.ts'
import type { Database } from './store/database.ts'
import { fleetQueries } from './store/fleet-queries.ts'
import { openDatabase } from './store/open.ts'
import { orderStore } from './store/orders.ts'
import { openSecrets } from './store/secrets.ts'
import { createStore } from './store/store.ts'

const by = byItself('order.give')
const start = 1_000_000_000_000
const release: OrderRequest = {
  kind: 'prestage',
  what: 'http://files.example/release.iso?token=secret',
  scopes: ['site:north', 'site:south'],
  by: start + hourMs,
  bytesPerSecond: 1_000_000,
  reason: 'patch day'
}
const pin = (what: string, scopes: readonly string[]): OrderRequest => ({
  kind: 'pin',
  what,
  scopes: [...scopes],
  reason: ''
})

let folder: string
let database: Database
let store: CoordinatorStore
let audit: AuditChain
let desk: LoadedOrderDesk
let orders: Orders
let now: number

beforeEach(async () => {
  const log = createLog('silent')
  now = start
  const clock = () => now
  folder = await mkdtemp(join(tmpdir(), 'starling-orders-'))
  database = await openDatabase({ folder }, log)
  store = createStore(database, log)
  const secrets = await openSecrets(database, createSealingKey(), clock)
  audit = await openAudit(database, secrets, clock)
  desk = createOrderDesk({ store: orderStore(database), log }, clock)
  orders = createOrders({
    store: orderStore(database),
    desk,
    agents: () => store.agents(),
    change: createChange(database, audit, secrets),
    clock
  })
})
afterEach(async () => {
  await desk.stop()
  await store.close()
  await database.close()
  await rm(folder, { recursive: true })
})

async function member(site: string, group: string | null = null): Promise<AgentRecord> {
  const record: AgentRecord = {
    agent: createIdentity().agentId,
    site,
    role: 'agent',
    group,
    version: '1',
    enrolledAt: 1,
    lastHeardAt: null,
    revokedAt: null
  }
  await store.putAgent(record)
  return record
}
const told = (member: AgentRecord, digest = noOrders.digest): string[] | null =>
  desk.newsFor(member, digest)?.list.map(({ what }) => what) ?? null
const progress = (order: string, change: Partial<OrderProgress> = {}): OrderProgress => ({
  order,
  state: 'running',
  reason: '',
  bytes: 10,
  length: 100,
  late: false,
  ...change
})
const tell = (member: AgentRecord, ...all: OrderProgress[]): void => {
  desk.heard(member, { digest: noOrders.digest, progress: all })
}

describe('agents', () => {
  it('are told the orders that concern them, by site, group and device, and only when they have others', async () => {
    const [north, pilot, south] = [
      await member('north'),
      await member('east', 'pilots'),
      await member('south')
    ]
    await orders.give(pin('for north', ['site:north']), by)
    now++
    await orders.give(pin('for pilots and one', ['group:pilots', `device:${south.agent}`]), by)
    now++
    await orders.give(pin('for all', ['fleet']), by)
    await desk.load()
    expect(told(north)).toEqual(['for north', 'for all'])
    expect(told(pilot)).toEqual(['for pilots and one', 'for all'])
    expect(told(south)).toEqual(['for pilots and one', 'for all'])
    expect(told(await member('west'))).toEqual(['for all'])
    const { digest } = desk.newsFor(north, noOrders.digest)!
    expect(told(north, digest)).toBeNull()
    // Moved: the same orders do not concern it any more.
    expect(told({ ...north, site: 'west' }, digest)).toEqual(['for all'])
    expect(desk.newsFor(north, undefined), 'an older agent').toBeNull()
  })

  it('are told nothing when there is nothing, and an empty list when all was withdrawn', async () => {
    const north = await member('north')
    await desk.load()
    expect(told(north)).toBeNull()
    const { id } = await orders.give(release, by)
    await desk.load()
    const { digest } = desk.newsFor(north, noOrders.digest)!
    await orders.withdraw(id, 'not yet', by)
    await desk.load()
    expect(told(north, digest)).toEqual([])
  })

  it('hear of an order for a day after its deadline, so that they can say how it ended', async () => {
    const north = await member('north')
    await orders.give(release, by)
    await desk.load()
    now = start + hourMs + orderAfterglowMs - 1
    expect(told(north)).toEqual([release.what])
    now++
    expect(told(north)).toBeNull()
    await desk.load()
    expect(told(north)).toBeNull()
  })
})

describe('how far an order is', () => {
  it('is counted by site, with why agents fail, and of those whom it concerns', async () => {
    const [one, two, quiet] = [await member('north'), await member('north'), await member('north')]
    const [south, stranger] = [await member('south'), await member('west')]
    const { id } = await orders.give(release, by)
    await desk.load()
    tell(one, progress(id, { late: true }))
    tell(two, progress(id, { state: 'failed', reason: 'it is denied', bytes: 0 }))
    tell(two, progress(id, { state: 'failed', reason: 'it is denied here', bytes: 0 }))
    tell(south, progress(id, { state: 'done', bytes: 100 }))
    tell(stranger, progress(id, { state: 'done' }), progress('f'.repeat(16)))
    const shown = await orders.show(id)
    expect(shown).toMatchObject({
      agents: 4,
      unheard: 1,
      running: 1,
      late: 1,
      failed: 1,
      done: 1,
      bytes: 110
    })
    expect(shown.sites).toEqual([
      {
        site: 'north',
        agents: 3,
        unheard: 1,
        waiting: 0,
        running: 1,
        late: 1,
        done: 0,
        failed: 1,
        bytes: 10,
        reasons: { 'it is denied here': 1 }
      },
      expect.objectContaining({ site: 'south', agents: 1, unheard: 0, done: 1, reasons: {} })
    ])
    expect(quiet.site).toBe('north')
  })

  it('is told of one agent, the newest order first, until the order is withdrawn', async () => {
    const [north, other] = [await member('north'), await member('north')]
    const first = await orders.give(release, by)
    now++
    const second = await orders.give(pin('kept', ['fleet']), by)
    await desk.load()
    tell(north, progress(first.id, { late: true }), progress(second.id, { state: 'done', bytes: 100 }))
    tell(other, progress(first.id))
    await desk.flush()
    const ofAgent = (agent: AgentId) => fleetQueries(database).orders(agent)
    expect(await ofAgent(north.agent)).toMatchObject([
      { id: second.id, kind: 'pin', what: 'kept', by: null, state: 'done', bytes: 100, late: false },
      { id: first.id, kind: 'prestage', by: start + hourMs, state: 'running', length: 100, late: true }
    ])
    await orders.withdraw(second.id, '', by)
    expect((await ofAgent(north.agent)).map(({ id }) => id)).toEqual([first.id])
  })

  it('is told to who asks about one site for that site alone', async () => {
    const [north, south] = [await member('north'), await member('south')]
    const both = await orders.give(release, by)
    now++
    const mine = await orders.give(pin('x', [`device:${south.agent}`]), by)
    await desk.load()
    tell(north, progress(both.id, { state: 'done' }))
    const seen = async (site: string) =>
      (await orders.list({ site })).orders.map(({ id, agents, done }) => [id, agents, done])
    expect(await seen('north')).toEqual([[both.id, 1, 1]])
    expect(await seen('south')).toEqual([
      [mine.id, 1, 0],
      [both.id, 1, 0]
    ])
    expect(await seen('west')).toEqual([])
    expect((await orders.list({ kind: 'pin' })).orders.map(({ id }) => id)).toEqual([mine.id])
  })
})

describe('giving an order', () => {
  it('is in the audit log and among the events with it, without the query of the URL', async () => {
    const { id } = await orders.give(release, by)
    await orders.withdraw(id, 'not yet', byItself('order.withdraw'))
    const said = 'prestage http://files.example/release.iso'
    expect(
      (await audit.page({ count: 9 })).map(({ action, target, detail }) => [action, target, detail])
    ).toEqual([
      ['order.withdraw', id, `${said}: not yet`],
      ['order.give', id, `${said} for site:north site:south: patch day`]
    ])
    expect(JSON.stringify(await store.events(9))).not.toContain('secret')
    expect(await orders.show(id)).toMatchObject({ state: 'withdrawn', withdrawnBy: by.actor })
  })

  it.each([
    ['bad-url', { ...release, what: 'ftp://files.example/a' }],
    ['bad-url', { ...release, what: 'http://user:word@files.example/a' }],
    ['too-late', { ...release, by: start }]
  ])('is refused (%s) when it cannot be done', async (code, request) => {
    await expect(orders.give(request as OrderRequest, by)).rejects.toMatchObject({ code })
    expect((await orders.list({})).orders).toEqual([])
  })

  it('is refused when too many hold, until one is withdrawn or over', async () => {
    const first = await orders.give(release, by)
    for (let given = 1; given < ordersMax; given++) await orders.give(pin(`x${given}`, ['fleet']), by)
    await expect(orders.give(release, by)).rejects.toMatchObject({ code: 'too-many-orders' })
    now = start + hourMs
    expect(await orders.show(first.id)).toMatchObject({ state: 'over' })
    await orders.give(pin('fits', ['fleet']), by)
  })

  it('ends once', async () => {
    const { id } = await orders.give(release, by)
    await orders.withdraw(id, '', by)
    await expect(orders.withdraw(id, '', by)).rejects.toMatchObject({ code: 'unknown-order' })
    await expect(orders.withdraw('0'.repeat(16), '', by)).rejects.toMatchObject({ code: 'unknown-order' })
  })
})
