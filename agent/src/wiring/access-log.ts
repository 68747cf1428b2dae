/** The access log, whose first line says what has changed of the configuration since this agent ran last. */
import type { Role } from '@starling/shared/credential.ts'
import { createAccessLog, type AccessLog, type AccessLogRules } from '../access-log/access-log.ts'
import { changesOf, shownConfig } from '../config-changes.ts'
import { filesIn, type AgentConfig } from '../config.ts'
import type { Log } from '../log.ts'
import type { StorePort } from '../ports.ts'
import type { Stops } from '../stops.ts'
import { remembered } from './memory.ts'

export async function openAccessLog(
  {
    store,
    log,
    stops
  }: {
    readonly store: Pick<StorePort, 'recall' | 'remember'>
    readonly log: Log
    readonly stops: Stops
  },
  config: AgentConfig,
  role: Role
): Promise<AccessLog> {
  const accessLog = createAccessLog(
    { log },
    {
      ...accessLogRules(config, role),
      folder: filesIn(config.dataFolder).logs
    }
  )
  stops.push(() => accessLog.close())
  const shown = shownConfig(config)
  const changed = changesOf(await store.recall(remembered.config), shown)
  if (changed !== null) accessLog.audit({ who: 'start', what: 'config', detail: changed })
  await store.remember(remembered.config, shown)
  return accessLog
}

/** What it takes up while it runs. */
export function accessLogRules({ accessLog }: Pick<AgentConfig, 'accessLog'>, role: Role): AccessLogRules {
  const { enabled, ...rules } = accessLog
  return { ...rules, requests: enabled === 'auto' ? role === 'gateway' : enabled === 'on' }
}
