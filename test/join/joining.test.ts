import { readFile, stat, writeFile } from 'node:fs/promises'
import { createServer as createTlsServer } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createTlsIdentity } from '@starling/agent/identity/certificate.ts'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { verifyCredential } from '@starling/agent/identity/signatures.ts'
import { identityServerOptions } from '@starling/agent/identity/tls.ts'
import { keyHashOf } from '@starling/shared/manifest.ts'
import { purgesPerAnswerMax } from '@starling/shared/purge.ts'
import { formatTicket, parseTicket } from '@starling/shared/ticket.ts'
import { dayMs, hourMs, minuteMs } from '@starling/shared/units.ts'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createJoinLab, movableClock } from './lab.ts'

const lab = createJoinLab()
afterEach(async () => {
  await lab.end()
})
const eventually = (check: () => unknown): Promise<unknown> =>
  vi.waitFor(check, { timeout: 8000, interval: 10 })

function credentialOf(agent: Awaited<ReturnType<typeof lab.agent>>) {
  const proof = agent.trust.proof()
  if (proof?.kind !== 'credential') throw new Error('the agent has no credential')
  return proof.credential
}

describe('a ticket', () => {
  it('gives an agent a credential that its fleet signed, and is then used up', async () => {
    const coordinator = await lab.coordinator()
    const ticket = await lab.ticket(coordinator)
    const first = await lab.agent(ticket)
    expect(await first.link.prepare()).toEqual({ fleet: coordinator.fleet, site: 'office', role: 'agent' })
    const credential = credentialOf(first)
    expect(verifyCredential(credential)).toBe(true)
    expect(credential).toMatchObject({ agentId: first.identity.agentId, site: 'office', role: 'agent' })
    const second = await lab.agent(null)
    await expect(second.link.join(ticket)).rejects.toMatchObject({ code: 'ticket-used' })
    expect(second.trust.proof()).toBeNull()
  })

  it.skipIf(process.platform === 'win32')('leaves a membership that only its owner can read', async () => {
    const agent = await lab.agent(await lab.ticket(await lab.coordinator()))
    await agent.link.prepare()
    expect((await stat(join(agent.folder, 'membership.cbor'))).mode & 0o777).toBe(0o600)
  })

  it('works again for the machine that used it, whose answer got lost', async () => {
    const coordinator = await lab.coordinator()
    const ticket = await lab.ticket(coordinator)
    const identity = createIdentity()
    await (await lab.agent(null, { identity })).link.join(ticket)
    await expect((await lab.agent(null, { identity })).link.join(ticket)).resolves.toMatchObject({
      site: 'office'
    })
  })

  it('lets as many machines in as it says, and no more, also at the same time', async () => {
    const coordinator = await lab.coordinator()
    const ticket = await lab.ticket(coordinator, { uses: 3, site: 'branch' })
    const agents = await Promise.all(Array.from({ length: 6 }, () => lab.agent(null)))
    const outcomes = await Promise.allSettled(agents.map(({ link }) => link.join(ticket)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    expect(
      outcomes.flatMap(one => (one.status === 'rejected' ? [(one.reason as { code: string }).code] : []))
    ).toEqual(['ticket-used', 'ticket-used', 'ticket-used'])
  })

  it('whose coordinator has moved works where an admin says that it is now', async () => {
    const coordinator = await lab.coordinator()
    const ticket = parseTicket(await lab.ticket(coordinator))
    // Nothing listens on the discard port.
    const old = formatTicket({ ...ticket, addresses: ['https://127.0.0.1:9'] })
    const lost = await lab.agent(old)
    expect(await lost.link.prepare()).toBeNull()
    const agent = await lab.agent(old, { addresses: () => coordinator.addresses })
    expect(await agent.link.prepare()).toMatchObject({ fleet: coordinator.fleet })
  })

  it('is refused with another word when it is wrong, cut off, or expired', async () => {
    const clock = movableClock()
    const coordinator = await lab.coordinator({}, clock)
    const ticket = await lab.ticket(coordinator, { uses: 9 })
    const wrong = formatTicket({ ...parseTicket(ticket), secret: Buffer.alloc(32, 7).toString('base64url') })
    const agent = await lab.agent(null)
    await expect(agent.link.join(wrong)).rejects.toMatchObject({ code: 'ticket-unknown' })
    await expect(agent.link.join(ticket.slice(0, -9))).rejects.toMatchObject({ code: 'ticket-cut' })
    clock.offsetMs = hourMs
    await expect(agent.link.join(ticket)).rejects.toMatchObject({ code: 'ticket-expired' })
  })

  it('stops a guesser, and nobody else pays for that', async () => {
    const coordinator = await lab.coordinator()
    const ticket = parseTicket(await lab.ticket(coordinator))
    const agent = await lab.agent(null)
    const codes: string[] = []
    for (let guess = 0; guess < 12; guess++) {
      const wrong = formatTicket({ ...ticket, secret: Buffer.alloc(32, guess).toString('base64url') })
      codes.push(
        await agent.link.join(wrong).then(
          () => 'joined',
          (error: { code: string }) => error.code
        )
      )
    }
    expect(codes.slice(0, 10)).toEqual(Array(10).fill('ticket-unknown'))
    expect(codes.slice(10)).toEqual(['too-many-failures', 'too-many-failures'])
  })

  it('makes a gateway only if it was made for one', async () => {
    const coordinator = await lab.coordinator()
    const gateway = await lab.agent(await lab.ticket(coordinator, { role: 'gateway' }))
    expect(await gateway.link.prepare()).toMatchObject({ role: 'gateway' })
  })
})

describe('an agent', () => {
  it('sends nothing to a server that has another key than the ticket names', async () => {
    const heard: Buffer[] = []
    let connections = 0
    const impostor = createTlsServer(
      identityServerOptions(await createTlsIdentity(createIdentity())),
      socket => {
        socket.on('data', (bytes: Buffer) => heard.push(bytes))
        socket.on('error', () => {})
      }
    )
    impostor.on('connection', () => {
      connections++
    })
    impostor.on('tlsClientError', () => {})
    await new Promise<void>(resolve => {
      impostor.listen(0, '127.0.0.1', resolve)
    })
    try {
      const coordinator = await lab.coordinator()
      const { port } = impostor.address() as AddressInfo
      const ticket = formatTicket({
        ...parseTicket(await lab.ticket(coordinator)),
        addresses: [`https://127.0.0.1:${port}`]
      })
      const agent = await lab.agent(null)
      await expect(agent.link.join(ticket)).rejects.toMatchObject({
        code: 'coordinator-unreachable',
        message: expect.stringContaining('nothing was sent to it') as string
      })
      expect(connections).toBe(1)
    } finally {
      await new Promise(resolve => {
        impostor.close(resolve)
      })
    }
    expect(Buffer.concat(heard)).toHaveLength(0)
  })

  it('hears of the others of its site, and not of those elsewhere', async () => {
    const coordinator = await lab.coordinator()
    const one = await lab.agent(await lab.ticket(coordinator), { address: '/ip4/127.0.0.1/tcp/1001' })
    const two = await lab.agent(await lab.ticket(coordinator), { address: '/ip4/127.0.0.1/tcp/1002' })
    const far = await lab.agent(await lab.ticket(coordinator, { site: 'far' }), {
      address: '/ip4/127.0.0.1/tcp/1003'
    })
    for (const { link } of [one, two, far]) await link.start()
    await eventually(() => {
      expect([...one.hints]).toEqual([[two.identity.agentId, ['/ip4/127.0.0.1/tcp/1002']]])
      expect([...two.hints]).toEqual([[one.identity.agentId, ['/ip4/127.0.0.1/tcp/1001']]])
    })
    await eventually(async () => {
      expect((await coordinator.status()).online).toBe(3)
    })
    expect(far.hints.size).toBe(0)
    expect(far.link.state()).toMatchObject({ kind: 'connected', problem: null })
  })

  it('finds those others again after a restart without coordinator', async () => {
    const coordinator = await lab.coordinator()
    const one = await lab.agent(await lab.ticket(coordinator), { address: '/ip4/127.0.0.1/tcp/1001' })
    const two = await lab.agent(await lab.ticket(coordinator), { address: '/ip4/127.0.0.1/tcp/1002' })
    for (const { link } of [one, two]) await link.start()
    await eventually(() => {
      expect(two.hints.size).toBe(1)
    })
    await two.link.stop()
    await coordinator.stop()
    const after = await lab.agent(null, { identity: two.identity, folder: two.folder })
    await after.link.start()
    expect([...after.hints]).toEqual([[one.identity.agentId, ['/ip4/127.0.0.1/tcp/1001']]])
  })

  it('gets a new credential in the second half of its life', async () => {
    const clock = movableClock()
    const coordinator = await lab.coordinator({}, clock)
    const agent = await lab.agent(await lab.ticket(coordinator), { clock })
    await agent.link.start()
    const first = credentialOf(agent)
    await eventually(() => {
      expect(agent.link.state().kind).toBe('connected')
    })
    clock.offsetMs = 13 * hourMs
    await eventually(() => {
      expect(credentialOf(agent).serial).toBeGreaterThan(first.serial)
    })
    expect(credentialOf(agent).notAfter).toBeGreaterThan(first.notAfter + 12 * hourMs)
  })

  it('puts its clock right by the coordinator', async () => {
    const coordinator = await lab.coordinator()
    const clock = movableClock()
    clock.offsetMs = 0 - dayMs
    const agent = await lab.agent(await lab.ticket(coordinator), { clock })
    await agent.link.prepare()
    expect(Math.abs(agent.trust.now() - Date.now())).toBeLessThan(5000)
  })

  it('takes part again after a restart, without ticket and without coordinator', async () => {
    const coordinator = await lab.coordinator()
    const before = await lab.agent(await lab.ticket(coordinator))
    await before.link.prepare()
    const credential = credentialOf(before)
    await before.link.stop()
    await coordinator.stop()

    const after = await lab.agent(null, before)
    expect(await after.link.prepare()).toMatchObject({ site: 'office' })
    expect(credentialOf(after)).toEqual(credential)
    await after.link.start()
    await eventually(() => {
      expect(after.link.state()).toMatchObject({ kind: 'lost' })
    })
    expect(after.link.state().problem).toContain('no coordinator can be reached')
  })

  it('finds the coordinator again when that has been away', async () => {
    const coordinator = await lab.coordinator()
    const data = await lab.folder()
    const first = await lab.coordinator({ data })
    const agent = await lab.agent(await lab.ticket(first))
    await agent.link.start()
    await eventually(() => {
      expect(agent.link.state().kind).toBe('connected')
    })
    await first.stop()
    await eventually(() => {
      expect(agent.link.state().kind).toBe('lost')
    })
    const second = await lab.coordinator({ data, listen: `127.0.0.1:${first.listening.port}` })
    expect(second.id).toBe(first.id)
    expect(second.id).not.toBe(coordinator.id)
    await eventually(() => {
      expect(agent.link.state()).toMatchObject({ kind: 'connected', problem: null })
    })
    await eventually(async () => {
      expect((await second.status()).online).toBe(1)
    })
  })

  it('says so when its membership is damaged or came with a copied folder', async () => {
    const coordinator = await lab.coordinator()
    const agent = await lab.agent(await lab.ticket(coordinator))
    await agent.link.prepare()
    await expect((await lab.agent(null, { folder: agent.folder })).link.prepare()).rejects.toMatchObject({
      code: 'membership-foreign'
    })
    const path = join(agent.folder, 'membership.cbor')
    const bytes = await readFile(path)
    await writeFile(path, bytes.subarray(0, -20))
    await expect((await lab.agent(null, agent)).link.prepare()).rejects.toMatchObject({
      code: 'membership-damaged'
    })
  })
})

describe('a purge', () => {
  const classOf = (at: number) => ({ class: `class-${at}` })
  const ids = (agent: Awaited<ReturnType<typeof lab.agent>>) =>
    agent.purges.map(({ target }) => (target.kind === 'class' ? target.id : target.key))

  it('reaches every agent with its heartbeats, once, and one that was away when it is back', async () => {
    const clock = movableClock()
    clock.offsetMs = 0 - dayMs
    const coordinator = await lab.coordinator({}, clock)
    const here = await lab.agent(await lab.ticket(coordinator, { role: 'gateway' }))
    const away = await lab.agent(await lab.ticket(coordinator))
    for (const { link } of [here, away]) await link.start()
    await eventually(() => {
      expect([here.purgesVersion, away.purgesVersion]).toEqual([0, 0])
    })
    await away.link.stop()
    const before = clock()
    await coordinator.purges.purge({ url: 'http://origin.example/a.msi' }, 'withdrawn')
    await eventually(() => {
      expect(here.purges).toEqual([
        {
          target: { kind: 'key', key: keyHashOf('origin.example/a.msi') },
          // By the coordinator's clock, as are the moments at which heads are signed.
          purgedAt: expect.toSatisfy(
            (at: number) => at >= Math.floor(before) && at < before + minuteMs
          ) as number
        }
      ])
    })
    await coordinator.purges.purge(classOf(2), '')
    await eventually(() => {
      expect(here.purges).toHaveLength(2)
    })
    expect(away.purges).toEqual([])
    const back = await lab.agent(null, away)
    back.purgesVersion = away.purgesVersion
    await back.link.start()
    await eventually(() => {
      expect(back.purges).toEqual(here.purges)
    })
    expect(here.purges).toHaveLength(2)
  })

  it('that is one of many comes with a later heartbeat, in order, and over a restart of the coordinator', async () => {
    const data = await lab.folder()
    const first = await lab.coordinator({ data })
    const agent = await lab.agent(await lab.ticket(first))
    const count = purgesPerAnswerMax + 20
    for (let at = 0; at < count; at++) await first.purges.purge(classOf(at), '')
    await first.stop()
    await lab.coordinator({ data, listen: `127.0.0.1:${first.listening.port}` })
    await agent.link.start()
    await eventually(() => {
      expect(ids(agent)).toEqual(Array.from({ length: count }, (_, at) => `class-${at}`))
    })
  })

  it('is heard again from a coordinator that has lost its memory and counts anew', async () => {
    const coordinator = await lab.coordinator()
    const agent = await lab.agent(await lab.ticket(coordinator))
    agent.purgesVersion = 7
    await coordinator.purges.purge(classOf(1), '')
    await agent.link.start()
    await eventually(() => {
      expect([ids(agent), agent.purgesVersion]).toEqual([['class-1'], 1])
    })
  })
})

describe('a revoked agent', () => {
  it('is out: the others hear of it, and it says so itself and hangs up', async () => {
    const coordinator = await lab.coordinator()
    const friend = createIdentity().agentId
    const bad = await lab.agent(await lab.ticket(coordinator), { peers: [friend] })
    const good = await lab.agent(await lab.ticket(coordinator))
    await bad.link.start()
    await good.link.start()
    const badProof = bad.trust.proof()!
    expect(good.trust.checkPeer(bad.identity.agentId, badProof)).toBeNull()
    await eventually(() => {
      expect([bad, good].map(({ link }) => link.state().kind)).toEqual(['connected', 'connected'])
    })

    expect(await coordinator.enrolment.revoke(bad.identity.agentId, 'stolen')).toBe(true)
    await eventually(() => {
      expect(good.trust.checkPeer(bad.identity.agentId, badProof)).toBe('revoked')
      expect(bad.trust.proof()).toBeNull()
    })
    await eventually(() => {
      expect(good.forbidden).toContain(bad.identity.agentId)
      expect(bad.hungUp).toContain(friend)
      expect(bad.link.state().problem).toContain('revoked by an administrator')
    })
    await eventually(async () => {
      expect(await coordinator.status()).toMatchObject({ online: 1, revoked: 1 })
    })
    // It stays so over a restart, on both sides, also with a fresh ticket.
    await bad.link.stop()
    await good.link.stop()
    expect(await (await lab.agent(null, bad)).link.prepare()).toBeNull()
    const again = await lab.agent(null, good)
    await again.link.prepare()
    expect(again.trust.checkPeer(bad.identity.agentId, badProof)).toBe('revoked')
    await expect(
      (await lab.agent(null, { identity: bad.identity })).link.join(await lab.ticket(coordinator))
    ).rejects.toMatchObject({ code: 'revoked' })
  })
})
