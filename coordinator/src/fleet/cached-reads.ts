/**
 * What each heartbeat asks of the database, kept in memory until the database says that it has changed: 667 heartbeats a second
 * are no queries at all. What is read while something changes is used once and not kept.
 */
import type { PurgeNews } from '@starling/shared/coordinator-api.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { AgentRecord, AgentStore, Listen, PurgeStore } from '../ports.ts'

export interface CachedReads
  extends Pick<AgentStore, 'agent' | 'revocations'>, Pick<PurgeStore, 'purgesAfter'> {
  stop(): void
}

export function cachedReads(
  listen: Listen,
  store: Pick<AgentStore, 'agent' | 'revocations'> & Pick<PurgeStore, 'purgesAfter'>
): CachedReads {
  const members = new Map<AgentId, AgentRecord>()
  let changes = 0
  let revocations: Awaited<ReturnType<AgentStore['revocations']>> | null = null
  let newestPurge: number | null = null

  async function keep<Value>(read: () => Promise<Value>, put: (value: Value) => void): Promise<Value> {
    const before = changes
    const value = await read()
    if (changes === before) put(value)
    return value
  }

  const undo = [
    listen('agents', agent => {
      changes++
      if (agent === null) members.clear()
      else members.delete(agent)
    }),
    listen('revocations', () => {
      changes++
      revocations = null
    }),
    listen('purges', () => {
      changes++
      newestPurge = null
    })
  ]
  return {
    async agent(agent) {
      return (
        members.get(agent) ??
        (await keep(
          () => store.agent(agent),
          record => {
            if (record !== null) members.set(agent, record)
          }
        ))
      )
    },
    revocations: async () =>
      revocations ??
      (await keep(
        () => store.revocations(),
        value => void (revocations = value)
      )),
    async purgesAfter(number, countMax): Promise<PurgeNews> {
      if (newestPurge !== null && number === newestPurge) return { version: newestPurge, list: [] }
      return await keep(
        () => store.purgesAfter(number, countMax),
        ({ version }) => void (newestPurge = version)
      )
    },
    stop() {
      for (const step of undo) step()
    }
  }
}
