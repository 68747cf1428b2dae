/**
 * Walks every route that a coordinator has and proves it closed to who may not, and open to who may. A route that is added
 * is walked without a line here; one that is about a site wants an example below.
 */
import { createTlsIdentity, type TlsIdentity } from '@starling/agent/identity/certificate.ts'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import * as accountOperations from '@starling/shared/admin-api/accounts.ts'
import type { Operation } from '@starling/shared/admin-api/operation.ts'
import { accountRoles, roleAllows, type AccountRole } from '@starling/shared/admin-api/roles.ts'
import * as serviceOperations from '@starling/shared/admin-api/service.ts'
import { agentContentType, apiPaths, encodeBody } from '@starling/shared/coordinator-api.ts'
import { parseTicket } from '@starling/shared/ticket.ts'
import { hourMs, minuteMs } from '@starling/shared/units.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAssets } from '@starling/agent/page-files.ts'
import { pageEventsPath } from '@starling/coordinator/api/page-routes.ts'
import { bearer, hostOf, startControlPlane, type ControlPlane } from './control-plane.ts'
import { operations as declared, pathOf, titleOf } from './operations.ts'

const { createAccount, createToken, revokeToken, signIn } = accountOperations
const assets = await loadAssets(new URL('../../coordinator/dist/page/', import.meta.url))
/** No operation, because it is text, but behind the same door. */
const metrics = { ...serviceOperations.showMe, path: '/metrics' } as unknown as Operation
const operations = [...declared, metrics]
const closed = operations.filter(({ access }) => access !== 'open')
const password = 'four random words here'

/** How an operation is asked about a site. */
const aboutSite: Readonly<Record<string, (site: string) => { query?: string; body?: object }>> = {
  'GET /api/v1/agents': site => ({ query: `?site=${site}` }),
  'GET /api/v1/contents': site => ({ query: `?site=${site}` }),
  'GET /api/v1/contents/{transfer}': site => ({ query: `?site=${site}` }),
  'GET /api/v1/fleet': site => ({ query: `?site=${site}` }),
  'GET /api/v1/orders': site => ({ query: `?site=${site}` }),
  'GET /api/v1/series': site => ({ query: `?site=${site}` }),
  'GET /api/v1/sites': site => ({ query: `?site=${site}` }),
  'GET /api/v1/tickets': site => ({ query: `?site=${site}` }),
  'POST /api/v1/tickets': site => ({ body: { site, expiresInMs: 1000 } })
}

let plane: ControlPlane
let member: TlsIdentity
const tokens: Record<string, string> = {}
let cookie: string
let disabledCookie: string

async function tokenOf(role: AccountRole, more: object = {}): Promise<{ id: string; token: string }> {
  return await plane.asLocal(createToken, createToken.path, {
    name: role,
    role,
    expiresInMs: 48 * hourMs,
    ...more
  })
}
async function cookieOf(name: string): Promise<string> {
  const answer = await plane.ask('POST', signIn.path, { body: { name, password } })
  return String(answer.headers['set-cookie']).split(';')[0]!
}

beforeAll(async () => {
  plane = await startControlPlane()
  const identity = createIdentity()
  member = await createTlsIdentity(identity)
  const { ticket } = await plane.coordinator.enrolment.createTicket({
    role: 'agent',
    uses: 1,
    expiresInMs: minuteMs
  })
  await plane.ask('POST', apiPaths.enrol, {
    tls: member,
    headers: { 'content-type': agentContentType },
    body: encodeBody({ secret: parseTicket(ticket).secret, version: '1' })
  })
  for (const role of accountRoles) tokens[role] = (await tokenOf(role)).token
  tokens.site = (await tokenOf('admin', { site: 'north' })).token
  tokens.expired = (await tokenOf('admin', { expiresInMs: 1000 })).token
  const revoked = await tokenOf('admin')
  tokens.revoked = revoked.token
  await plane.asLocal(revokeToken, `/api/v1/tokens/${revoked.id}`)
  for (const name of ['root', 'gone'])
    await plane.asLocal(createAccount, createAccount.path, { name, role: 'admin', password })
  cookie = await cookieOf('root')
  disabledCookie = await cookieOf('gone')
  await plane.asLocal(accountOperations.changeAccount, '/api/v1/accounts/gone', { disabled: true })
  plane.now = minuteMs
})
afterAll(() => plane.stop())

/** Refused before anything is looked at: with a body that no operation takes, nobody who gets in is told 401 or 403. */
async function refusal(
  operation: Operation,
  headers: Readonly<Record<string, string>>,
  tls: TlsIdentity | null = null
): Promise<string> {
  const body = operation.method === 'GET' ? {} : { body: { nothing: true } }
  const answer = await plane.ask(operation.method, pathOf(operation), { headers, tls, ...body })
  return answer.status === 401 || answer.status === 403 ? answer.code : 'let in'
}

