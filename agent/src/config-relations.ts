/**
 * What settings have to do with each other and with the machine, in one table of pure functions. `starling config check` tells
 * what they find; at the start of an agent and whenever its file changes an error refuses the configuration, a warning is
 * logged and shown.
 *
 * A warning about defaults alone is not told: nobody wrote them, so nobody can have meant something else.
 */
import { isIP } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { classesWith, genericClass } from '@starling/shared/content-classes/classes.ts'
import type { ContentClass } from '@starling/shared/content-classes/content-class.ts'
import { messageOf } from '@starling/shared/errors.ts'
import { unreachableRules } from '@starling/shared/policy/access.ts'
import { policyDefaults, type PolicyName } from '@starling/shared/policy/policy.ts'
import { policyProblems } from '@starling/shared/policy/problems.ts'
import { bytesToText } from '@starling/shared/policy/quantities.ts'
import { parseTicket } from '@starling/shared/ticket.ts'
import { valueAt, type ConfigReading } from './config-sources.ts'
import type { Surroundings } from './config-surroundings.ts'
import { settings, type AgentConfig } from './config.ts'
import type { ConfigOrigin, ConfigProblem } from './ports.ts'
import {
  classFindings,
  partText,
  upstreamFindings,
  type UpstreamFinding
} from '@starling/shared/policy/upstreams.ts'

export interface Relation {
  readonly severity: ConfigProblem['severity']
  /** What it finds wrong: which settings are concerned, those first that are likely to be the mistake, and a sentence. */
  readonly look: (config: AgentConfig, around: Surroundings) => readonly Finding[]
}

export interface Finding {
  readonly about: readonly string[]
  /** Of the first of these, the part that is meant. */
  readonly part?: readonly PropertyKey[]
  readonly message: string
}

/** The common shape: about these settings, one sentence or none. */
const relation = (
  severity: Relation['severity'],
  about: readonly string[],
  says: (config: AgentConfig, around: Surroundings) => string | null
): Relation => ({
  severity,
  look: (config, around) => {
    const message = says(config, around)
    return message === null ? [] : [{ about, message }]
  }
})

export const relations: readonly Relation[] = [
  { severity: 'error', look: sharedPorts },
  { severity: 'error', look: upstreamsThatAreThisOne },
  { severity: 'error', look: config => policyFindings(config, 'error') },
  { severity: 'warning', look: config => policyFindings(config, 'warning') },
  { severity: 'error', look: ({ upstream }) => upstreamFindings(upstream).map(ofUpstream) },
  {
    severity: 'error',
    look: ({ upstream, contentClasses }) =>
      classFindings(upstream.rules, classIds(contentClasses)).map(ofUpstream)
  },
  relation('error', ['role', 'fleetSecretFile'], gatewayWithSecret),
  // Found out later it would keep an agent from starting whose ticket a policy mistyped; so it is passed over like all in the registry.
  relation('error', ['ticket'], ({ ticket }) => {
    try {
      if (ticket !== null) parseTicket(ticket)
      return null
    } catch (error) {
      return messageOf(error)
    }
  }),
  relation('error', ['upstream.allowPrivate'], ({ upstream }, { upstreamRefusal }) => {
    try {
      upstreamRefusal(upstream.allowPrivate, 'localhost', 80)
      return null
    } catch (error) {
      return messageOf(error)
    }
  }),
  {
    severity: 'warning',
    look({ proxy, upstream }, around) {
      if (proxy.wsus === null) return []
      const { host, port } = placeOf(proxy.wsus)
      const refusal = refusalOf(around, upstream.allowPrivate, host, port)
      return refusal === null ? [] : [privateWsus(refusal)]
    }
  },
  { severity: 'warning', look: mirrorsOnPrivateGround },
  {
    severity: 'warning',
    look: ({ proxy }) =>
      unreachableRules(proxy.rules).map(({ index, behind }) => ({
        about: ['proxy.rules'],
        part: [index],
        message: `stands behind ${behind}, which fits every request, so it is never looked at: move it before that one, or take it out`
      }))
  },
  relation('warning', ['intercept.enabled', 'intercept.hosts'], ({ intercept }) =>
    intercept.enabled && intercept.hosts.length === 0
      ? 'TLS interception is on, but for no host: list hosts in intercept.hosts, or turn it off'
      : null
  ),
  relation('warning', ['proxy.host', 'proxy.clients'], ({ proxy }) =>
    isLoopback(proxy.host) || proxy.clients.length > 0
      ? null
      : `listens on ${proxy.host}, but only this machine may use it: list networks in proxy.clients, or go back to 127.0.0.1`
  ),
  relation('warning', ['cacheHost.host', 'proxy.clients'], ({ cacheHost, proxy }) =>
    !cacheHost.enabled || isLoopback(cacheHost.host) || proxy.clients.length > 0
      ? null
      : `listens on ${cacheHost.host}, but only this machine may use it: list networks in proxy.clients, or go back to 127.0.0.1`
  ),
  relation('warning', ['proxy.clients'], ({ proxy, cacheHost }) =>
    proxy.clients.length === 0 ||
    !isLoopback(proxy.host) ||
    (cacheHost.enabled && !isLoopback(cacheHost.host))
      ? null
      : `lists networks, but the proxy listens on ${proxy.host}, where no other machine reaches it: set proxy.host to 0.0.0.0`
  ),
  relation('warning', ['cacheHost.announce', 'cacheHost.enabled'], ({ cacheHost }) =>
    cacheHost.announce && !cacheHost.enabled
      ? 'announces a cache host that is not there: set cacheHost.enabled to on'
      : null
  ),
  relation('warning', ['cacheHost.announce', 'role'], ({ cacheHost, role, ticket }) =>
    // With a ticket it is the coordinator who gives the role.
    cacheHost.announce && role !== 'gateway' && ticket === null
      ? 'only a gateway announces itself: set role to gateway, or leave it out where no membership makes this agent one'
      : null
  ),
  relation('warning', ['cacheHost.announce', 'cacheHost.host'], ({ cacheHost }) =>
    cacheHost.announce && cacheHost.enabled && isLoopback(cacheHost.host)
      ? `announces a cache host that other machines cannot reach: set cacheHost.host to 0.0.0.0 instead of ${cacheHost.host}`
      : null
  ),
  relation('warning', ['cache.floorBytes'], ({ cache }, { volumeBytes }) =>
    volumeBytes !== null && cache.floorBytes >= volumeBytes
      ? `nothing would ever be kept: the whole volume has ${aboutBytes(volumeBytes)}`
      : null
  ),
  relation(
    'warning',
    ['cache.quotaBytes', 'cache.floorBytes', 'cache.smallQuotaBytes'],
    ({ cache }, { volumeBytes }) => {
      const wanted = cache.quotaBytes + cache.smallQuotaBytes + cache.floorBytes
      return volumeBytes === null || wanted <= volumeBytes || cache.floorBytes >= volumeBytes
        ? null
        : `the volume of the data folder has ${aboutBytes(volumeBytes)}, and cache.floorBytes of it stay free: the cache will stop growing before this quota`
    }
  )
]

