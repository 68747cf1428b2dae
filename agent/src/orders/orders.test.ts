/** Orders on a store and an origin in memory, in time that is moved by hand. */
import { Bitfield } from '@starling/shared/bitfield.ts'
import { chunkCount } from '@starling/shared/chunking.ts'
import type { TransferId } from '@starling/shared/ids.ts'
import { ordersDigest, type OrderList, type ToldOrder } from '@starling/shared/orders.ts'
import { MiB, hourMs, minuteMs, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createLog } from '../log.ts'
import type { StoredTransfer } from '../ports.ts'
import { createOrders, type Orders } from './orders.ts'
import type { FetchStep, StepEnd } from './through-proxy.ts'

afterEach(() => {
  vi.useRealTimers()
})

const fleet = 'the fleet'
const mibPerSecond = 1_048_576
const url = 'http://files.example/a.iso'
const keyOf = (text: string): string | null => (URL.canParse(text) ? text.replace(/^https?:\/\//, '') : null)
const id = (n: number): string => String(n).padStart(16, '0')
const transferOf = (n: number): TransferId => n.toString(16).padEnd(64, 'a') as TransferId

const orderOf = (change: Partial<ToldOrder> = {}): ToldOrder => ({
  id: id(1),
  kind: 'prestage',
  what: url,
  by: hourMs,
  bytesPerSecond: null,
  ...change
})
const listOf = (...list: ToldOrder[]): OrderList => ({ digest: ordersDigest(list), list })

interface World {
  orders: Orders
  readonly memory: Map<string, unknown>
  readonly pins: Map<string, boolean>
  readonly steps: Array<{
    readonly url: string
    readonly start: Bytes
    readonly end: Bytes
    readonly at: Millis
  }>
  /** What the proxy answers in place of content. */
  answer: StepEnd | null
  /** Whether what comes is kept. */
  isFull: boolean
  keep(what: string, length: Bytes, chunks: number): StoredTransfer
  /** Another agent on the same folder. */
  restart(): Promise<void>
  start(): void
  /** Moves time, and waits until all that was due has been done. */
  pass(ms: Millis): Promise<void>
  state(of?: string): readonly [state: string | undefined, reason: string | undefined]
}

async function world(length: Bytes = 8 * MiB): Promise<World> {
  let now = 0
  const stored: Array<StoredTransfer & { pinned: boolean }> = []
  const waiting = new Set<{ readonly at: Millis; readonly wake: () => void }>()

  const delay = (ms: Millis, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const one = { at: now + ms, wake: resolve }
      waiting.add(one)
      signal.addEventListener('abort', () => {
        waiting.delete(one)
        reject(signal.reason as Error)
      })
    })
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
  }

  const it: World = {
    orders: null as unknown as Orders,
    memory: new Map(),
    pins: new Map(),
    steps: [],
    answer: null,
    isFull: false,
    keep(what, size, chunks) {
      const have = new Bitfield(chunkCount(size, MiB))
      for (let chunk = 0; chunk < chunks; chunk++) have.set(chunk)
      const one = {
        head: {
          transfer: transferOf(stored.length + 1),
          head: { key: keyOf(what)!, length: size, chunkBytes: MiB },
          signed: { issuedAt: stored.length }
        },
        have,
        pinned: false
      } as unknown as StoredTransfer & { pinned: boolean }
      stored.push(one)
      return one
    },
    async restart() {
      await it.orders?.stop()
      it.orders = await createOrders({
        store: {
          list: () => stored,
          remember: async (name, value) => void it.memory.set(name, JSON.parse(JSON.stringify(value))),
          recall: async name => it.memory.get(name)
        },
        async pin(transfer, pinned) {
          it.pins.set(transfer, pinned)
          stored.find(({ head }) => head.transfer === transfer)!.pinned = pinned
        },
        keyOf,
        now: () => now,
        log: createLog('silent', 'test'),
        delay
      })
    },
    start() {
      it.orders.start(step, fleet)
    },
    async pass(ms) {
      await settled()
      const until = now + ms
      for (;;) {
        const [next] = [...waiting].filter(({ at }) => at <= until).sort((one, other) => one.at - other.at)
        if (next === undefined) break
        waiting.delete(next)
        now = Math.max(now, next.at)
        next.wake()
        await settled()
      }
      now = until
      // The agent's own timer, which a test does not wait for.
      it.start()
      await settled()
    },
    state(of = id(1)) {
      const found = it.orders.progress().find(({ order }) => order === of)
      return [found?.state, found?.reason]
    }
  }

  const step: FetchStep = async (asked, start, end, signal) => {
    it.steps.push({ url: asked, start, end, at: now })
    signal.throwIfAborted()
    if (it.answer !== null) return it.answer
    const key = keyOf(asked)
    const transfer = stored.find(({ head }) => head.head.key === key) ?? it.keep(asked, length, 0)
    if (!it.isFull)
      for (let chunk = start / MiB; chunk < Math.min(transfer.have.size, end / MiB); chunk++)
        transfer.have.set(chunk)
    return { kind: 'swarm', length }
  }
  await it.restart()
  return it
}

