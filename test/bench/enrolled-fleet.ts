/** Thousands of agents that have joined already: what the benches of the coordinator measure is not how they did. */
import { writeFileSync } from 'node:fs'
import { createIdentity } from '@starling/agent/identity/keys.ts'
import { createLog } from '@starling/coordinator/log.ts'
import { openDatabase, type DatabasePlace } from '@starling/coordinator/store/open.ts'
import type { AgentId } from '@starling/shared/ids.ts'

export interface AgentKey {
  readonly id: AgentId
  /** PKCS #8 in PEM. */
  readonly key: string
}

/** An office in each: neither one crowd nor a site for each agent. */
const agentsPerSite = 500
/** SQLite takes 32,766 values in a statement. */
const rowsAtOnce = 1000

export function makeKeys(count: number): AgentKey[] {
  return Array.from({ length: count }, () => {
    const { agentId, nodeKey } = createIdentity()
    return { id: agentId, key: String(nodeKey.export({ format: 'pem', type: 'pkcs8' })) }
  })
}

export function writeKeys(path: string, keys: readonly AgentKey[]): string {
  writeFileSync(path, JSON.stringify(keys), { mode: 0o600 })
  return path
}

/** Straight into the database, while no coordinator runs on it (SQLite), or none needs to hear of it. */
export async function enrolAll(place: DatabasePlace, agents: readonly AgentId[]): Promise<void> {
  const database = await openDatabase(place, createLog('silent'))
  try {
    const enrolled = { role: 'agent' as const, group: null, version: '1', enrolledAt: 0, lastHeardAt: null }
    const rows = agents.map((agent, at) => ({
      ...enrolled,
      agent,
      site: `site-${Math.floor(at / agentsPerSite)}`
    }))
    for (let from = 0; from < rows.length; from += rowsAtOnce) {
      await database.db
        .insertInto('agents')
        .values(rows.slice(from, from + rowsAtOnce))
        .execute()
    }
  } finally {
    await database.close()
  }
}