/** What is said at its default means what it would mean unsaid. */
function policyFindings({ policy }: AgentConfig, severity: Relation['severity']): Finding[] {
  const said = Object.entries(policy).filter(
    ([name, value]) => !isDeepStrictEqual(value, policyDefaults[name as PolicyName])
  )
  return policyProblems(Object.fromEntries(said))
    .filter(problem => problem.severity === severity)
    .map(({ name, message }) => ({ about: [`policy.${name}`, ...partsOf(name, said)], message }))
}

/** What is missing was written nowhere: the problem is told where its neighbours are. */
function partsOf(name: string, said: ReadonlyArray<readonly [string, unknown]>): string[] {
  const group = name.replace(/(From|To|In|Out)$/, '')
  return said
    .map(([other]) => other)
    .filter(other => other.startsWith(group))
    .map(other => `policy.${other}`)
}

type Placed = Pick<ConfigReading, 'settings' | 'partAt' | 'unknown'>

/** What the relations find, each problem where the first of its settings was given. */
export function relationProblems(
  reading: Placed & Pick<ConfigReading, 'draft'>,
  around: Surroundings,
  table: readonly Relation[] = relations
): ConfigProblem[] {
  return table.flatMap(({ severity, look }) =>
    look(reading.draft, around).flatMap(finding => problemOf(reading, severity, finding))
  )
}

/**
 * Where it was given; nothing, if nobody gave what a warning is about, or if what somebody gave is not known: then a default was
 * looked at, and what is wrong with that is no mistake of anybody's.
 */
export function problemOf(
  { settings: shown, partAt, unknown }: Placed,
  severity: Relation['severity'],
  { about, part = [], message }: Finding
): ConfigProblem[] {
  if (about.some(path => unknown.has(path))) return []
  const originOf = (path: string) => shown.find(one => one.path === path)?.origin ?? nowhere
  const given = about.find(path => originOf(path).kind !== 'default')
  if (given === undefined && severity === 'warning') return []
  const setting = given ?? about[0]!
  const origin = originOf(setting)
  if (setting !== about[0] || part.length === 0) return [{ severity, setting, origin, message }]
  return [
    { severity, setting: setting + partText(part), origin: { ...origin, ...partAt(setting, part) }, message }
  ]
}

const nowhere: ConfigOrigin = { kind: 'default', name: '', line: null, column: null }

/** Null: it may be. Also asked where a program made the configuration. */
export function gatewayWithSecret({
  fleetSecret,
  role
}: Pick<AgentConfig, 'fleetSecret' | 'role'>): string | null {
  return fleetSecret !== null && role === 'gateway'
    ? 'a fleet secret makes all members equal, so nobody would take this agent for a gateway: use role agent, or join with a ticket made with --role gateway'
    : null
}

/** Where this configuration listens. */
export interface Listener {
  /** `proxy`: what stands before `.host` and `.port`. */
  readonly name: string
  readonly host: string
  readonly port: number
}

