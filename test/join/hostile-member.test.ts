/** What one member that does not play by the rules must not be able to do to the coordinator and to the others. */
import { createTlsIdentity, type TlsIdentity } from '@starling/agent/identity/certificate.ts'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { showFleet, listSites } from '@starling/shared/admin-api/fleet-view.ts'
import {
  agentContentType,
  apiPaths,
  encodeBody,
  type HeartbeatRequest
} from '@starling/shared/coordinator-api.ts'
import { parseTicket } from '@starling/shared/ticket.ts'
import { minuteMs } from '@starling/shared/units.ts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startControlPlane, type Answer, type ControlPlane } from './control-plane.ts'

let plane: ControlPlane
let secret: string
beforeAll(async () => {
  plane = await startControlPlane()
  const { ticket } = await plane.coordinator.enrolment.createTicket({
    role: 'agent',
    uses: 100,
    expiresInMs: 60 * minuteMs
  })
  secret = parseTicket(ticket).secret
})
afterAll(() => plane.stop())

async function tell(tls: TlsIdentity, path: string, body: Parameters<typeof encodeBody>[0]): Promise<Answer> {
  const headers = { 'content-type': agentContentType }
  return await plane.ask('POST', path, { tls, headers, body: encodeBody(body) })
}

async function newMember(): Promise<TlsIdentity> {
  const tls = await createTlsIdentity(createIdentity())
  expect((await tell(tls, apiPaths.enrol, { secret, version: '1' })).status).toBe(200)
  return tls
}

const beat = (
  sequence: number,
  change: Partial<HeartbeatRequest> = {},
  problems: string[] = [],
  run = 1
): HeartbeatRequest => ({
  version: '1',
  addresses: [],
  counters: {},
  host: {},
  swarm: [],
  credentialSerial: 0,
  revocationsVersion: -1,
  report: { run, sequence, base: sequence === 1 ? null : sequence - 1, gone: [], problems, earlier: [] },
  ...change
})

it('names of JavaScript itself as problem or version do not take the fleet view away', async () => {
  const tls = await newMember()
  await tell(tls, apiPaths.heartbeat, beat(1, { version: 'toString' }, ['constructor', '__proto__']))
  await plane.coordinator.flush()
  const fleet = await plane.asLocal(showFleet, showFleet.path)
  expect(Object.entries(fleet.problems)).toContainEqual(['constructor', 1])
  expect(Object.entries(fleet.versions)).toContainEqual(['toString', 1])
  await plane.asLocal(listSites, listSites.path)
})

it('figures beyond all measure do not end those of the others', async () => {
  const tls = await newMember()
  for (let run = 1; run <= 4; run++) {
    await tell(
      tls,
      apiPaths.heartbeat,
      beat(1, { counters: { fromPeers: Number.MAX_SAFE_INTEGER, 'noPeer.x': 1.5 } }, [], run)
    )
    await plane.coordinator.flush()
  }
  await tell(tls, apiPaths.heartbeat, beat(1, { counters: { fromPeers: 1e308 } }, [], 9))
  await plane.coordinator.flush()
  await plane.coordinator.fleetView.fleet()
  const { points } = await plane.coordinator.fleetView.series('minute', undefined, undefined, undefined)
  expect(points.length).toBeGreaterThan(0)
})

it('a machine that joins again and again does not fill the audit log, and a ticket that is used up holds nobody up', async () => {
  const first = await plane.coordinator.enrolment.createTicket({
    role: 'agent',
    uses: 1,
    expiresInMs: minuteMs
  })
  const used = parseTicket(first.ticket).secret
  const tls = await createTlsIdentity(createIdentity())
  const answers: number[] = []
  for (let n = 0; n < 12; n++)
    answers.push((await tell(tls, apiPaths.enrol, { secret: used, version: '1' })).status)
  expect(answers).toEqual([...Array<number>(10).fill(200), 429, 429])
  for (let n = 0; n < 12; n++) {
    const other = await createTlsIdentity(createIdentity())
    expect((await tell(other, apiPaths.enrol, { secret: used, version: '1' })).status).toBe(403)
  }
  await newMember()
})
