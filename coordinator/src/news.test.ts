import type { NewsRequest } from '@starling/shared/coordinator-api.ts'
import type { CoordinatorCertificate, RevocationList } from '@starling/shared/credential.ts'
import { noOrders, type OrderList } from '@starling/shared/orders.ts'
import { emptyPolicyDigest, type SignedPolicy } from '@starling/shared/signed-policy.ts'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createLog } from './log.ts'
import { createNews } from './news.ts'

afterEach(() => {
  vi.useRealTimers()
})

const member = (n: number) => ({ agent: `agent-${n}`, site: 'hq', group: null })
const has: NewsRequest = {
  revocationsVersion: 0,
  purgesVersion: 0,
  policy: { number: 0, digest: emptyPolicyDigest, refused: null }
}
const noSignal = new AbortController().signal
const policy = { number: 7 } as SignedPolicy

function world() {
  const state = {
    policy: null as SignedPolicy | null,
    list: null as RevocationList | null,
    orders: noOrders,
    purges: 0,
    loads: 0,
    fails: false
  }
  const news = createNews(
    {
      desk: {
        newsFor: () => state.policy,
        async load() {
          state.loads++
          if (state.fails) throw new Error('the database is away')
        }
      },
      orders: {
        newsFor: (_, digest) =>
          digest === undefined || digest === state.orders.digest ? null : state.orders,
        load: async () => {}
      },
      revocations: async () => state.list,
      purgesSince: async than => ({ version: state.purges, list: than >= state.purges ? [] : [] }),
      log: createLog('silent')
    },
    50_000
  )
  return { state, news, wait: (n: number, signal = noSignal) => news.wait(member(n), has, signal) }
}

describe('who waits for news', () => {
  it('is answered at once when there is some, else the moment that some comes', async () => {
    const { state, news, wait } = world()
    const waiting = wait(1)
    state.policy = policy
    await news.changed()
    expect(await waiting).toEqual({ policy, revocations: null })
    expect(await wait(2)).toEqual({ policy, revocations: null })
    expect(news.waiting()).toBe(0)
  })

  it('is told of orders that he does not have, if he knows of orders', async () => {
    const { state, news, wait } = world()
    const orders: OrderList = {
      digest: 'ab'.repeat(16),
      list: [{ id: '0123456789abcdef', kind: 'pin', what: 'x', by: null, bytesPerSecond: null }]
    }
    const older = wait(1)
    const waiting = news.wait(member(2), { ...has, orders: noOrders.digest }, noSignal)
    state.orders = orders
    await news.changed()
    expect(await waiting).toEqual({ policy: null, revocations: null, orders })
    expect(news.waiting(), 'one of an older version still waits').toBe(1)
    news.stop()
    expect(await older).toBeNull()
  })

  it('is told that nothing came when the time is over, when he is gone, and when the coordinator stops', async () => {
    vi.useFakeTimers()
    const { news, wait } = world()
    const late = wait(1)
    await vi.advanceTimersByTimeAsync(50_000)
    expect(await late).toBeNull()
    const gone = new AbortController()
    const left = wait(2, gone.signal)
    gone.abort()
    expect(await left).toBeNull()
    const stopped = wait(3)
    news.stop()
    expect(await stopped).toBeNull()
    expect(await wait(4)).toBeNull()
    expect(news.waiting()).toBe(0)
  })

  it('is told what could not be read at first', async () => {
    vi.useFakeTimers()
    const { state, news, wait } = world()
    const waiting = wait(1)
    state.fails = true
    state.policy = policy
    await news.changed()
    await vi.advanceTimersByTimeAsync(3_000)
    expect(news.waiting()).toBe(1)
    state.fails = false
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await waiting).toEqual({ policy, revocations: null })
  })

  it('waits once: a second line ends the first', async () => {
    const { news, wait } = world()
    const first = wait(1)
    const second = wait(1)
    expect(await first).toBeNull()
    expect(news.waiting()).toBe(1)
    news.stop()
    await second
  })

  it('is one of ten thousand at the most; the rest is told to rely on heartbeats', async () => {
    const { news, wait } = world()
    const waiting = Array.from({ length: 10_000 }, (_, n) => wait(n))
    await expect(wait(10_001)).rejects.toMatchObject({ code: 'news-full' })
    news.stop()
    await Promise.all(waiting)
  })

  it('hears that he is revoked, the others whom to shun, and all of a purge', async () => {
    const { state, news, wait } = world()
    const [good, bad] = [wait(1), wait(2)]
    const refused = bad.catch((error: unknown) => error)
    state.list = {
      version: 1,
      agents: ['agent-2'],
      coordinator: {} as CoordinatorCertificate,
      signature: new Uint8Array()
    }
    await news.changed()
    expect(await refused).toMatchObject({ code: 'revoked' })
    expect(await good).toMatchObject({ revocations: { version: 1 }, policy: null })
    state.list = null
    await news.changed()
    const third = wait(3)
    state.purges = 4
    await news.changed()
    expect(await third).toMatchObject({ purges: { version: 4 } })
  })

  it('waits on while the database is away, and hears of it when that is back', async () => {
    const { state, news, wait } = world()
    const waiting = wait(1)
    state.fails = true
    state.policy = policy
    await news.changed()
    expect(news.waiting()).toBe(1)
    state.fails = false
    await news.changed()
    expect(await waiting).toMatchObject({ policy })
  })
})

it('what changes while it is read is read again', async () => {
  const { state, news } = world()
  await Promise.all([news.changed(), news.changed(), news.changed()])
  expect(state.loads).toBe(2)
})
