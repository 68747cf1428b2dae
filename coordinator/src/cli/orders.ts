/** `starling-coordinator prestage|pin|unpin`: what agents are to have and to keep, and how far they are. */
import * as operations from '@starling/shared/admin-api/orders.ts'
import type { OrderRequest, OrderView } from '@starling/shared/admin-api/orders.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { SiteId } from '@starling/shared/ids.ts'
import type { AdminOptions } from './admin.ts'
import { createAdminClient } from './admin-client.ts'
import { bytes } from './fleet.ts'
import { print, table, when } from './output.ts'

type Reasoned = AdminOptions & { readonly reason: string }

export async function prestage(options: AdminOptions, request: OrderRequest): Promise<void> {
  await give(
    options,
    request,
    ({ id, agents, by, bytesPerSecond }) =>
      `order ${id}: ${agents} agents are to have it by ${when(by)}` +
      `${bytesPerSecond === null ? '' : `, at ${bytes(bytesPerSecond)}/s at most`}. How far they are: prestage show ${id}`
  )
}

export async function pin(options: AdminOptions, request: OrderRequest): Promise<void> {
  await give(
    options,
    request,
    ({ id, agents }) =>
      `order ${id}: ${agents} agents keep what they have of it, and what they get, until it is unpinned.`
  )
}

async function give(
  { data, json }: AdminOptions,
  request: OrderRequest,
  said: (order: OrderView) => string
): Promise<void> {
  if (request.scopes.length === 0)
    throw new StarlingError(
      'no-scope',
      'say whom it is for: --sites berlin,bonn, --scope group:pilots, or --scope fleet for all'
    )
  const order = await (await createAdminClient(data)).ask(operations.giveOrder, { body: request })
  print(json ? JSON.stringify(order) : said(order))
}

export async function listOrders({
  data,
  json,
  site
}: AdminOptions & { readonly site?: SiteId }): Promise<void> {
  const { orders } = await (await createAdminClient(data)).ask(operations.listOrders, { query: { site } })
  if (json) return print(JSON.stringify(orders))
  print(
    table(
      ['ORDER', 'KIND', 'STATE', 'FOR', 'BY', 'DONE', 'RUNNING', 'LATE', 'FAILED', 'OF', 'WHAT'],
      orders.map(order => [
        order.id,
        order.kind,
        order.state,
        order.scopes.join(' '),
        order.by === null ? '-' : when(order.by),
        String(order.done),
        String(order.running),
        String(order.late),
        String(order.failed),
        String(order.agents),
        order.what
      ])
    )
  )
}

export async function showOrder({ data, json }: AdminOptions, id: string): Promise<void> {
  const { sites, ...order } = await (
    await createAdminClient(data)
  ).ask(operations.showOrder, { params: { id } })
  if (json) return print(JSON.stringify({ ...order, sites }))
  print(
    table(
      ['order', `${order.id}, ${order.state}`],
      [
        [order.kind, order.what],
        ['for', order.scopes.join(' ')],
        ['by', order.by === null ? 'until it is withdrawn' : when(order.by)],
        ['rate', order.bytesPerSecond === null ? 'as policy says' : `${bytes(order.bytesPerSecond)}/s`],
        ['size', order.length === null ? 'not known yet' : bytes(order.length)],
        [
          'given',
          `${when(order.createdAt)} by ${order.author}${order.reason === '' ? '' : `: ${order.reason}`}`
        ],
        ...(order.withdrawnAt === null
          ? []
          : [['withdrawn', `${when(order.withdrawnAt)} by ${order.withdrawnBy ?? ''}`]])
      ]
    )
  )
  print('')
  print(
    table(
      ['SITE', 'AGENTS', 'DONE', 'RUNNING', 'LATE', 'WAITING', 'FAILED', 'UNHEARD', 'KEPT'],
      sites.map(site => [
        site.site,
        ...[site.agents, site.done, site.running, site.late, site.waiting, site.failed, site.unheard].map(
          String
        ),
        bytes(site.bytes)
      ])
    )
  )
  for (const { site, reasons } of sites)
    for (const [why, count] of Object.entries(reasons)) print(`${site}: ${count} agents: ${why}`)
}

export async function withdraw({ data, json, reason }: Reasoned, id: string): Promise<void> {
  const answer = await (
    await createAdminClient(data)
  ).ask(operations.withdrawOrder, { params: { id }, body: { reason } })
  print(json ? JSON.stringify(answer) : `order ${id} is withdrawn. Agents that are connected stop at once.`)
}

/** By the order's id, or all that pin just this. */
export async function unpin(options: Reasoned, what: string): Promise<void> {
  const client = await createAdminClient(options.data)
  const { orders } = await client.ask(operations.listOrders, { query: { kind: 'pin' } })
  const pins = orders.filter(one => one.state === 'active' && (one.id === what || one.what === what))
  if (pins.length === 0)
    throw new StarlingError(
      'unknown-order',
      `nothing is pinned as ${JSON.stringify(what)}: "starling-coordinator prestage list" shows all orders`
    )
  for (const { id } of pins)
    await client.ask(operations.withdrawOrder, { params: { id }, body: { reason: options.reason } })
  print(
    options.json
      ? JSON.stringify({ unpinned: pins.map(({ id }) => id) })
      : `${what} is pinned no more by ${pins.length} orders; it may go when agents need room.`
  )
}
