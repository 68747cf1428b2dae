/**
 * What policy comes to on this machine, now: values from wherever they are set, the machine's state and the hour, made into decisions by
 * the pure function that the coordinator uses too (shared/policy/effective.ts). Whoever acts by it is told when something of it changes.
 */
import { isDeepStrictEqual } from 'node:util'
import { effectivePolicy, type Effective } from '@starling/shared/policy/effective.ts'
import type { HostFacts, Measured } from '@starling/shared/policy/host-facts.ts'
import { policyFields, policyDefaults, type WholePolicy } from '@starling/shared/policy/policy.ts'
import { minuteMs, secondMs } from '@starling/shared/units.ts'
import { chunkBytesDefault } from '@starling/shared/chunking.ts'
import type { Role } from '@starling/shared/credential.ts'
import type { ConfigSetting, PolicyView, Sharing } from './ports.ts'
import type { CorePolicy } from '@starling/shared/policy/core-policy.ts'

export interface PolicyState {
  now(): Effective
  /** From now on changes are told. Before, nobody could act by them. */
  start(): void
  /** Something that it depends on may have changed. */
  look(): void
  /**
   * @param settings where values come from; empty: a program has set them
   * @param waiting what some of them become at the next start
   */
  view(settings: readonly ConfigSetting[], waiting: readonly ConfigSetting[]): PolicyView
  stop(): void
}

export interface PolicyParts {
  readonly policy: () => WholePolicy
  readonly host: () => HostFacts
  readonly measured: () => Measured
  readonly changed: (next: Effective, before: Effective) => void
  readonly wall?: () => Date
}

export function createPolicyState(parts: PolicyParts): PolicyState {
  const { wall = () => new Date() } = parts
  const compute = (): Effective => {
    const at = wall()
    const time = { day: at.getDay(), minute: at.getHours() * 60 + at.getMinutes() }
    return effectivePolicy({ policy: parts.policy(), host: parts.host(), time, measured: parts.measured() })
  }
  let current = compute()
  let timer: NodeJS.Timeout | null = null
  function look(): void {
    if (timer === null) return
    const next = compute()
    if (isDeepStrictEqual(next, current)) return
    const before = current
    current = next
    parts.changed(next, before)
  }
  return {
    now: () => current,
    start() {
      // Hours begin and months end.
      timer = setInterval(look, minuteMs)
      timer.unref()
      look()
    },
    look,
    view(settings, waiting) {
      const later = new Map(waiting.map(({ path, value, origin }) => [path, { value, origin }]))
      const origins = new Map(settings.map(({ path, origin }) => [path, origin]))
      const policy: Readonly<Record<string, unknown>> = parts.policy()
      const values = policyFields.map(({ name, configKey }) => ({
        name,
        value: policy[name],
        origin: origins.get(configKey) ?? {
          kind: isDeepStrictEqual(policy[name], policyDefaults[name])
            ? ('default' as const)
            : ('program' as const),
          name: '',
          line: null,
          column: null
        },
        waiting: later.get(configKey) ?? null
      }))
      return { values, host: parts.host(), measured: parts.measured(), effective: current }
    },
    stop() {
      if (timer !== null) clearInterval(timer)
      timer = null
    }
  }
}

/**
 * A gateway is there for its site, and its admin has put it there: what policy asks of endpoints before they share (memory, batteries, VPNs) is
 * not asked of it.
 */
export function corePolicyOf(
  { core, minBackgroundBytesPerSecond }: Effective,
  role: Role,
  { uploadSlots }: WholePolicy
): CorePolicy {
  // DOMinBackgroundQos: when the next chunk has not come in the time that it takes at that speed, it is fetched over the WAN.
  const chunkMs =
    minBackgroundBytesPerSecond === null
      ? Infinity
      : Math.ceil((chunkBytesDefault * secondMs) / minBackgroundBytesPerSecond)
  const delayBackgroundDownloadFromHttpMs = Math.min(core.delayBackgroundDownloadFromHttpMs, chunkMs)
  const endpoint = { ...core, delayBackgroundDownloadFromHttpMs }
  return role === 'gateway' ? { ...endpoint, uploadSlots, upstreamWeight: 1000 } : endpoint
}

export function sharingOf({ peers, upload, uploadToOtherSites, cache }: Effective, role: Role): Sharing {
  const { contentBytesMin } = cache
  if (role === 'gateway')
    return { scope: 'site', within: 'all', gives: true, givesToOtherSites: true, contentBytesMin }
  return {
    scope: peers.scope,
    within: peers.within,
    gives: upload.allowed,
    givesToOtherSites: uploadToOtherSites.allowed,
    contentBytesMin
  }
}
