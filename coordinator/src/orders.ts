/** Orders as people see them: giving one, ending one, and how far the fleet is. */
import { randomBytes } from 'node:crypto'
import type {
  giveOrder,
  listOrders,
  OrderRequest,
  OrderView,
  showOrder
} from '@starling/shared/admin-api/orders.ts'
import type { Answered } from '@starling/shared/admin-api/operation.ts'
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { SiteId } from '@starling/shared/ids.ts'
import { ordersMax, type OrderKind } from '@starling/shared/orders.ts'
import { dayMs, type Millis } from '@starling/shared/units.ts'
import { concernsAny, type LoadedOrderDesk } from './order-desk.ts'
import type { AgentRecord, By, Change, OrderRecord, OrderStore, ProgressCount } from './ports.ts'

/** How long an order is shown after its end. */
const shownMs: Millis = 90 * dayMs

export interface Orders {
  /** @throws StarlingError `bad-url`, `too-late`, `too-many-orders` */
  give(request: OrderRequest, by: By): Promise<Answered<typeof giveOrder>>
  /** @throws StarlingError `unknown-order` */
  withdraw(id: string, reason: string, by: By): Promise<void>
  list(filter: {
    readonly site?: SiteId | undefined
    readonly kind?: OrderKind | undefined
  }): Promise<Answered<typeof listOrders>>
  /** @throws StarlingError `unknown-order` */
  show(id: string): Promise<Answered<typeof showOrder>>
}

export interface OrdersParts {
  readonly store: Pick<OrderStore, 'orders' | 'progress'>
  readonly desk: Pick<LoadedOrderDesk, 'flush'>
  readonly agents: () => Promise<readonly AgentRecord[]>
  readonly change: Change
  readonly clock: () => Millis
}

type Counts = Pick<
  OrderView,
  'agents' | 'unheard' | 'waiting' | 'running' | 'late' | 'done' | 'failed' | 'bytes'
>

export function createOrders({ store, desk, agents, change, clock }: OrdersParts): Orders {
  const now = (): Millis => Math.floor(clock())
  const members = async (): Promise<readonly AgentRecord[]> =>
    (await agents()).filter(({ revokedAt }) => revokedAt === null)

  function viewOf(
    order: OrderRecord,
    concerned: readonly AgentRecord[],
    progress: readonly ProgressCount[]
  ): OrderView {
    const lengths = progress.flatMap(({ length }) => (length === null ? [] : [length]))
    return {
      ...order,
      state: stateOf(order, now()),
      length: lengths.length === 0 ? null : Math.max(...lengths),
      ...countsOf(concerned.length, progress)
    }
  }

  async function known(id: string): Promise<OrderRecord> {
    const order = (await store.orders()).find(one => one.id === id)
    if (order === undefined) throw unknownOrder(id)
    return order
  }

  return {
    async give(request, by) {
      const createdAt = now()
      const order = recordOf(request, by.actor, createdAt)
      await change(by, async changed => {
        const active = (await changed.orders.orders()).filter(one => stateOf(one, createdAt) === 'active')
        if (active.length >= ordersMax)
          throw new StarlingError(
            'too-many-orders',
            `${ordersMax} orders hold already: withdraw some that are done, or order fewer files`
          )
        await changed.orders.give(order, createdAt - shownMs)
        const detail = [
          `${order.kind} ${withoutQuery(order.what)} for ${order.scopes.join(' ')}`,
          order.reason
        ]
          .filter(Boolean)
          .join(': ')
        await changed.note({
          at: createdAt,
          kind: 'order-given',
          agent: null,
          detail: `${order.id} ${detail}`
        })
        return { result: undefined, target: order.id, detail }
      })
      return viewOf(order, concernedBy(order, await members()), [])
    },
    async withdraw(id, reason, by) {
      const { kind, what } = await known(id)
      await change(by, async changed => {
        const at = now()
        if (!(await changed.orders.withdraw(id, at, by.actor)))
          throw new StarlingError('unknown-order', `order ${id} was withdrawn already`)
        const detail = [`${kind} ${withoutQuery(what)}`, reason].filter(Boolean).join(': ')
        await changed.note({ at, kind: 'order-withdrawn', agent: null, detail: `${id} ${detail}` })
        return { result: undefined, target: id, detail }
      })
    },
    async list({ site, kind }) {
      await desk.flush()
      const [orders, all, progress] = [await store.orders(), await members(), await store.progress()]
      const here = site === undefined ? all : all.filter(member => member.site === site)
      return {
        orders: orders
          .filter(order => kind === undefined || order.kind === kind)
          .map(order => ({ order, concerned: concernedBy(order, here) }))
          .filter(({ order, concerned }) => site === undefined || concerned.length > 0 || isFor(order, site))
          .map(({ order, concerned }) =>
            viewOf(
              order,
              concerned,
              progress.filter(one => one.order === order.id && (site === undefined || one.site === site))
            )
          )
      }
    },
    async show(id) {
      await desk.flush()
      const order = await known(id)
      const [concerned, progress] = [concernedBy(order, await members()), await store.progress(id)]
      const sites = new Set([...concerned.map(({ site }) => site), ...progress.map(({ site }) => site)])
      return {
        ...viewOf(order, concerned, progress),
        sites: [...sites].toSorted().map(site => {
          const here = progress.filter(one => one.site === site)
          const reasons: Record<string, number> = {}
          for (const { reason, agents: count } of here)
            if (reason !== '') reasons[reason] = (reasons[reason] ?? 0) + count
          return {
            site,
            ...countsOf(concerned.filter(member => member.site === site).length, here),
            reasons
          }
        })
      }
    }
  }
}

