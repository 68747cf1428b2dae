/** What people may see of the agent beside its status, out of the parts that know it. */
import { messageOf } from '@starling/shared/errors.ts'
import type { SiteId } from '@starling/shared/ids.ts'
import type { BulkTls } from '../bulk/bulk-tls.ts'
import { strayClients } from '../client-settings/astray.ts'
import { journalFrom } from '../client-settings/journal.ts'
import type { LiveConfig } from '../config-reload.ts'
import { filesIn, type AgentConfig } from '../config.ts'
import type { AgentCoreMachine } from '../core/agent.ts'
import type { Flows } from '../flows/flows.ts'
import type { Host } from '../host/host.ts'
import { readSecretFile } from '../identity/secret-file.ts'
import type { Trust } from '../identity/trust.ts'
import type { HealthFacts } from '../insight/health.ts'
import { createInsight, type RunningInsight } from '../insight/insight.ts'
import type { Log } from '../log.ts'
import type { MetPeers } from '../met-peers.ts'
import type { PolicyState } from '../policy-state.ts'
import type { PageActions, PeersPort, StorePort } from '../ports.ts'
import type { Reporter } from '../report.ts'
import { remembered } from './memory.ts'
import type { Shown } from './status.ts'

export async function openInsight(parts: {
  readonly mind: AgentCoreMachine
  readonly about: Shown['about']
  readonly status: Shown['status']
  readonly store: StorePort
  readonly flows: Pick<Flows, 'totals'>
  readonly network: PeersPort
  readonly bulk: Pick<BulkTls, 'port'>
  readonly metPeers: MetPeers
  readonly site: SiteId
  readonly reporter: Reporter
  readonly policy: PolicyState
  /** DODownloadMode. */
  readonly mode: () => number
  readonly host: Host
  readonly live: LiveConfig
  readonly showPolicy: PageActions['showPolicy']
  readonly trust: Trust
  /** Where it listens as a cache host; null: it does not. */
  readonly cacheHostPort: () => number | null
  readonly config: AgentConfig
  readonly log: Log
}): Promise<RunningInsight> {
  const { config, store, live, metPeers, policy, site } = parts
  return createInsight({
    about: parts.about,
    status: parts.status,
    core: parts.mind,
    store,
    totals: () => parts.flows.totals(),
    peers: () => parts.network,
    kindOf(peer) {
      const theirs = metPeers.siteOf(peer)
      return {
        isGateway: metPeers.roleOf(peer) === 'gateway',
        isOfOtherSite: theirs !== null && theirs !== site
      }
    },
    bans: () => parts.reporter.bans(),
    effective: () => policy.now(),
    mode: parts.mode,
    host: () => parts.host.now(),
    showConfig: () => live.settings(),
    showPolicy: parts.showPolicy,
    configProblems: () => live.problems(),
    waiting: () => live.waiting(),
    clockOffsetMs: () => parts.trust.now() - Date.now(),
    strayClients: port => readStrayClients(config.dataFolder, port, parts.cacheHostPort()),
    mdns: config.mdns,
    bulkPort: () => parts.bulk.port,
    kept: await store.recall(remembered.history),
    remember: history => store.remember(remembered.history, history),
    log: parts.log
  })
}

/** As a sentence why it cannot be told, where notes cannot be read. */
async function readStrayClients(
  dataFolder: string,
  proxy: number,
  cacheHost: number | null
): Promise<HealthFacts['strayClients']> {
  const path = filesIn(dataFolder).clientSettings
  try {
    return strayClients(journalFrom(await readSecretFile(path), path), { proxy, cacheHost })
  } catch (error) {
    return messageOf(error)
  }
}
