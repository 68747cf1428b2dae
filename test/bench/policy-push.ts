/**
 * How long a policy is on its way to a fleet that waits for it: from the admin's order to the last byte at each agent. The
 * coordinator is the real program on SQLite, the agents are connections of a process of their own on the same two cores,
 * so their CPU is told beside the figures.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { createAdminClient } from '@starling/coordinator/cli/admin-client.ts'
import { createLog } from '@starling/coordinator/log.ts'
import { openDatabase } from '@starling/coordinator/store/open.ts'
import { addPolicyVersion, rollBackPolicy } from '@starling/shared/admin-api/policy.ts'
import { MiB, minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { openHouse } from '../e2e/harness.ts'
import { coordinatorProgram } from '../e2e/site.ts'
import type { Bench, BenchRun, BenchSetup } from './bench.ts'
import type { PushSeen } from './policy-push-agents.ts'
import { costOf } from './process-cost.ts'

const agents = 5000
/** All polls are held by then, and the handshakes' garbage is gone. */
const settleMs: Millis = 2 * secondMs
const pushedWithinMs: Millis = minuteMs
/** SQLite takes 32,766 values in a statement. */
const rowsAtOnce = 1000

export const policyPush: Bench = {
  name: 'policy-push',
  says: `a policy to ${agents} agents that wait for it over TLS, on one coordinator with SQLite`,
  rounds: 5,
  bars: { p99Ms: { atMost: 5000 } },
  open
}

async function open({ say }: BenchSetup): Promise<BenchRun> {
  const house = openHouse()
  try {
    const folder = house.folder('coordinator')
    const keys = Array.from({ length: agents }, () => {
      const { agentId, nodeKey } = createIdentity()
      return { id: agentId, key: String(nodeKey.export({ format: 'pem', type: 'pkcs8' })) }
    })
    const keysFile = join(house.folder('keys'), 'keys.json')
    writeFileSync(keysFile, JSON.stringify(keys), { mode: 0o600 })
    await enrolAll(
      folder,
      keys.map(({ id }) => id)
    )

    const coordinator = await house.start('coordinator', coordinatorProgram, [
      'run',
      '--data',
      folder,
      '--listen',
      '127.0.0.1:0',
      '--no-gateway',
      '--json',
      '--log-level',
      'warn'
    ])
    const { port } = coordinator.ready.listening as { port: number }
    say(`${agents} agents connect …`)
    const program = 'test/bench/policy-push-agents.ts'
    const args = [keysFile, '127.0.0.1', String(port), String(coordinator.ready.coordinator)]
    const crowd = house.begin('agents', program, args)
    await crowd.said(/"ready":true/, 5 * minuteMs)

    let round = 0
    let rssBytes = 0
    return {
      async round() {
        await sleep(settleMs)
        round++
        const admin = await createAdminClient(folder)
        const params = { scope: 'fleet' }
        // Something else each time: a host list of the size that an admin has.
        const document = { DOCacheHost: Array.from({ length: 20 }, (_, n) => `cache-${n}-${round}.example`) }
        const { version } = await admin.ask(addPolicyVersion, { params, body: { document } })
        const before = costOf(coordinator.pid)
        const orderedAt = Date.now()
        await admin.ask(rollBackPolicy, { params, body: { version } })
        const answeredAt = Date.now()
        const line = await crowd.said(new RegExp(`^pushed \\{"push":${round},`), pushedWithinMs)
        const seen = JSON.parse(line.replace(/^pushed /, '')) as PushSeen
        const after = costOf(coordinator.pid)
        rssBytes = after.rssBytes
        return {
          p50Ms: seen.p50At - orderedAt,
          p99Ms: seen.p99At - orderedAt,
          lastMs: seen.lastAt - orderedAt,
          adminAnsweredMs: answeredAt - orderedAt,
          coordinatorCpuMs: after.cpuMs - before.cpuMs,
          generatorCpuMs: seen.cpuMs
        }
      },
      notes: async () => [
        `the coordinator holds ${agents} connections in ${(rssBytes / MiB).toFixed(0)} MiB; the agents share its two cores`
      ],
      close: () => house.close()
    }
  } catch (error) {
    await house.close()
    throw error
  }
}

/** Straight into the database: what is measured is not how they joined. */
async function enrolAll(folder: string, ids: readonly string[]): Promise<void> {
  const log = createLog('silent')
  const database = await openDatabase({ folder }, log)
  try {
    const enrolled = { site: 'main', group: null, version: '1', enrolledAt: 0, lastHeardAt: null }
    for (let from = 0; from < ids.length; from += rowsAtOnce) {
      await database.db
        .insertInto('agents')
        .values(
          ids.slice(from, from + rowsAtOnce).map(agent => ({ ...enrolled, role: 'agent' as const, agent }))
        )
        .execute()
    }
  } finally {
    await database.close()
  }
}
