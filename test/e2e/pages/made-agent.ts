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

export interface MadeAgent {
  readonly id: AgentId
  /** Everything that it has to say, each time. */
  tell(what: Partial<HeartbeatRequest>): Promise<void>
  close(): void
}

export async function joinAsMade(ticket: string): Promise<MadeAgent> {
  const { secret, coordinator, addresses } = parseTicket(ticket)
  const identity = createIdentity()
  const tls = await createTlsIdentity(identity)
  const client = createApiClient(to => dialAgent({ ...to, tls }))
  const roads = [{ id: coordinator, addresses }]
  let sequence = 0
  await client.ask(roads, apiPaths.enrol, { secret, version: '1' }, enrolResponseShape)
  return {
    id: identity.agentId,
    async tell(what) {
      sequence++
      const beat: HeartbeatRequest = {
        version: '1',
        addresses: [],
        counters: {},
        host: {},
        swarm: [],
        credentialSerial: 0,
        revocationsVersion: -1,
        report: { run: 1, sequence, base: null, gone: [], problems: [], earlier: [] },
        ...what
      }
      await client.ask(roads, apiPaths.heartbeat, beat, heartbeatResponseShape)
    },
    close: () => client.close()
  }
}

/** Joins with the ticket and reports once. @returns its id */
export async function joinAndTell(ticket: string, tells: Partial<HeartbeatRequest>): Promise<AgentId> {
  const made = await joinAsMade(ticket)
  try {
    await made.tell(tells)
    return made.id
  } finally {
    made.close()
  }
}
