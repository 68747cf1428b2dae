/** `starling orders`: what the coordinator wants this agent to have and to keep, and how far it is. */
import type { OrderView } from '../ports.ts'
import { requireAgent } from './api.ts'
import { formatBytes, formatRate, formatShare, safeText, table } from './format.ts'
import type { CommandTools } from './services.ts'
import type { StatusOptions } from './status.ts'

export async function showOrders(
  { dataFolder, json }: StatusOptions,
  { terminal }: CommandTools
): Promise<void> {
  const { orders } = await (await requireAgent(dataFolder)).status()
  if (json) return terminal.print(JSON.stringify(orders))
  if (orders.length === 0)
    return terminal.print('no orders: the coordinator wants nothing of this agent, or there is none')
  terminal.print(
    table(
      ['ORDER', 'KIND', 'STATE', 'KEPT', 'BY', 'RATE', 'WHAT'],
      orders.map(order => [
        order.id,
        safeText(order.kind),
        stateOf(order),
        order.length === null
          ? formatBytes(order.bytes)
          : `${formatShare(order.bytes, order.length)} of ${formatBytes(order.length)}`,
        order.by === null ? '-' : new Date(order.by).toISOString().slice(0, 16),
        order.bytesPerSecond === null ? '-' : formatRate(order.bytesPerSecond),
        safeText(order.what)
      ])
    )
  )
  for (const { id, reason } of orders) if (reason !== '') terminal.print(`${id}: ${safeText(reason)}`)
}

function stateOf({ state, late }: OrderView): string {
  return late ? `${state}, late` : state
}
