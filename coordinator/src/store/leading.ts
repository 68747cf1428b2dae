/** Which of the works that one coordinator does for all is done by this one. */
import type { Database } from './database.ts'

export interface Leading {
  readonly leader: (name: string, onLeader: (until: AbortSignal) => void) => () => void
  readonly leads: () => Readonly<Record<string, boolean>>
}

export function watchLeading(database: Pick<Database, 'leader'>): Leading {
  const leads: Record<string, boolean> = {}
  return {
    leads: () => ({ ...leads }),
    leader: (name, onLeader) => {
      leads[name] = false
      return database.leader(name, until => {
        leads[name] = true
        until.addEventListener('abort', () => void (leads[name] = false), { once: true })
        onLeader(until)
      })
    }
  }
}
