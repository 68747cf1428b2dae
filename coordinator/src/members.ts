/**
 * Keeps what the core knows of who belongs as the database has it, whichever coordinator enrolled or revoked them: an
 * agent that joined at another may send its next heartbeat here.
 */
import { messageOf } from '@starling/shared/errors.ts'
import type { Log } from './log.ts'
import type { AgentRecord, AgentStore, FleetPort, Listen } from './ports.ts'

/** Resolves when all members are known for the first time. @returns how to stop following */
export async function followMembers(
  listen: Listen,
  store: Pick<AgentStore, 'agents' | 'agent'>,
  fleet: Pick<FleetPort, 'enrolled' | 'revoked'>,
  log: Log
): Promise<() => void> {
  const known = Promise.withResolvers<void>()

  function take({ agent, site, role, revokedAt }: AgentRecord): void {
    if (revokedAt === null) fleet.enrolled(agent, site, role)
    else fleet.revoked(agent)
  }

  async function heard(changed: string | null): Promise<void> {
    if (changed === null) {
      for (const record of await store.agents()) take(record)
      known.resolve()
      return
    }
    const record = await store.agent(changed)
    if (record !== null) take(record)
  }

  const stop = listen('agents', changed => {
    heard(changed).catch((error: unknown) => {
      // When the database is back, we are told that something was missed.
      log.warn({ why: messageOf(error) }, 'could not read who belongs')
      known.reject(error)
    })
  })
  try {
    await known.promise
  } catch (error) {
    stop()
    throw error
  }
  return stop
}
