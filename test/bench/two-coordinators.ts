/**
 * Two coordinators on one PostgreSQL, each with half of the agents, while an admin works at the first: that one is killed.
 * How long was an agent without an answer, and is everything there that was answered? A time without an answer begins with
 * the last one, so the half minute between heartbeats is in it.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { createAdminClient } from '@starling/coordinator/cli/admin-client.ts'
import { masterKeyFileName } from '@starling/coordinator/master-key.ts'
import { readAudit, verifyAudit } from '@starling/shared/admin-api/audit.ts'
import { listAgents } from '@starling/shared/admin-api/fleet-view.ts'
import { createTicket, listTickets, revokeAgent } from '@starling/shared/admin-api/fleet.ts'
import { heartbeatMsDefault } from '@starling/shared/coordinator-api.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { findPostgres, postgresInstall, startPostgres } from '../doubles/postgres.ts'
import { openHouse, type House } from '../e2e/harness.ts'
import type { Running } from '../e2e/program.ts'
import { coordinatorProgram } from '../e2e/site.ts'
import { eachAfresh, type Bench, type Figures } from './bench.ts'
import { startCrowd, watch } from './crowd.ts'
import { enrolAll, makeKeys } from './enrolled-fleet.ts'

const agentsUsual = 500
/** For the admin to revoke. */
const spare = 100
const rampMs: Millis = 20 * secondMs
/** Longer than anybody may be without an answer. */
const watchMs: Millis = 90 * secondMs

export const twoCoordinators: Bench = {
  name: 'two-coordinators',
  says: `one of two coordinators on PostgreSQL is killed: how long ${agentsUsual} agents are without an answer, and what is lost`,
  rounds: 1,
  bars: { unservedMs: { atMost: minuteMs }, lost: { atMost: 0 }, 'not-moved': { atMost: 0 } },
  whyNot: () => (findPostgres() === null ? `PostgreSQL is missing: ${postgresInstall}` : null),
  open: setup => eachAfresh(say => round(say, setup.agents ?? agentsUsual))(setup)
}

async function round(say: (text: string) => void, count: number): Promise<Figures> {
  const house = openHouse()
  try {
    const postgres = await startPostgres(findPostgres()!)
    house.keep(() => postgres.close())
    const url = await postgres.createDatabase()
    const keys = makeKeys(count + spare)
    const [agents, spares] = [keys.slice(0, count), keys.slice(count)]
    await enrolAll(
      { url },
      keys.map(({ id }) => id)
    )
    const folders = [house.folder('one'), house.folder('other')] as const
    const one = await startOn(house, folders[0], url)
    for (const file of ['fleet.key', masterKeyFileName])
      copyFileSync(join(folders[0], file), join(folders[1], file))
    const other = await startOn(house, folders[1], url)
    const roads = [one, other].map(({ ready }) => ({
      id: String(ready.coordinator),
      addresses: [String(ready.address)]
    }))
    const task = { rampMs, heartbeatMs: heartbeatMsDefault, connected: count }
    const half = Math.floor(count / 2)
    const crowds = [
      startCrowd(house, agents.slice(0, half), { ...task, coordinators: roads }, 1),
      startCrowd(house, agents.slice(half), { ...task, coordinators: roads.toReversed() }, 1)
    ]
    say(`${count} agents come …`)
    await Promise.all(crowds.map(crowd => watch(crowd, 2 * minuteMs, ({ ready }) => ready)))

    // What an admin was told is done, until the kill comes in the middle of something.
    const tickets: string[] = []
    const revoked: string[] = []
    const busy = await createAdminClient(folders[0])
    const work = (async () => {
      for (const { id } of spares) {
        tickets.push((await busy.ask(createTicket, { body: { expiresInMs: minuteMs * 60 } })).id)
        await busy.ask(revokeAgent, { params: { agent: id }, body: { reason: 'lost' } })
        revoked.push(id)
      }
    })().catch(() => {})
    while (revoked.length < spare / 4) await new Promise(resolve => setImmediate(resolve))
    say(`one coordinator is killed after ${tickets.length} tickets and ${revoked.length} revocations …`)
    await one.kill()
    await work
    const seen = await Promise.all(crowds.map(crowd => watch(crowd, watchMs)))
    const last = seen.map(one => one.at(-1)!)

    const admin = await createAdminClient(folders[1])
    const known = new Set((await admin.ask(listTickets, {})).tickets.map(({ id }) => id))
    const out = new Set(
      (await admin.ask(listAgents, { query: { count: 1000 } })).agents.flatMap(({ agent, revokedAt }) =>
        revokedAt === null ? [] : [agent]
      )
    )
    const { entries } = await admin.ask(readAudit, { query: { count: 1000 } })
    const noted = new Set(entries.map(({ target }) => target))
    const { problem } = await admin.ask(verifyAudit, {})
    const missing = [
      ...tickets.filter(id => !known.has(id) || !noted.has(id)),
      ...revoked.filter(id => !out.has(id) || !noted.has(id))
    ]
    const answeredLately = seen.map(one =>
      one.slice(-(heartbeatMsDefault / secondMs)).reduce((sum, { answered }) => sum + answered, 0)
    )
    return {
      unservedMs: Math.max(...last.map(({ unservedMs }) => unservedMs)),
      lost: missing.length + (problem === null ? 0 : 1),
      // Each of a crowd has a heartbeat in about half a minute; half of them are enough to tell that it goes on.
      'not-moved': answeredLately.filter(answered => answered < half / 2).length,
      'answered-before-the-kill': tickets.length + revoked.length,
      'failed-requests': seen.flat().reduce((sum, { errors }) => sum + errors, 0),
      'told-of-revocations': seen.flat().reduce((sum, { revocations }) => sum + revocations, 0)
    }
  } finally {
    await house.close()
  }
}

async function startOn(house: House, folder: string, url: string): Promise<Running> {
  const args = ['run', '--data', folder, '--listen', '127.0.0.1:0', '--no-gateway', '--json']
  return await house.start('coordinator', coordinatorProgram, [...args, '--log-level', 'error'], {
    STARLING_COORDINATOR_DATABASE: url
  })
}