describe('an order to fetch', () => {
  test('is done when all of it is kept, and stays done without another request', async () => {
    const here = await world()
    here.start()
    await here.orders.take(fleet, listOf(orderOf()))
    await here.pass(0)
    expect(here.orders.progress()).toEqual([
      { order: id(1), state: 'done', reason: '', bytes: 8 * MiB, length: 8 * MiB, late: false }
    ])
    await here.restart()
    here.start()
    await here.pass(minuteMs)
    expect(here.steps.length).toBe(1)
    expect(here.state()).toEqual(['done', ''])
  })

  test('goes no faster than it may, and is late when that will not do', async () => {
    const here = await world(20 * MiB)
    here.start()
    await here.orders.take(fleet, listOf(orderOf({ bytesPerSecond: mibPerSecond, by: 15 * secondMs })))
    await here.pass(0)
    expect(here.orders.progress()).toMatchObject([{ state: 'running', late: true, bytes: 4 * MiB }])
    await here.pass(10 * secondMs)
    expect(here.steps.map(({ start, end, at }) => [start / MiB, end / MiB, at])).toEqual([
      [0, 4, 0],
      [4, 8, 4000],
      [8, 12, 8000]
    ])
    await here.pass(5 * secondMs)
    expect(here.state()).toEqual(['failed', 'it was not done by its deadline'])
    await here.pass(hourMs)
    expect(here.steps.length).toBe(4)
  })

  test('goes on after a restart with what is missing, also before a coordinator is heard', async () => {
    const here = await world(12 * MiB)
    here.start()
    await here.orders.take(fleet, listOf(orderOf({ bytesPerSecond: mibPerSecond })))
    await here.pass(5 * secondMs)
    await here.restart()
    expect(here.orders.digest(fleet)).toBe(listOf(orderOf({ bytesPerSecond: mibPerSecond })).digest)
    here.start()
    await here.pass(10 * secondMs)
    expect(here.steps.map(({ start }) => start / MiB)).toEqual([0, 4, 8])
    expect(here.state()[0]).toBe('done')
  })

  test('stops when it is withdrawn, and is forgotten', async () => {
    const here = await world(100 * MiB)
    here.start()
    await here.orders.take(fleet, listOf(orderOf({ bytesPerSecond: mibPerSecond })))
    await here.pass(9 * secondMs)
    const { length } = here.steps
    await here.orders.take(fleet, listOf())
    await here.pass(minuteMs)
    expect(here.steps.length).toBe(length)
    expect(here.orders.progress()).toEqual([])
    await here.restart()
    expect(here.orders.view()).toEqual([])
  })

  test('that a rule forbids fails with what the rule says, and is asked again ten minutes later', async () => {
    const here = await world()
    here.answer = { kind: 'refused', why: 'files.example is denied' }
    here.start()
    await here.orders.take(fleet, listOf(orderOf()))
    await here.pass(9 * minuteMs)
    expect(here.state()).toEqual(['failed', 'files.example is denied'])
    expect(here.steps.length).toBe(1)
    here.answer = null
    await here.pass(minuteMs)
    await here.pass(0)
    expect(here.state()).toEqual(['done', ''])
  })

  test('waits when the origin is away, and tries again soon', async () => {
    const here = await world()
    here.answer = { kind: 'failed', why: 'the origin answers 503' }
    here.start()
    await here.orders.take(fleet, listOf(orderOf()))
    await here.pass(secondMs)
    expect(here.state()).toEqual(['waiting', 'the origin answers 503'])
    here.answer = null
    await here.pass(4 * secondMs)
    await here.pass(0)
    expect(here.state()).toEqual(['done', ''])
  })

  test('fails when nothing of what comes is kept, instead of fetching it for ever', async () => {
    const here = await world()
    here.isFull = true
    here.start()
    await here.orders.take(fleet, listOf(orderOf()))
    await here.pass(5 * minuteMs)
    expect(here.state()[0]).toBe('failed')
    expect(here.state()[1]).toMatch(/not kept/)
    expect(here.steps.length).toBe(4)
  })

  test('follows where the origin leads, but not in circles', async () => {
    const here = await world()
    here.answer = { kind: 'moved', to: 'http://mirror.example/a.iso' }
    here.start()
    await here.orders.take(fleet, listOf(orderOf()))
    await here.pass(0)
    expect(here.steps[1]?.url).toBe('http://mirror.example/a.iso')
    expect(here.state()).toEqual(['failed', 'the origin leads round in circles'])
    expect(here.steps.length).toBe(6)
  })

  test('waits for four others, those with the next deadline first', async () => {
    const here = await world(100 * MiB)
    const many = [5, 4, 3, 2, 1].map(n =>
      orderOf({ id: id(n), what: `${url}-${n}`, bytesPerSecond: mibPerSecond, by: n * hourMs })
    )
    here.start()
    await here.orders.take(fleet, listOf(...many))
    await here.pass(0)
    expect(here.steps.map(step => step.url.at(-1))).toEqual(['1', '2', '3', '4'])
    expect(here.state(id(5))).toEqual(['waiting', ''])
  })

  test('that is to be tried again while four others run waits for one of them without looking all the time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const here = await world(100 * MiB)
    const many = [1, 2, 3, 4, 5].map(n =>
      orderOf({ id: id(n), what: `${url}-${n}`, bytesPerSecond: mibPerSecond, by: n * hourMs })
    )
    here.start()
    here.answer = { kind: 'failed', why: 'the origin answers 503' }
    await here.orders.take(fleet, listOf(...many.slice(4)))
    await here.pass(0)
    here.answer = null
    await here.orders.take(fleet, listOf(...many))
    await here.pass(10 * secondMs)
    expect(here.state(id(5))).toEqual(['waiting', 'the origin answers 503'])
    const written = vi.spyOn(here.memory, 'set')
    await vi.advanceTimersByTimeAsync(minuteMs)
    expect(written).not.toHaveBeenCalled()
  })

  test('of another fleet, or of one that this agent has left, does not count', async () => {
    const here = await world(100 * MiB)
    here.start()
    await here.orders.take(fleet, listOf(orderOf({ bytesPerSecond: mibPerSecond })))
    expect(here.orders.digest('another')).toBe(listOf().digest)
    await here.orders.take(fleet, null)
    await here.pass(minuteMs)
    expect(here.orders.progress()).toEqual([])
    expect(here.steps.length).toBeLessThanOrEqual(1)
  })

  test('of a kind that is not known is left alone, and its list is not asked for again', async () => {
    const here = await world()
    here.start()
    const list = listOf(orderOf({ kind: 'polish' }))
    await here.orders.take(fleet, list)
    await here.pass(minuteMs)
    expect([here.orders.digest(fleet), here.orders.progress(), here.steps]).toEqual([list.digest, [], []])
  })
})

