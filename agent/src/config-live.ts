/**
 * Which settings a running agent can take over, and what becomes of a new configuration: what can change does, the rest stays as it
 * was started until the next start. A setting that is not listed here needs a restart, which is the safe answer for a new one.
 */
import { isDeepStrictEqual } from 'node:util'
import { valueAt } from './config-sources.ts'
import { settings, type AgentConfig } from './config.ts'

/** By path, or by the group it is in (with a dot at the end); the closest counts. True where every change will do. */
const live: Readonly<Record<string, boolean | ((now: unknown, next: unknown) => boolean)>> = {
  'policy.': true,
  // What is kept there is not carried over while it is read.
  'policy.DOModifyCacheDrive': false,
  'cache.quotaBytes': true,
  'cache.floorBytes': true,
  logLevel: true,
  coordinatorAddresses: true,
  contentClasses: true,
  'proxy.clients': true,
  'proxy.connectHosts': true,
  'proxy.connectPorts': true,
  'proxy.wsus': true,
  'proxy.pacHosts': true,
  'proxy.rules': true,
  'proxy.limits.': true,
  // Node takes it once, with the server that listens.
  'proxy.limits.headerBytes': false,
  mirrors: true,
  'accessLog.': true,
  // What the CA may not name is tunnelled and people are told, as after a restart: that would not mend it.
  'intercept.hosts': true,
  'cacheHost.origins': true,
  'upstream.': true,
  // Who is dialled already stays so.
  staticPeers: (now, next) => (now as string[]).every(peer => (next as string[]).includes(peer))
}

export interface TakeOver {
  /** What is in force from now on. Values that did not change are the very same objects. */
  readonly config: AgentConfig
  readonly taken: readonly string[]
  readonly waiting: readonly string[]
}

export function takeOver(running: AgentConfig, next: AgentConfig): TakeOver {
  const taken: string[] = []
  const waiting: string[] = []
  let config = running
  for (const { path } of settings) {
    const [now, then] = [valueAt(running, path), valueAt(next, path)]
    if (isDeepStrictEqual(now, then)) continue
    if (canChange(path, now, then)) {
      taken.push(path)
      config = withValue(config, path, then)
    } else waiting.push(path)
  }
  // What the secret is read from is of no importance.
  if (!isDeepStrictEqual(running.fleetSecret, next.fleetSecret)) waiting.push('fleet secret')
  return { config, taken, waiting }
}

function canChange(path: string, now: unknown, next: unknown): boolean {
  const groups = [...path.matchAll(/\./g)].map(({ index }) => path.slice(0, index + 1)).toReversed()
  const rule = [path, ...groups].map(name => live[name]).find(one => one !== undefined) ?? false
  return typeof rule === 'function' ? rule(now, next) : rule
}

function withValue<Whole extends object>(whole: Whole, path: string, value: unknown): Whole {
  const [name, ...deeper] = path.split('.')
  const inner = (whole as Record<string, unknown>)[name!]
  const next = deeper.length === 0 ? value : withValue(inner as object, deeper.join('.'), value)
  return { ...whole, [name!]: next }
}
