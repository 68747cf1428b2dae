/** A member of the fleet that tells the coordinator whatever a test wants it to: one that lies about its own name, for example. */
import { createTlsIdentity } from '@starling/agent/identity/certificate.ts'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { dialAgent } from '@starling/agent/identity/tls.ts'
import { createApiClient } from '@starling/agent/coordinator-link/api-client.ts'
import {
  apiPaths,
  enrolResponseShape,
  heartbeatResponseShape,
  type HeartbeatRequest
} from '@starling/shared/coordinator-api.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { parseTicket } from '@starling/shared/ticket.ts'

/** Joins with the ticket and reports once. @returns its id */
export async function joinAndTell(ticket: string, tells: Partial<HeartbeatRequest>): Promise<AgentId> {
  const { secret, coordinator, addresses } = parseTicket(ticket)
  const identity = createIdentity()
  const tls = await createTlsIdentity(identity)
  const client = createApiClient(to => dialAgent({ ...to, tls }))
  const roads = [{ id: coordinator, addresses }]
  try {
    await client.ask(roads, apiPaths.enrol, { secret, version: '1' }, enrolResponseShape)
    const beat: HeartbeatRequest = {
      version: '1',
      addresses: [],
      counters: {},
      host: {},
      swarm: [],
      credentialSerial: 0,
      revocationsVersion: -1,
      report: { run: 1, sequence: 1, base: null, gone: [], problems: [], earlier: [] },
      ...tells
    }
    await client.ask(roads, apiPaths.heartbeat, beat, heartbeatResponseShape)
    return identity.agentId
  } finally {
    client.close()
  }
}