function recordOf(request: OrderRequest, author: string, createdAt: Millis): OrderRecord {
  const isPrestage = request.kind === 'prestage'
  if (isPrestage) {
    const { neverShared } = recognise(request.what)
    if (neverShared !== null)
      throw new StarlingError('bad-url', `agents would not keep what is at this address: ${neverShared}`)
    if (request.by <= createdAt)
      throw new StarlingError('too-late', 'the time by which it is to be there is over: give a later one')
  }
  return {
    id: randomBytes(8).toString('hex'),
    kind: request.kind,
    what: request.what,
    scopes: [...new Set(request.scopes)],
    by: isPrestage ? request.by : null,
    bytesPerSecond: isPrestage ? request.bytesPerSecond : null,
    author,
    reason: request.reason,
    createdAt,
    withdrawnAt: null,
    withdrawnBy: null
  }
}

function stateOf({ withdrawnAt, by }: OrderRecord, now: Millis): OrderView['state'] {
  if (withdrawnAt !== null) return 'withdrawn'
  return by !== null && by <= now ? 'over' : 'active'
}

function concernedBy(order: OrderRecord, members: readonly AgentRecord[]): AgentRecord[] {
  return members.filter(member => concernsAny(order, member))
}

function isFor({ scopes }: OrderRecord, site: SiteId): boolean {
  return scopes.includes('fleet') || scopes.includes(`site:${site}`)
}

/** Agents that have told of it and moved away since may be more than it concerns now. */
function countsOf(agents: number, progress: readonly ProgressCount[]): Counts {
  const sum = (is: (one: ProgressCount) => boolean): number =>
    progress.filter(is).reduce((count, one) => count + one.agents, 0)
  return {
    agents,
    unheard: Math.max(0, agents - sum(() => true)),
    waiting: sum(({ state }) => state === 'waiting'),
    running: sum(({ state }) => state === 'running'),
    late: sum(({ state, late }) => state === 'running' && late),
    done: sum(({ state }) => state === 'done'),
    failed: sum(({ state }) => state === 'failed'),
    bytes: progress.reduce((bytes, one) => bytes + one.bytes, 0)
  }
}

/** Queries may be secrets, and the record is for ever. */
function withoutQuery(what: string): string {
  return what.replace(/[?#].*$/s, '')
}

function unknownOrder(id: string): StarlingError {
  return new StarlingError(
    'unknown-order',
    `there is no order ${id}: see "starling-coordinator prestage list"`
  )
}
