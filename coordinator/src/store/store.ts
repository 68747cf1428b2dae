/** All subjects of the store over one database: what the rest of the coordinator is handed. */
import type { Log } from '../log.ts'
import type { CoordinatorStore } from '../ports.ts'
import { agentStore } from './agents.ts'
import type { Database } from './database.ts'
import { eventStore } from './events.ts'
import { purgeStore } from './purges.ts'
import { ticketStore } from './tickets.ts'

/** Close it before its database: what was gathered is written then. */
export function createStore(database: Database, log: Log): CoordinatorStore {
  const agents = agentStore(database, log)
  return {
    ...agents,
    ...ticketStore(database),
    ...purgeStore(database),
    ...eventStore(database),
    close: () => agents.close()
  }
}