/** Every group of settings with a host and a port is a listener, unless its `enabled` is off. */
export function listenersOf(config: AgentConfig): Listener[] {
  return settings.flatMap(({ path }) => {
    const name = path.endsWith('.port') ? path.slice(0, -'.port'.length) : null
    const host = name === null ? undefined : valueAt(config, `${name}.host`)
    if (name === null || host === undefined || valueAt(config, `${name}.enabled`) === false) return []
    const port = Number(valueAt(config, path))
    return [{ name, host: typeof host === 'string' ? host : config.listen.host, port }]
  })
}

function sharedPorts(config: AgentConfig): Finding[] {
  const listeners = listenersOf(config).filter(({ port }) => port !== 0)
  return listeners.flatMap((one, index) =>
    listeners
      .slice(0, index)
      .filter(
        other =>
          other.port === one.port &&
          (other.host === one.host || isWildcard(other.host) || isWildcard(one.host))
      )
      .map(other => ({
        about: [`${one.name}.port`, `${other.name}.port`],
        message: `${one.name} and ${other.name} cannot both listen on port ${one.port}: give one of them another`
      }))
  )
}

/** A request would come back to us, as often as it goes out. */
function upstreamsThatAreThisOne(config: AgentConfig, around: Surroundings): Finding[] {
  const ours = listenersOf(config).filter(({ name }) => name === 'proxy' || name === 'cacheHost')
  const isOurs = (address: string): boolean => {
    const { host, port } = placeOf(address)
    return ours.some(one => one.port === port && leadsTo(host, one.host, around))
  }
  const { proxies, servers } = config.upstream
  const circle = 'is this very proxy, so every request would run in a circle: take it out'
  return [
    ...proxies
      .filter(isOurs)
      .map(() => ({ about: ['upstream.proxies', 'proxy.port'], message: `one of these ${circle}` })),
    ...servers.flatMap(({ url }, index) =>
      url !== undefined && isOurs(url)
        ? [{ about: ['upstream.servers', 'proxy.port'], part: [index, 'url'], message: circle }]
        : []
    ),
    ...mirrorAddresses(config)
      .filter(({ url }) => isOurs(url))
      .map(({ part }) => ({ about: ['mirrors', 'proxy.port'], part, message: circle }))
  ]
}

/** What mirrors stand for, and where that is written. */
export function mirrorAddresses({
  mirrors
}: AgentConfig): Array<{ readonly url: string; readonly part: readonly PropertyKey[] }> {
  return mirrors.flatMap((mirror, index) => [
    { url: mirror.upstream, part: [index, 'upstream'] },
    ...(mirror.kind === 'go' && mirror.sumdb !== null
      ? [{ url: mirror.sumdb.url, part: [index, 'sumdb', 'url'] }]
      : [])
  ])
}

function mirrorsOnPrivateGround(config: AgentConfig, around: Surroundings): Finding[] {
  return mirrorAddresses(config).flatMap(({ url, part }) => {
    const { host, port } = placeOf(url)
    const refusal = refusalOf(around, config.upstream.allowPrivate, host, port)
    return refusal === null ? [] : [privateMirror(part, refusal)]
  })
}

export const privateWsus = (refusal: string): Finding => ({
  about: ['proxy.wsus', 'upstream.allowPrivate'],
  message: `its updates would be refused: ${refusal}`
})

export const privateMirror = (part: readonly PropertyKey[], refusal: string): Finding => ({
  about: ['mirrors', 'upstream.allowPrivate'],
  part,
  message: `what is asked of it would be refused: ${refusal}`
})

/** @param url http or https */
export function placeOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port, protocol } = new URL(url)
  return { host: bare(hostname), port: Number(port === '' ? (protocol === 'https:' ? 443 : 80) : port) }
}

export const ofUpstream = ({ setting, part, message }: UpstreamFinding): Finding => ({
  about: [setting],
  part,
  message
})

const classIds = (extra: readonly ContentClass[]): string[] =>
  [...classesWith(extra), genericClass].map(({ id }) => id)

function leadsTo(host: string, listening: string, { ownAddresses, hostName }: Surroundings): boolean {
  if (host === listening) return true
  if (isLoopback(host)) return isLoopback(listening) || isWildcard(listening)
  const isOwn = ownAddresses.includes(host) || host.toLowerCase() === hostName.toLowerCase()
  return isOwn && (isWildcard(listening) || ownAddresses.includes(listening)) && !isLoopback(listening)
}

function refusalOf(around: Surroundings, list: readonly string[], host: string, port: number): string | null {
  try {
    return around.upstreamRefusal(list, host, port)
  } catch {
    // The list itself is wrong; another relation tells that.
    return null
  }
}

const bare = (host: string) => host.replace(/^\[(.*)\]$/, '$1')
const isWildcard = (host: string) => host === '0.0.0.0' || host === '::'
const isLoopback = (host: string) =>
  host === '::1' || host.toLowerCase() === 'localhost' || (isIP(host) === 4 && host.startsWith('127.'))

/** A volume's size is never round: to a tenth of a GiB. */
function aboutBytes(bytes: number): string {
  const tenths = Math.round((bytes / 2 ** 30) * 10)
  return tenths === 0 ? bytesToText(bytes) : `${tenths / 10}GiB`
}
