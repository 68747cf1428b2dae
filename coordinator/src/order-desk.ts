/**
 * What each agent is told to have and to keep, answered from memory: heartbeats and polls of 20,000 agents ask here. What they tell of it
 * is gathered and written down every few seconds; a crash forgets those seconds, and whoever is asked for his whole report says them again.
 */
import { messageOf } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import {
  noOrders,
  orderAfterglowMs,
  ordersDigest,
  ordersMax,
  type OrderList
} from '@starling/shared/orders.ts'
import { concerns, type ScopedMember } from '@starling/shared/policy-scope.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { Log } from './log.ts'
import type { NotedProgress, OrderDesk, OrderRecord, OrderStore } from './ports.ts'

const writeEveryMs: Millis = 5 * secondMs
/** After a start 20,000 agents tell of 100 orders each: others must get at the event loop and the database in between. */
const writtenAtOnce = 2000

export interface LoadedOrderDesk extends OrderDesk {
  /** Writes down what was heard. */
  flush(): Promise<void>
  stop(): Promise<void>
}

export function createOrderDesk(
  { store, log }: { readonly store: Pick<OrderStore, 'orders' | 'noteProgress'>; readonly log: Log },
  clock: () => Millis
): LoadedOrderDesk {
  /** The oldest first, so that an agent's list grows at its end. */
  let told: readonly OrderRecord[] = []
  /** By the ids of its orders: agents to whom the same is said share one list. */
  let lists = new Map<string, OrderList>()
  let heard = new Map<string, NotedProgress>()
  let writing: Promise<void> = Promise.resolve()
  let loading = 0

  const concerning = (member: ScopedMember): OrderRecord[] => {
    const now = clock()
    return told.filter(order => isTold(order, now) && concernsAny(order, member))
  }

  function listFor(member: ScopedMember): OrderList {
    const orders = told.length === 0 ? [] : atMost(concerning(member), clock())
    if (orders.length === 0) return noOrders
    const name = orders.map(({ id }) => id).join(' ')
    let known = lists.get(name)
    if (known === undefined) {
      const list = orders.map(({ id, kind, what, by, bytesPerSecond }) => ({
        id,
        kind,
        what,
        by,
        bytesPerSecond
      }))
      lists.set(name, (known = { digest: ordersDigest(list), list }))
    }
    return known
  }

  async function write(): Promise<void> {
    if (heard.size === 0) return
    const rows = [...heard]
    heard = new Map()
    let written = 0
    try {
      for (; written < rows.length; written += writtenAtOnce)
        await store.noteProgress(rows.slice(written, written + writtenAtOnce).map(([, row]) => row))
    } catch (error) {
      heard = new Map([...rows.slice(written), ...heard])
      log.warn({ why: messageOf(error) }, 'how far orders are could not be written down; it is tried again')
    }
  }

  function flush(): Promise<void> {
    writing = writing.then(write)
    return writing
  }

  const timer = setInterval(() => void flush(), writeEveryMs)
  timer.unref()

  return {
    async load() {
      const mine = ++loading
      const orders = await store.orders()
      // One that began later has read what is newer.
      if (mine !== loading) return
      told = orders.filter(order => isTold(order, clock())).reverse()
      lists = new Map()
    },
    newsFor(member, digest) {
      if (digest === undefined) return null
      const list = listFor(member)
      return list.digest === digest ? null : list
    },
    heard(member, { progress }) {
      if (progress.length === 0) return
      const ids = new Set(concerning(member).map(({ id }) => id))
      const at = Math.floor(clock())
      for (const one of progress)
        if (ids.has(one.order))
          heard.set(nameOf(one.order, member.agent), { ...one, agent: member.agent, at })
    },
    flush,
    async stop() {
      clearInterval(timer)
      await flush()
    }
  }
}

export function concernsAny({ scopes }: Pick<OrderRecord, 'scopes'>, member: ScopedMember): boolean {
  return scopes.some(scope => concerns(scope, member))
}

/** Agents that were away at its deadline still tell how it ended. */
function isTold({ withdrawnAt, by }: OrderRecord, now: Millis): boolean {
  return withdrawnAt === null && (by === null || now < by + orderAfterglowMs)
}

/** Those that are over beside those that hold may be more than agents take: a longer list would be refused, and the whole answer with it. */
function atMost(orders: OrderRecord[], now: Millis): readonly OrderRecord[] {
  if (orders.length <= ordersMax) return orders
  const isOver = ({ by }: OrderRecord): boolean => by !== null && by <= now
  const newestFirst = orders.toReversed()
  const holding = newestFirst.filter(order => !isOver(order))
  const chosen = new Set([...holding, ...newestFirst.filter(isOver)].slice(0, ordersMax))
  return orders.filter(order => chosen.has(order))
}

function nameOf(order: string, agent: AgentId): string {
  return `${order} ${agent}`
}
