/** Orders to agents, for people and their programs. */
import * as orders from '@starling/shared/admin-api/orders.ts'
import type { Orders } from '../orders.ts'
import { together } from '../together.ts'
import type { AddRoute } from './route.ts'

export function addOrderRoutes(route: AddRoute, desk: Orders): void {
  const list = together(async (query: Parameters<Orders['list']>[0]) => await desk.list(query))
  const show = together(async (id: string) => await desk.show(id))
  route(orders.listOrders, ({ query }) => list(query))
  route(orders.showOrder, ({ params }) => show(params.id))
  route(orders.giveOrder, ({ body, by }) => desk.give(body, by))
  route(orders.withdrawOrder, async ({ params: { id }, body: { reason }, by }) => {
    await desk.withdraw(id, reason, by)
    return { id }
  })
}