describe('a pin', () => {
  const pin = (what: string, n = 1): ToldOrder => orderOf({ id: id(n), kind: 'pin', what, by: null })

  test.each([
    ['its URL', url],
    ['its key', keyOf(url)!],
    ['its id', transferOf(1).slice(0, 60)]
  ])('is of what is kept under %s, now or later', async (_, what) => {
    const here = await world()
    here.start()
    await here.orders.take(fleet, listOf(pin(what)))
    await here.pass(0)
    expect(here.state()).toEqual(['waiting', 'nothing of it is kept here'])
    here.keep(url, 4 * MiB, 4)
    here.keep('http://files.example/b.iso', 4 * MiB, 4)
    await here.pass(30 * secondMs)
    expect([...here.pins]).toEqual([[transferOf(1), true]])
    expect(here.orders.progress()).toMatchObject([{ state: 'done', bytes: 4 * MiB, length: 4 * MiB }])
  })

  test('is written down before anything is pinned, so that a crash makes no pin of nobody', async () => {
    const here = await world()
    const kept = here.keep(url, MiB, 1)
    const known: unknown[] = []
    vi.spyOn(here.pins, 'set').mockImplementation(() => {
      known.push((here.memory.get('orders') as { readonly pinned: unknown }).pinned)
      return here.pins
    })
    here.start()
    await here.orders.take(fleet, listOf(pin(url)))
    await here.pass(0)
    expect(known).toEqual([{ [id(1)]: [kept.head.transfer] }])
  })

  test('ends when it is withdrawn, over a restart, but not what was pinned by hand or by another order', async () => {
    const here = await world()
    const [mine, byHand, shared] = ['mine', 'by-hand', 'shared'].map(name =>
      here.keep(`http://files.example/${name}`, MiB, 1)
    )
    ;(byHand as { pinned: boolean }).pinned = true
    here.start()
    const orders = [
      pin('files.example/mine', 1),
      pin('files.example/by-hand', 2),
      pin('files.example/shared', 3),
      pin('http://files.example/shared', 4)
    ]
    await here.orders.take(fleet, listOf(...orders))
    await here.pass(0)
    expect([mine!.pinned, byHand!.pinned, shared!.pinned]).toEqual([true, true, true])
    await here.restart()
    await here.orders.take(fleet, listOf(orders[3]!))
    expect([mine!.pinned, byHand!.pinned, shared!.pinned]).toEqual([false, true, true])
  })
})
