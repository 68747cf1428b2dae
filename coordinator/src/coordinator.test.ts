import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTlsIdentity, type TlsIdentity } from '@starling/agent/identity/certificate.ts'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { dialAgent } from '@starling/agent/identity/tls.ts'
import { redeemFirstAdmin, signIn } from '@starling/shared/admin-api/accounts.ts'
import {
  createTicket,
  listTickets,
  purgeContent,
  revokeAgent,
  showStatus
} from '@starling/shared/admin-api/fleet.ts'
import { listAgents } from '@starling/shared/admin-api/fleet-view.ts'
import { showHealth, showOpenApi } from '@starling/shared/admin-api/service.ts'
import {
  agentContentType,
  apiErrorShape,
  apiPaths,
  decodeBody,
  encodeBody,
  enrolResponseShape
} from '@starling/shared/coordinator-api.ts'
import { keyHashOf } from '@starling/shared/manifest.ts'
import { parseTicket } from '@starling/shared/ticket.ts'
import { minuteMs } from '@starling/shared/units.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createConfig } from './config.ts'
import { createCoordinator, type Coordinator, type GatewayOptions } from './coordinator.ts'
import { createLog } from './log.ts'

let folder: string
let coordinator: Coordinator
let stranger: TlsIdentity
const log = createLog('silent')

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-coordinator-'))
  coordinator = await createCoordinator(
    createConfig({ data: folder, listen: '127.0.0.1:0', gateway: false }),
    { log }
  )
  stranger = await createTlsIdentity(createIdentity())
})
afterEach(async () => {
  await coordinator.stop()
  await rm(folder, { recursive: true, force: true })
})

interface Answer {
  readonly status: number
  readonly bytes: Buffer
  readonly text: string
}

async function ask(
  method: string,
  path: string,
  {
    tls = null,
    headers = {},
    body = Buffer.alloc(0)
  }: { tls?: TlsIdentity | null; headers?: Record<string, string>; body?: Uint8Array } = {}
): Promise<Answer> {
  const socket = await dialAgent({ ...coordinator.listening, expected: coordinator.id, tls })
  try {
    return await new Promise((resolve, reject) => {
      httpsRequest(
        {
          method,
          path,
          createConnection: () => socket,
          headers: {
            connection: 'close',
            ...headers,
            ...(body.length > 0 ? { 'content-length': body.length } : {})
          }
        },
        response => {
          const parts: Buffer[] = []
          response.on('data', (part: Buffer) => parts.push(part))
          response.on('end', () => {
            const bytes = Buffer.concat(parts)
            resolve({ status: response.statusCode ?? 0, bytes, text: bytes.toString('utf8') })
          })
        }
      )
        .on('error', reject)
        .end(body)
    })
  } finally {
    socket.destroy()
  }
}

const asAdmin = async (): Promise<Record<string, string>> => ({
  authorization: `Bearer ${await readFile(join(folder, 'admin.token'), 'utf8')}`
})
const open: readonly string[] = [showHealth.path, signIn.path, redeemFirstAdmin.path]
/** Files that hold nothing of the fleet. */
const pageFile = /^\/($|assets\/)/
const cbor = { 'content-type': agentContentType }

describe('every route', () => {
  it('is closed to callers without credentials, and so is every path that does not exist', async () => {
    const routes = coordinator.routes.map(route => route.split(' ') as [string, string])
    expect(routes.map(([, path]) => path)).toEqual(
      expect.arrayContaining([...Object.values(apiPaths), showStatus.path, createTicket.path])
    )
    const closed: Array<[string, string]> = [
      ...routes,
      ['GET', '/page'],
      ['GET', '/v1'],
      ['POST', '/v1/nothing'],
      ['OPTIONS', '/api/v1/status']
    ]
    for (const [method, path] of closed) {
      // Open to all; test/join/every-route.test.ts says that these are the only ones.
      if (open.includes(path) || pageFile.test(path)) continue
      for (const tls of [null, stranger]) {
        const { status } = await ask(method, path, { tls })
        // The only thing that anybody with a key may do is to show a ticket; none was shown.
        const mayShowTicket = path === apiPaths.enrol && tls !== null
        expect(
          mayShowTicket ? [400] : [401, 403],
          `${method} ${path} ${tls === null ? 'without' : 'with'} a key`
        ).toContain(status)
      }
    }
  })

  it('of the admin is closed to a wrong token and to enrolled agents', async () => {
    const member = createIdentity()
    const tls = await createTlsIdentity(member)
    const { ticket } = await coordinator.enrolment.createTicket({
      role: 'agent',
      uses: 1,
      expiresInMs: minuteMs
    })
    const body = encodeBody({ secret: parseTicket(ticket).secret, version: '1' })
    expect((await ask('POST', apiPaths.enrol, { tls, headers: cbor, body })).status).toBe(200)
    const token = (await asAdmin()).authorization!
    for (const path of [showStatus.path, listAgents.path, listTickets.path]) {
      for (const authorization of [
        token.slice(0, -1),
        token.slice('Bearer '.length),
        'Bearer ',
        `${token}x`
      ]) {
        expect(
          (await ask('GET', path, { tls, headers: { authorization } })).status,
          `${path} ${authorization.length}`
        ).toBe(401)
      }
      expect((await ask('GET', path, { tls })).status).toBe(401)
      expect((await ask('GET', path, { headers: { authorization: token } })).status).toBe(200)
    }
  })
})

