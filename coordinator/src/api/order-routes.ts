/** Orders to agents, for people and their programs. */
import * as orders from '@starling/shared/admin-api/orders.ts'
import type { Orders } from '../orders.ts'
import type { AddRoute } from './route.ts'

export function addOrderRoutes(route: AddRoute, desk: Orders): void {
  route(orders.listOrders, ({ query }) => desk.list(query))
  route(orders.showOrder, ({ params }) => desk.show(params.id))
  route(orders.giveOrder, ({ body, by }) => desk.give(body, by))
  route(orders.withdrawOrder, async ({ params: { id }, body: { reason }, by }) => {
    await desk.withdraw(id, reason, by)
    return { id }
  })
}
