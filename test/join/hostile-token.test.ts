/** What somebody who has a token for little must not be able to do with it. */
import { createToken } from '@starling/shared/admin-api/accounts.ts'
import { readAudit } from '@starling/shared/admin-api/audit.ts'
import { createTicket, listTickets } from '@starling/shared/admin-api/fleet.ts'
import { hourMs } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bearer, startControlPlane, type ControlPlane } from './control-plane.ts'

let plane: ControlPlane
beforeAll(async () => {
  plane = await startControlPlane()
})
afterAll(() => plane.stop())

async function tokenOf(more: object): Promise<{ headers: Record<string, string>; actor: string }> {
  const body = { name: 'x', expiresInMs: hourMs, ...more }
  const { token, id } = await plane.asLocal(createToken, createToken.path, body)
  return { headers: { ...bearer(token) }, actor: `x (${id})` }
}
async function entriesOf(actor: string) {
  const query = new URLSearchParams({ actor })
  return (await plane.asLocal(readAudit, `${readAudit.path}?${query.toString()}`)).entries
}

it('a token for one site makes no gateway: what that signs counts at all sites', async () => {
  const { headers } = await tokenOf({ role: 'operator', site: 'north' })
  const ask = (role: string) =>
    plane.ask('POST', createTicket.path, { headers, body: { site: 'north', role, expiresInMs: 1000 } })
  expect((await ask('agent')).status).toBe(200)
  expect((await ask('gateway')).code).toBe('other-site')
})

it('asking about another site than its own leaves a trace', async () => {
  const { headers, actor } = await tokenOf({ role: 'viewer', site: 'north' })
  expect((await plane.ask('GET', `${listTickets.path}?site=south`, { headers })).code).toBe('other-site')
  expect(await entriesOf(actor)).toMatchObject([
    { action: `GET ${listTickets.path}`, target: 'south', outcome: 'other-site' }
  ])
})

it('who may only look does not fill the audit log', async () => {
  const { headers, actor } = await tokenOf({ role: 'viewer' })
  for (let n = 0; n < 8; n++) {
    expect((await plane.ask('GET', readAudit.path, { headers })).code).toBe('role-too-low')
    expect((await plane.ask('POST', '/api/v1/sign-out', { headers })).code).toBe('not-an-account')
  }
  expect(await entriesOf(actor)).toHaveLength(10)
  plane.now += 60_000
  await plane.ask('GET', readAudit.path, { headers })
  expect(await entriesOf(actor)).toHaveLength(11)
})
