/** The machine, what policy comes to on it at the start, and what is kept there: content lies where policy has it. */
import { effectivePolicy, type Effective } from '@starling/shared/policy/effective.ts'
import { nothingMeasured } from '@starling/shared/policy/host-facts.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { policyOf } from '../config-policy.ts'
import type { AgentConfig } from '../config.ts'
import { createHost, type Host } from '../host/host.ts'
import type { SystemReader } from '../host/systems.ts'
import type { Log } from '../log.ts'
import type { StorePort } from '../ports.ts'
import type { Stops } from '../stops.ts'
import { createStore } from '../store/store.ts'
import { contentPlaceAt, limitsOf } from './content-folder.ts'

/** At the start what takes longer is not waited for: a machine that has just booted. */
const firstLookMsMax: Millis = 5 * secondMs

/** @throws StarlingError as createStore */
export async function openMachine(
  parts: {
    readonly system: SystemReader
    readonly hostChanged: () => void
    readonly log: Log
    readonly stops: Stops
  },
  config: AgentConfig
): Promise<{
  readonly host: Host
  readonly store: StorePort
  readonly atStart: Effective
  /** For people: what is not as policy has it. Null: nothing. */
  readonly trouble: string | null
}> {
  const { log, stops } = parts
  let contentFolder: string | null = null
  const host = createHost({
    system: parts.system,
    cacheFolder: () => contentFolder ?? config.dataFolder,
    changed: parts.hostChanged,
    log
  })
  stops.push(() => {
    host.stop()
  })
  await host.start(firstLookMsMax)
  const atStart = effectivePolicy({
    policy: policyOf(config),
    host: host.now(),
    time: null,
    measured: nothingMeasured
  })
  const { folder, trouble } = await contentPlaceAt(atStart.cache.place, process)
  if (trouble !== null) log.error(trouble)
  contentFolder = folder
  const store = await createStore(
    { log },
    { folder: config.dataFolder, contentFolder, ...limitsOf(atStart.cache) }
  )
  stops.push(() => store.close())
  return { host, store, atStart, trouble }
}
