/**
 * Who is asked for what, pure: the configuration's servers and rules, brought into one shape. `proxies` and `directFallback`, the
 * short way to say it, become servers and groups like all others: there is one way behind.
 */
import { hostMatches } from '@starling/shared/content-classes/content-class.ts'
import { checkUpstream, type UpstreamRule, type UpstreamServer } from '@starling/shared/policy/upstreams.ts'
import { proxyRestMs } from './limits.ts'

export interface PlannedServer extends UpstreamServer {
  /** For people: `direct`, `gateway gw-1`, `proxy http://host:port`. */
  readonly label: string
  /** `user:password` */
  readonly credentials: string | null
}

export interface Plan {
  readonly servers: readonly PlannedServer[]
  /** Names of servers: groups in the order to try. */
  readonly groupsFor: (target: Target) => ReadonlyArray<readonly string[]>
}

export interface Target {
  readonly host: string
  readonly port: number
  /** Null: bytes that are nobody's business, which are of no class. */
  readonly contentClass: string | null
}

export interface PlanOptions {
  readonly proxies: readonly string[]
  readonly directFallback: boolean
  readonly servers: readonly UpstreamServer[]
  readonly rules: readonly UpstreamRule[]
  /** By name of the server: what its credentialsFile holds. */
  readonly credentials: ReadonlyMap<string, string>
}

/** @throws StarlingError `bad-config` */
export function planOf(options: PlanOptions): Plan {
  checkUpstream(options)
  if (options.servers.length === 0) return simplePlan(options)
  const { rules } = options
  const servers = options.servers.map(server => ({
    ...server,
    label: server.name === server.kind ? server.name : `${server.kind} ${server.name}`,
    credentials: options.credentials.get(server.name) ?? null
  }))
  const byKind = (['gateway', 'proxy', 'direct'] as const)
    .map(kind => servers.filter(server => server.kind === kind).map(({ name }) => name))
    .filter(group => group.length > 0)
  return {
    servers,
    groupsFor: target => {
      const rule = rules.find(one => matches(one, target))
      return rule === undefined ? byKind : rule.use.map(group => [group].flat())
    }
  }
}

const direct: PlannedServer = {
  name: 'direct',
  kind: 'direct',
  label: 'direct',
  credentials: null,
  weight: 1,
  maxFails: 3,
  failTimeoutMs: proxyRestMs,
  probe: null
}

function simplePlan({ proxies, directFallback }: PlanOptions): Plan {
  const viaProxies = proxies.map((text, index): PlannedServer => {
    const url = new URL(text)
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    return {
      ...direct,
      name: `proxy-${index + 1}`,
      kind: 'proxy',
      label: `proxy ${url.origin}`,
      url: url.origin,
      credentials: url.username === '' ? null : credentials
    }
  })
  const servers = viaProxies.length === 0 || directFallback ? [...viaProxies, direct] : viaProxies
  const groups = servers.map(({ name }) => [name])
  return { servers, groupsFor: () => groups }
}

function matches({ hosts, classes }: UpstreamRule, target: Target): boolean {
  if (classes !== undefined && (target.contentClass === null || !classes.includes(target.contentClass)))
    return false
  return hosts === undefined || hosts.some(pattern => isMeant(pattern, target))
}

function isMeant(pattern: string, target: Target): boolean {
  const [name, port] = pattern.split(':')
  const host = target.host.toLowerCase().replace(/\.$/, '')
  return hostMatches(name ?? '', host) && (port === undefined || Number(port) === target.port)
}
