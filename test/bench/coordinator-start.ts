/** How long a coordinator of a large fleet is away when it is started anew: from its spawn to the first heartbeat that it answers. */
import { createPrivateKey } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createApiClient } from '@starling/agent/coordinator-link/api-client.ts'
import { createTlsIdentity } from '@starling/agent/identity/certificate.ts'
import { dialAgent } from '@starling/agent/identity/tls.ts'
import { apiPaths, heartbeatResponseShape } from '@starling/shared/coordinator-api.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'
import { openHouse } from '../e2e/harness.ts'
import { freePort } from '../e2e/listening.ts'
import { coordinatorProgram } from '../e2e/site.ts'
import type { Bench, BenchRun, BenchSetup } from './bench.ts'
import { enrolAll, makeKeys } from './enrolled-fleet.ts'

const agentsUsual = 20_000
const askEveryMs: Millis = 10

export const coordinatorStart: Bench = {
  name: 'coordinator-start',
  says: `a coordinator that knows ${agentsUsual} agents starts: until it answers a heartbeat`,
  rounds: 5,
  bars: { firstHeartbeatMs: { atMost: 3000 } },
  open
}

async function open({ say, agents }: BenchSetup): Promise<BenchRun> {
  const house = openHouse()
  try {
    const folder = house.folder('coordinator')
    const count = agents ?? agentsUsual
    say(`${count} agents are enrolled …`)
    const keys = makeKeys(count)
    await enrolAll(
      { folder },
      keys.map(({ id }) => id)
    )
    const port = await freePort()
    const args = ['run', '--data', folder, '--listen', `127.0.0.1:${port}`]
    const start = () => house.begin('coordinator', coordinatorProgram, [...args, '--no-gateway', '--json'])
    // The first start makes the keys, and tells who it is.
    const first = start()
    const { coordinator } = JSON.parse(await first.said(/"ready":true/, minuteMs)) as { coordinator: string }
    await first.stop()

    const [{ id, key }] = keys as [(typeof keys)[number]]
    const tls = await createTlsIdentity({ agentId: id, nodeKey: createPrivateKey(key) })
    const client = createApiClient(to => dialAgent({ ...to, tls }))
    house.keep(() => {
      client.close()
    })
    const roads = [{ id: coordinator, addresses: [`https://127.0.0.1:${port}`] }]
    const nothing = { counters: {}, host: {}, swarm: [], addresses: [] }
    const beat = { version: '1', ...nothing, credentialSerial: 0, revocationsVersion: -1 }
    const isAnswered = (): Promise<boolean> =>
      client.ask(roads, apiPaths.heartbeat, beat, heartbeatResponseShape).then(
        () => true,
        () => false
      )
    return {
      async round() {
        const from = performance.now()
        const program = start()
        const ready = program.said(/"ready":true/, minuteMs).then(() => performance.now() - from)
        while (!(await isAnswered())) await sleep(askEveryMs)
        const firstHeartbeatMs = performance.now() - from
        const readyMs = await ready
        await program.stop()
        return { firstHeartbeatMs, readyMs }
      },
      notes: async () => [],
      close: () => house.close()
    }
  } catch (error) {
    await house.close()
    throw error
  }
}