describe('the OpenAPI document', () => {
  // After a change: `npm test -- coordinator.test -t OpenAPI -u`, and read the difference.
  it('is the one in docs, and has every route that is not for agents', async () => {
    const answer = await ask('GET', showOpenApi.path, { headers: await asAdmin() })
    const document = JSON.parse(answer.text) as { paths: Record<string, object> }
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../../docs/openapi.json')
    const told = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(method => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`)
    )
    const agents = Object.values(apiPaths).map(path => `POST ${path}`)
    // The page and its stream, and text for Prometheus: no operations.
    const others = /^GET \/($|assets\/|metrics$|api\/v1\/events$)|^HEAD /
    const real = coordinator.routes.filter(route => !agents.includes(route) && !others.test(route))
    expect(told.toSorted()).toEqual(real.toSorted())
  })
})

describe('the admin', () => {
  it.skipIf(process.platform === 'win32')(
    'has a token and keys that only the owner of the data folder can read',
    async () => {
      for (const name of ['admin.token', 'fleet.key', 'coordinator.key', 'master.key', 'first-admin.code']) {
        expect((await stat(join(folder, name))).mode & 0o777, name).toBe(0o600)
      }
    }
  )

  it('sees tickets without their secrets, and the secret is in no file', async () => {
    const headers = { ...(await asAdmin()), 'content-type': 'application/json' }
    const made = await ask('POST', createTicket.path, {
      headers,
      body: Buffer.from(JSON.stringify({ uses: 2, expiresInMs: minuteMs }))
    })
    const { ticket } = JSON.parse(made.text) as { ticket: string }
    const { secret, site } = parseTicket(ticket)
    expect(site).toBe('main')
    const list = await ask('GET', createTicket.path, { headers: await asAdmin() })
    expect(JSON.parse(list.text)).toMatchObject({ tickets: [{ usesMax: 2, uses: 0, role: 'agent' }] })
    expect(list.text).not.toContain(secret)
    await coordinator.stop()
    expect((await readFile(join(folder, 'coordinator.db'))).includes(secret)).toBe(false)
  })

  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['no span', '{}'],
    ['a strange site', '{"expiresInMs":60000,"site":"a b"}'],
    ['an unknown field', '{"expiresInMs":60000,"admin":true}'],
    ['__proto__', '{"__proto__":{"role":"gateway"},"expiresInMs":60000}']
  ])('gets 400 for a ticket of %s', async (_, text) => {
    const headers = { ...(await asAdmin()), 'content-type': 'application/json' }
    expect((await ask('POST', createTicket.path, { headers, body: Buffer.from(text) })).status).toBe(400)
    expect(await coordinator.enrolment.tickets()).toEqual([])
  })

  it('purges by URL, key or class, and gets 400 for anything else', async () => {
    const headers = { ...(await asAdmin()), 'content-type': 'application/json' }
    const purge = (order: object) =>
      ask('POST', purgeContent.path, { headers, body: Buffer.from(JSON.stringify(order)) })
    const done = await purge({ purge: { url: 'http://origin.example/a.msi' }, reason: 'withdrawn' })
    expect(JSON.parse(done.text)).toMatchObject({
      number: 1,
      target: { kind: 'key', key: keyHashOf('origin.example/a.msi') }
    })
    for (const wrong of [
      {},
      { purge: {} },
      { purge: { url: 'ftp://a/b' } },
      { purge: { class: 'a', key: 'b' } }
    ])
      expect((await purge(wrong)).status, JSON.stringify(wrong)).toBe(400)
    expect((await coordinator.status()).events).toMatchObject([
      { kind: 'purged', detail: 'http://origin.example/a.msi: withdrawn' }
    ])
  })

  it('gets 404 for revoking somebody unknown', async () => {
    const headers = { ...(await asAdmin()), 'content-type': 'application/json' }
    const revoke = (agent: string) =>
      ask('POST', revokeAgent.path.replace('{agent}', agent), { headers, body: Buffer.from('{}') })
    expect((await revoke(createIdentity().agentId)).status).toBe(404)
    expect((await revoke('somebody')).status).toBe(400)
  })
})

describe("an agent's request", () => {
  it('that is malformed or too large is refused, and nothing happens', async () => {
    const tls = stranger
    expect(
      (await ask('POST', apiPaths.enrol, { tls, headers: cbor, body: Buffer.from('hello') })).status
    ).toBe(400)
    expect(
      (
        await ask('POST', apiPaths.enrol, {
          tls,
          headers: { 'content-type': 'text/plain' },
          body: Buffer.from('x')
        })
      ).status
    ).toBe(415)
    expect(
      (await ask('POST', apiPaths.enrol, { tls, headers: cbor, body: Buffer.alloc(200 * 1024) })).status
    ).toBe(413)
    const answer = await ask('POST', apiPaths.heartbeat, { tls, headers: cbor, body: Buffer.from('x') })
    expect(answer.status).toBe(403)
    expect((await coordinator.status()).agents).toBe(0)
  })

  it('gets a credential for the key that it holds, whatever it says', async () => {
    const caller = createIdentity()
    const { ticket } = await coordinator.enrolment.createTicket({
      role: 'agent',
      uses: 1,
      expiresInMs: minuteMs
    })
    const answer = await ask('POST', apiPaths.enrol, {
      tls: await createTlsIdentity(caller),
      headers: cbor,
      body: encodeBody({ secret: parseTicket(ticket).secret, version: '1' })
    })
    expect(decodeBody(enrolResponseShape, answer.bytes).credential.agentId).toBe(caller.agentId)
  })
})

describe('a ticket for an agent', () => {
  it('does not make a gateway, and is not used up by the attempt', async () => {
    const tls = stranger
    const { ticket } = await coordinator.enrolment.createTicket({
      role: 'agent',
      uses: 1,
      expiresInMs: minuteMs
    })
    const { secret } = parseTicket(ticket)
    const refused = await ask('POST', apiPaths.enrol, {
      tls,
      headers: cbor,
      body: encodeBody({ secret, version: '1', role: 'gateway' })
    })
    expect(refused.status).toBe(403)
    expect(decodeBody(apiErrorShape, refused.bytes).code).toBe('ticket-role')
    expect(await coordinator.enrolment.tickets()).toMatchObject([{ uses: 0 }])
    const taken = await ask('POST', apiPaths.enrol, {
      tls,
      headers: cbor,
      body: encodeBody({ secret, version: '1', role: 'agent' })
    })
    expect(decodeBody(enrolResponseShape, taken.bytes).credential.role).toBe('agent')
  })
})

describe('a coordinator', () => {
  it('is the same after a restart and does not forget its fleet', async () => {
    const { id, fleet } = coordinator
    await coordinator.stop()
    coordinator = await createCoordinator(
      createConfig({ data: folder, listen: '127.0.0.1:0', gateway: false }),
      { log }
    )
    expect([coordinator.id, coordinator.fleet]).toEqual([id, fleet])
  })

  it('gives its gateway a ticket with that role, and stops it first', async () => {
    await coordinator.stop()
    const told: GatewayOptions[] = []
    const described = { id: coordinator.id, site: 'hq', proxy: 'here', page: 'there' }
    let stopped = 0
    coordinator = await createCoordinator(createConfig({ data: folder, listen: '127.0.0.1:0', site: 'hq' }), {
      log,
      startGateway: async options => {
        told.push(options)
        return {
          stop: async () => {
            stopped++
          },
          describe: () => described
        }
      }
    })
    expect(parseTicket(told[0]!.ticket)).toMatchObject({
      site: 'hq',
      coordinator: coordinator.id,
      fleet: coordinator.fleet
    })
    expect((await coordinator.enrolment.tickets()).at(-1)).toMatchObject({ role: 'gateway', usesMax: 1 })
    expect((await coordinator.status()).gateway).toEqual(described)
    await coordinator.stop()
    expect(stopped).toBe(1)
  })

  it('that cannot start leaves nothing behind: neither a lock nor a port', async () => {
    await coordinator.stop()
    const failing = createCoordinator(createConfig({ data: folder, listen: '127.0.0.1:0' }), {
      log,
      startGateway: () => Promise.reject(new Error('no gateway today'))
    })
    await expect(failing).rejects.toThrow('no gateway today')
    await expect(stat(join(folder, 'running.json'))).rejects.toMatchObject({ code: 'ENOENT' })
    coordinator = await createCoordinator(
      createConfig({ data: folder, listen: '127.0.0.1:0', gateway: false }),
      { log }
    )
    const other = await mkdtemp(join(tmpdir(), 'starling-coordinator-'))
    try {
      const { host, port } = coordinator.listening
      await expect(
        createCoordinator(createConfig({ data: other, listen: `${host}:${port}`, gateway: false }), { log })
      ).rejects.toMatchObject({ code: 'listen-failed' })
    } finally {
      await rm(other, { recursive: true, force: true })
    }
  })
})