it('these are all routes that there are', () => {
  const real = plane.coordinator.routes.filter(route => !route.startsWith('HEAD '))
  const told = operations.map(({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`)
  const agents = Object.values(apiPaths).map(path => `POST ${path}`)
  const page = [...assets.keys(), pageEventsPath].map(path => `GET ${path}`)
  expect(real.toSorted()).toEqual([...told, ...agents, ...page].toSorted())
})

it('three are open, and no more', () => {
  expect(
    operations
      .filter(({ access }) => access === 'open')
      .map(titleOf)
      .toSorted()
  ).toEqual(['GET /api/v1/health', 'POST /api/v1/first-admin', 'POST /api/v1/sign-in'])
})

describe.each(closed.map(operation => [titleOf(operation), operation] as const))('%s', (title, operation) => {
  const wanted = operation.access as AccountRole
  const ownOrigin = (): Record<string, string> => ({ origin: `https://${hostOf(plane.coordinator)}` })

  it('is closed without a credential that counts', async () => {
    const nothing: Array<Record<string, string>> = [
      {},
      bearer(''),
      bearer(`sct_${'x'.repeat(43)}`),
      bearer(tokens.admin!.slice(0, -1)),
      bearer(`${tokens.admin}x`),
      bearer(tokens.admin!.slice(4)),
      { authorization: tokens.admin! },
      bearer(tokens.expired!),
      bearer(tokens.revoked!),
      { cookie: '__Host-starling=' },
      { cookie: `__Host-starling=${'x'.repeat(43)}`, ...ownOrigin() },
      { cookie: `starling=${cookie.split('=')[1]}`, ...ownOrigin() },
      { cookie: disabledCookie, ...ownOrigin() },
      // A wrong token is not made up for by a good cookie.
      { cookie, ...ownOrigin(), ...bearer(tokens.expired!) }
    ]
    for (const headers of nothing)
      expect(await refusal(operation, headers), JSON.stringify(headers)).toBe('not-signed-in')
    expect(await refusal(operation, {}, member), 'an enrolled agent').toBe('not-signed-in')
  })

  it('is closed to roles that are too low, and open to the others', async () => {
    for (const role of accountRoles) {
      const expected = !roleAllows(role, wanted)
        ? 'role-too-low'
        : operation.localOnly
          ? 'local-only'
          : 'let in'
      const found = await refusal(operation, bearer(tokens[role]!))
      expect(found, role).toBe(expected)
    }
  })

  it('is closed to pages of others that use a session, and open to our own', async () => {
    const foreign: Array<Record<string, string>> = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `http://${hostOf(plane.coordinator)}` },
      { origin: `https://${plane.coordinator.listening.host}:1` },
      { 'sec-fetch-site': 'cross-site' },
      { ...ownOrigin(), 'sec-fetch-site': 'same-site' },
      ...(operation.method === 'GET' ? [] : [{}])
    ]
    for (const headers of foreign)
      expect(await refusal(operation, { cookie, ...headers }), JSON.stringify(headers)).toBe('cross-origin')
    // Signing out would end the session for the tests that follow.
    if (operation === (accountOperations.signOut as unknown as Operation)) return
    expect(await refusal(operation, { cookie, ...ownOrigin() })).toBe(
      operation.localOnly ? 'local-only' : 'let in'
    )
  })

  it.runIf(operation.siteOf === null)('is closed to a token that is for one site only', async () => {
    const expected = operation.localOnly ? 'local-only' : 'other-site'
    expect(await refusal(operation, bearer(tokens.site!))).toBe(expected)
  })

  it.runIf(operation.siteOf !== null)('is open to a token of a site for that site only', async () => {
    const headers = bearer(tokens.site!)
    const asked = async ({ query = '', body }: { query?: string; body?: object }): Promise<number> => {
      const given = body === undefined ? { headers } : { headers, body }
      return (await plane.ask(operation.method, pathOf(operation) + query, given)).status
    }
    const about = aboutSite[title]!
    const { body: { site: _, ...siteless } = {} } = about('') as { body?: Record<string, unknown> }
    const query =
      about('')
        .query?.replace(/[?&]site=[^&]*/, '')
        .replace(/^&/, '?') ?? ''
    const aboutNone = operation.method === 'GET' ? { query } : { body: siteless }
    expect([await asked(about('south')), await asked(aboutNone), await asked(about('north'))]).toEqual([
      403, 403, 200
    ])
  })
})

describe('the page', () => {
  it('gives its files to anybody, with rules for the browser, and nothing of the fleet with them', async () => {
    const answer = await plane.ask('GET', '/', { headers: { 'sec-fetch-site': 'cross-site' } })
    expect(answer.status).toBe(200)
    expect(answer.headers['content-security-policy']).toContain("default-src 'self'")
    expect(answer.headers['x-frame-options']).toBe('DENY')
    for (const { body } of assets.values()) expect(body.includes(plane.coordinator.id)).toBe(false)
  })

  it('tells an open page of changes only when somebody is signed in', async () => {
    for (const headers of [{}, bearer(tokens.expired!), { cookie: disabledCookie }, bearer(tokens.site!)])
      expect((await plane.ask('GET', pageEventsPath, { headers })).status).toBeGreaterThanOrEqual(401)
    expect(
      (await plane.ask('GET', pageEventsPath, { headers: { cookie, origin: 'https://evil.example' } })).code
    ).toBe('cross-origin')
  })
})

describe("agents' routes", () => {
  it.each([apiPaths.renew, apiPaths.heartbeat])('%s is closed to people, whatever their role', async path => {
    for (const headers of [{}, bearer(tokens.admin!), { cookie }]) {
      expect((await plane.ask('POST', path, { headers, body: {} })).status).toBe(401)
      const stranger = await createTlsIdentity(createIdentity())
      expect((await plane.ask('POST', path, { headers, body: {}, tls: stranger })).status).toBe(403)
    }
    const cbor = { 'content-type': agentContentType }
    expect((await plane.ask('POST', path, { headers: cbor, tls: member })).status).not.toBe(403)
  })
})

it('what does not exist is closed, also to an admin', async () => {
  for (const path of [
    '/index.html',
    '/assets/../package.json',
    '/api',
    '/api/v1',
    '/api/v1/nothing',
    '/api/v1/status/x',
    '/v1/status',
    '/v1/tickets'
  ])
    for (const method of ['GET', 'POST', 'PUT', 'DELETE'])
      expect(
        (await plane.ask(method, path, { headers: bearer(tokens.admin!) })).status,
        `${method} ${path}`
      ).toBe(403)
})
