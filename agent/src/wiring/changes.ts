/** What the running parts do about a changed configuration, and about policy that comes to something else. */
import { isDeepStrictEqual } from 'node:util'
import type { Role } from '@starling/shared/credential.ts'
import type { Effective } from '@starling/shared/policy/effective.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { AccessLog } from '../access-log/access-log.ts'
import type { AgentConfig } from '../config.ts'
import type { CorePolicy } from '../core/events.ts'
import type { Intercept } from '../intercept/intercept.ts'
import type { Log } from '../log.ts'
import { sharingOf, type PolicyState } from '../policy-state.ts'
import type { Emit, PeersPort, StorePort } from '../ports.ts'
import type { Proxy } from '../proxy/http-proxy.ts'
import { accessLogRules } from './access-log.ts'
import { limitsOf } from './content-folder.ts'
import { proxyRules } from './proxy.ts'
import type { WiredUpstream } from './upstream.ts'

/** What can be taken over of a changed configuration (config-live.ts). @throws StarlingError when a part refuses it */
export function applyConfig(
  parts: {
    readonly upstream: Pick<WiredUpstream, 'allowPrivate' | 'followBy'>
    /** What was prepared for it upstream. */
    readonly goOver: () => void
    readonly accessLog: Pick<AccessLog, 'reconfigure'>
    readonly role: Role
    /** Null: it was off when the agent started, and stays so. */
    readonly intercept: Pick<Intercept, 'follow'> | null
    /** Null: it is not up yet. */
    readonly proxy: Pick<Proxy, 'reconfigure'> | null
    readonly policy: Pick<PolicyState, 'now' | 'look'>
    readonly network: Pick<PeersPort, 'hint'>
    readonly log: Log
  },
  next: AgentConfig,
  before: AgentConfig
): void {
  const { upstream, goOver, proxy, policy, network, log } = parts
  // First what may refuse.
  upstream.allowPrivate([...next.upstream.allowPrivate, ...policy.now().cacheHosts.hosts])
  upstream.followBy(next.proxy.rules)
  proxy?.reconfigure(proxyRules(next))
  // Behind all others that may: what is read for it need not be there for the way back.
  goOver()
  parts.accessLog.reconfigure(accessLogRules(next, parts.role))
  if (!isDeepStrictEqual(next.intercept.hosts, before.intercept.hosts))
    void parts.intercept?.follow(next.intercept.hosts)
  // Its children follow.
  log.level = next.logLevel
  policy.look()
  const added = next.staticPeers.filter(peer => !before.staticPeers.includes(peer))
  if (added.length > 0) network.hint([{ id: null, addresses: added }])
}

/** Policy comes to something else than before: it was changed, or the machine or the hour has. */
export function followPolicy(
  parts: {
    readonly corePolicy: () => CorePolicy
    readonly role: Role
    /** Where it is, is not told by a coordinator. */
    readonly findsItsSite: boolean
    readonly allowedPrivate: readonly string[]
    readonly upstream: Pick<WiredUpstream, 'allowPrivate'>
    readonly network: Pick<PeersPort, 'regroup'>
    readonly store: Pick<StorePort, 'limit'>
    readonly lookAtDisk: (withinMs: Millis) => void
    readonly emit: Emit
    readonly placedElsewhere: (why: string) => void
    readonly log: Log
  },
  next: Effective,
  before: Effective
): void {
  const { role, emit } = parts
  emit({ type: 'policy-changed', policy: parts.corePolicy() })
  const sharing = sharingOf(next, role)
  if (!isDeepStrictEqual(sharing, sharingOf(before, role))) emit({ type: 'sharing-changed', sharing })
  if (!isDeepStrictEqual(next.peers, before.peers)) parts.network.regroup('policy')
  if (!isDeepStrictEqual(next.cache, before.cache)) {
    parts.store.limit(limitsOf(next.cache))
    parts.lookAtDisk(0)
  }
  if (!isDeepStrictEqual(next.cacheHosts.hosts, before.cacheHosts.hosts))
    parts.upstream.allowPrivate([...parts.allowedPrivate, ...next.cacheHosts.hosts])
  if (parts.findsItsSite && next.site.id !== before.site.id)
    parts.placedElsewhere(`This machine is at site ${next.site.id} now (${next.site.why})`)
  const { peering, upload } = next
  parts.log.info({ peering, upload }, 'policy comes to something else than before')
}
