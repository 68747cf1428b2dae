/** What goes wrong around a coordinator, on real processes: its database away, its disk full, a rush of agents, wrong clocks. */
import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { join, resolve } from 'node:path'
import { createApiClient } from '@starling/agent/coordinator-link/api-client.ts'
import { createTlsIdentity } from '@starling/agent/identity/certificate.ts'
import { createIdentity, type Identity } from '@starling/agent/identity/keys.ts'
import { dialAgent } from '@starling/agent/identity/tls.ts'
import { readAdminToken, readRunningFile } from '@starling/coordinator/admin-files.ts'
import { createAdminClient } from '@starling/coordinator/cli/admin-client.ts'
import { verifyAudit } from '@starling/shared/admin-api/audit.ts'
import { listAgents } from '@starling/shared/admin-api/fleet-view.ts'
import { createTicket, listTickets, showStatus } from '@starling/shared/admin-api/fleet.ts'
import { apiPaths, enrolResponseShape, type EnrolResponse } from '@starling/shared/coordinator-api.ts'
import { codeOf } from '@starling/shared/errors.ts'
import { parseTicket } from '@starling/shared/ticket.ts'
import { MiB, dayMs, hourMs, minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { seededContent } from '../doubles/content.ts'
import { startOrigin } from '../doubles/origin.ts'
import { findPostgres, startPostgres } from '../doubles/postgres.ts'
import { download } from './client.ts'
import { openHouse, type House } from './harness.ts'
import { houseRoot } from './program.ts'
import * as site from './site.ts'

const canHide = process.platform === 'linux' && spawnSync('unshare', ['-m', 'true']).status === 0
if (!canHide) console.warn('\nSKIPPED, a full disk: needs Linux, root and unshare (util-linux)\n')
const programs = findPostgres()
/** What an agent may have from the origin before it has asked its peers. */
const fetchedAhead = 4 * MiB
/** Longer than an agent may be silent. `.ci/run` lets two minutes pass, and with them the time-outs of pools and sockets. */
const awayMs: Millis = Number(process.env['STARLING_TEST_DATABASE_AWAY_MS'] ?? 20 * secondMs)
const body = { expiresInMs: hourMs }
const args = ['--no-gateway', '--heartbeat', '1s', '--site', 'main']

let house: House
beforeEach(() => {
  house = openHouse()
})
afterEach(() => house.close())

const codeOfAsking = (asking: Promise<unknown>): Promise<string> =>
  asking.then(
    () => 'done',
    (error: unknown) => codeOf(error)
  )

/** @returns with `Retry-After` */
async function statusOfTickets(folder: string): Promise<[number | undefined, string | undefined]> {
  const { host, port, coordinator } = await readRunningFile(folder)
  const headers = { authorization: `Bearer ${await readAdminToken(folder)}` }
  const socket = await dialAgent({ host, port, expected: coordinator, tls: null })
  const asked = { host, port, path: '/api/v1/tickets', headers, createConnection: () => socket }
  return await new Promise((resolve, reject) => {
    get(asked, answer => {
      answer.resume()
      resolve([answer.statusCode, answer.headers['retry-after']])
    }).once('error', reject)
  })
}

// contracts/coordinator-store.test.ts says how to get it, and fails in CI without.
test.skipIf(programs === null)(
  'a database that goes away: agents share on, the coordinator says so and goes on by itself, nothing is lost',
  async () => {
    const postgres = await startPostgres(programs!)
    house.keep(() => postgres.close())
    const folder = house.folder('coordinator')
    const coordinator = await house.start(
      'coordinator',
      site.coordinatorProgram,
      ['run', '--data', folder, '--listen', '127.0.0.1:0', '--json', ...args],
      { STARLING_COORDINATOR_DATABASE: await postgres.createDatabase() }
    )
    const admin = await createAdminClient(folder)
    const join = async () => (await admin.ask(createTicket, { body })).ticket
    const agents = [
      await site.startAgent(house, 'one', { ticket: await join() }),
      await site.startAgent(house, 'other', { ticket: await join() })
    ]
    await site.untilAllMet(agents)
    const origin = await startOrigin()
    house.keep(() => origin.close())
    const content = seededContent('away', 8 * MiB)
    origin.put('/away.bin', content)

    await postgres.stop()
    expect(await codeOfAsking(admin.ask(createTicket, { body }))).toBe('store-away')
    expect(await statusOfTickets(folder)).toEqual([503, '5'])
    for (const agent of agents) await download(agent.proxy, `${origin.url}/away.bin`)
    expect(origin.stats('/away.bin').bodyBytes).toBeLessThanOrEqual(content.length + fetchedAhead)
    await new Promise(resolve => setTimeout(resolve, awayMs))
    origin.put('/later.bin', content)
    for (const agent of agents) await download(agent.proxy, `${origin.url}/later.bin`)
    expect(origin.stats('/later.bin').bodyBytes).toBeLessThanOrEqual(content.length + fetchedAhead)
    expect(await codeOfAsking(admin.ask(createTicket, { body }))).toBe('store-away')

    await postgres.start()
    await expect.poll(() => codeOfAsking(admin.ask(createTicket, { body })), { timeout: 15_000 }).toBe('done')
    await expect.poll(async () => (await admin.ask(showStatus, {})).online, { timeout: 45_000 }).toBe(2)
    for (const agent of agents) {
      const kind = async () => (await agent.status()).coordinator.kind
      await expect.poll(kind, { timeout: 45_000 }).toBe('connected')
    }
    expect((await admin.ask(listTickets, {})).tickets.map(({ uses }) => uses)).toEqual([1, 1, 0])
    expect(await admin.ask(verifyAudit, {})).toMatchObject({ problem: null })
    expect((await coordinator.stop()).code).toBe(0)
  },
  4 * minuteMs + awayMs
)

/** Asks whoever has come after the process `before`. */
async function untilRunning(
  folder: string,
  before: number
): Promise<Awaited<ReturnType<typeof createAdminClient>>> {
  const pid = () =>
    readRunningFile(folder).then(
      running => running.pid,
      () => before
    )
  await expect.poll(pid, { timeout: minuteMs }).not.toBe(before)
  return await createAdminClient(folder)
}

test.skipIf(!canHide).each(['running', 'restarted'])(
  'a disk that is full: said clearly, and the coordinator, %s, goes on with all that it answered when there is room',
  async how => {
    const folder = house.folder('coordinator')
    const program = resolve(houseRoot, site.coordinatorProgram)
    const coordinator = house.beginOther('coordinator', 'unshare', [
      '-m',
      'sh',
      '-c',
      // It is started again whenever it has ended, as a service is.
      `mount -t tmpfs -o size=3m tmpfs "$0" || exit
      trap 'kill $!; wait $!; exit $?' TERM
      while true; do "$@" & wait $!; sleep 0.1; done`,
      folder,
      process.execPath,
      program,
      'run',
      '--data',
      folder,
      '--listen',
      '127.0.0.1:0',
      '--json',
      ...args
    ])
    await coordinator.said(/"ready":true/, minuteMs)
    // The disk is there for that process only, and for who looks through its eyes.
    const seen = `/proc/${coordinator.pid}/root${folder}`
    const admin = await createAdminClient(seen)
    const answered = [(await admin.ask(createTicket, { body })).id]
    const filler = join(seen, 'filler')
    expect(() => {
      for (let n = 0; n < 1000; n++) writeFileSync(filler, Buffer.alloc(4096), { flag: 'a' })
    }).toThrow('ENOSPC')

    let refused = 'done'
    while (refused === 'done') {
      refused = await codeOfAsking(admin.ask(createTicket, { body }).then(({ id }) => answered.push(id)))
    }
    expect(refused).toBe('store-full')
    await expect(admin.ask(createTicket, { body })).rejects.toThrow('disk that holds')
    expect((await admin.ask(listTickets, {})).tickets).toHaveLength(answered.length)
    const { pid } = await readRunningFile(seen)
    if (how === 'restarted') {
      process.kill(pid, 'SIGKILL')
      await coordinator.said(/disk that holds|no space left/, minuteMs)
    }

    rmSync(filler)
    const again = how === 'restarted' ? await untilRunning(seen, pid) : admin
    answered.push((await again.ask(createTicket, { body })).id)
    const { tickets } = await again.ask(listTickets, {})
    expect(tickets.map(({ id }) => id).toSorted()).toEqual(answered.toSorted())
    expect(await again.ask(verifyAudit, {})).toMatchObject({ problem: null })
    expect((await coordinator.stop()).code).toBe(0)
  },
  2 * minuteMs
)

test(
  '1,000 agents that join again at once with one ticket: all are let in, none twice',
  async () => {
    const count = 1000
    const coordinator = await site.startCoordinator(house, args)
    const admin = await createAdminClient(coordinator.folder)
    const { ticket } = await admin.ask(createTicket, { body: { ...body, uses: count } })
    const agents = await Promise.all(
      Array.from({ length: count }, async () => {
        const identity = createIdentity()
        return { identity, tls: await createTlsIdentity(identity) }
      })
    )
    const { coordinator: id, addresses, secret } = parseTicket(ticket)

    /** As the link: who is not answered in time asks again. */
    async function enrol({ tls }: (typeof agents)[number]): Promise<EnrolResponse> {
      const client = createApiClient(to => dialAgent({ ...to, tls }), minuteMs)
      try {
        for (;;) {
          const asked = client.ask(
            [{ id, addresses }],
            apiPaths.enrol,
            { secret, version: '1' },
            enrolResponseShape
          )
          const answer = await asked.catch((error: unknown) => {
            if (codeOf(error) !== 'coordinator-unreachable') throw error
            return null
          })
          if (answer !== null) return answer
        }
      } finally {
        client.close()
      }
    }
    const serials = new Set<number>()
    for (const times of ['first', 'again']) {
      const from = performance.now()
      const answers = await Promise.all(agents.map(enrol))
      const seconds = (performance.now() - from) / 1000
      console.info(
        `${count} agents joined (${times}) in ${seconds.toFixed(1)} s, ${(count / seconds).toFixed(0)} a second`
      )
      expect(answers.map(({ credential }) => credential.agentId)).toEqual(
        agents.map(({ identity }) => identity.agentId)
      )
      for (const { credential } of answers) serials.add(credential.serial)
    }
    expect(serials.size).toBe(2 * count)
    const listed = (await admin.ask(listAgents, { query: { count: 1000 } })).agents
    expect(listed.map(({ agent }) => agent).toSorted()).toEqual(
      agents.map(({ identity }): Identity['agentId'] => identity.agentId).toSorted()
    )
    expect((await admin.ask(listTickets, {})).tickets).toMatchObject([{ uses: count }])
    const stranger = createIdentity()
    const late = enrol({ identity: stranger, tls: await createTlsIdentity(stranger) })
    expect(await codeOfAsking(late)).toBe('ticket-used')
  },
  4 * minuteMs
)

/** For a process whose clock is wrong by so much. */
function wrongClock(offMs: Millis): Record<string, string> {
  const program = `const Right = Date; globalThis.Date = class extends Right {
    constructor(...given) { given.length === 0 ? super(Right.now() + ${offMs}) : super(...given) }
    static now() { return Right.now() + ${offMs} }
  }`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(program)}` }
}

describe('a clock that is a day wrong', () => {
  test.each([
    ['agent, fast', { agentOffMs: dayMs, coordinatorOffMs: 0 }],
    ['agent, slow', { agentOffMs: -1 * dayMs, coordinatorOffMs: 0 }],
    ['coordinator, fast', { agentOffMs: 0, coordinatorOffMs: dayMs }],
    ['coordinator, slow', { agentOffMs: 0, coordinatorOffMs: -1 * dayMs }]
  ])(
    '%s: agents join, are told the time, and share',
    async (name, { agentOffMs, coordinatorOffMs }) => {
      const folder = house.folder('coordinator')
      const coordinator = await site.startCoordinator(house, args, folder, wrongClock(coordinatorOffMs))
      const ticket = () => site.createTicket(house, coordinator)
      const agents = [
        await site.startAgent(house, 'right', { ticket: await ticket() }),
        await site.startAgent(house, 'other', { ticket: await ticket(), env: wrongClock(agentOffMs) })
      ]
      await site.untilAllMet(agents)
      const origin = await startOrigin()
      house.keep(() => origin.close())
      const content = seededContent(name, 8 * MiB)
      origin.put('/clock.bin', content)
      for (const agent of agents) await download(agent.proxy, `${origin.url}/clock.bin`)
      expect(origin.stats('/clock.bin').bodyBytes).toBeLessThanOrEqual(content.length + fetchedAhead)
    },
    2 * minuteMs
  )
})
