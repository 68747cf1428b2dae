/**
 * What an agent can be told, in one schema: every field has its default, its limits and the reason for both beside it,
 * and the names in the environment and on the command line are made from its name. Where values come from, and who wins,
 * is in config-sources.ts.
 *
 * Secrets are no fields here: the fleet secret comes from a file or the environment and never from the command line, where
 * every user of the machine could read it.
 */
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import type { ContentClass } from '@starling/shared/content-classes/content-class.ts'
import type { Role } from '@starling/shared/credential.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { SiteId } from '@starling/shared/ids.ts'
import {
  choiceField,
  countField,
  factsOf,
  listField,
  millisField,
  objectsField,
  switchField,
  textField,
  type FieldFacts
} from '@starling/shared/policy/fields.ts'
import { policySchema, type PolicyRules } from '@starling/shared/policy/policy.ts'
import { minuteMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { z } from 'zod'
import {
  accessLogShape,
  isHostPattern,
  limitsShape,
  type AccessLogConfig,
  type ClientLimits,
  type ProxyRule
} from '@starling/shared/policy/access.ts'
import { anyPort, configShape } from '@starling/shared/policy/config-fields.ts'
import { machineShape } from '@starling/shared/policy/machine-only.ts'
import { mirrorsSchema, type MirrorConfig } from './mirror-config.ts'
import type { UpstreamRule, UpstreamServer } from '@starling/shared/policy/upstreams.ts'

export interface Endpoint {
  readonly host: string
  /** 0 lets the system choose; the one chosen is in `<data>/agent.json`. */
  readonly port: number
}

export interface AgentConfig {
  /** Absolute. Holds key, membership, index and content; one agent at a time owns it. */
  readonly dataFolder: string
  /** For other agents (libp2p over TCP). */
  readonly listen: Endpoint
  /** For chunks between agents (TLS 1.3); null host: the one of `listen`. */
  readonly bulk: { readonly host: string | null; readonly port: number }
  /** For HTTP clients of this machine, and of the networks that are listed. */
  readonly proxy: Endpoint & {
    readonly connectPorts: readonly string[]
    readonly connectHosts: readonly string[]
    readonly clients: readonly string[]
    /** `http://wsus.corp.example:8530`; null: none. */
    readonly wsus: string | null
    readonly pacHosts: readonly string[]
    readonly rules: readonly ProxyRule[]
    readonly limits: ClientLimits
  }
  readonly accessLog: AccessLogConfig
  /** TLS interception: for these hosts (never for those of never-intercepted.ts), under a CA of our own. */
  readonly intercept: { readonly enabled: boolean; readonly hosts: readonly string[] }
  /** For Delivery Optimization, whose policy names hosts and no ports. */
  readonly cacheHost: Endpoint & {
    readonly enabled: boolean
    readonly origins: readonly string[]
    readonly announce: boolean
  }
  /** For the page, the API and the command line; loopback only. */
  readonly page: Endpoint
  readonly site: SiteId
  readonly role: Role
  /** To join with at start, when the data folder holds no membership yet. */
  readonly ticket: string | null
  /** `https://host:port`, asked before those that the ticket and the membership have. */
  readonly coordinatorAddresses: readonly string[]
  /** 32 bytes; null: none. Never logged, never shown. */
  readonly fleetSecret: Uint8Array | null
  /** Multiaddrs to dial, with or without /p2p/<agent id>. */
  readonly staticPeers: readonly string[]
  readonly mdns: boolean
  /** Whether what enrolled agents without role gateway sign counts at their site while no gateway is at work. */
  readonly membersMaySign: boolean
  readonly upstream: {
    /** HTTP proxies between us and the origins, tried in order. */
    readonly proxies: readonly string[]
    /** Whether to go directly when no proxy answers. */
    readonly directFallback: boolean
    /** Hosts, addresses or networks (CIDR) on private ground that may be asked although they are private. */
    readonly allowPrivate: readonly string[]
    /** In place of `proxies` and `directFallback`. */
    readonly servers: readonly UpstreamServer[]
    /** The first that matches says which servers are asked; none: all. */
    readonly rules: readonly UpstreamRule[]
    /** A server that has not begun to answer is not waited for alone, but not before so long; 0: it is. */
    readonly hedgeMsMin: Millis
  }
  readonly cache: {
    readonly quotaBytes: Bytes
    /** For small responses, beside the quota. */
    readonly smallQuotaBytes: Bytes
    /** What must stay free on the volume. */
    readonly floorBytes: Bytes
  }
  readonly policy: PolicyRules
  /** Beside those that every agent knows; give all agents of a site the same (class-schema.ts says why). */
  readonly contentClasses: readonly ContentClass[]
  /** What `/m/<name>/` on the proxy's port stands for. */
  readonly mirrors: readonly MirrorConfig[]
  readonly logLevel: LogLevel
  /** A file for all that happens to this agent (trace.ts), absolute or in the data folder; null: no trace. */
  readonly trace: string | null
  /** Where spans are told, `http://host:4318`; null: where OpenTelemetry's own variables say, or nowhere. */
  readonly otlp: { readonly endpoint: string | null }
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

const address = z.string().refine(host => isIP(host) !== 0)
const multiaddrShape =
  /^\/(ip4|ip6|dns|dns4|dns6)\/[^/\s]{1,253}\/tcp\/\d{1,5}(\/p2p\/12D3KooW[1-9A-HJ-NP-Za-km-z]{44})?$/

export const configSchema = z.strictObject({
  listen: z.strictObject({
    host: textField(
      address,
      { word: 'address', form: 'an IP address of this machine, or 0.0.0.0 for all' },
      '0.0.0.0',
      {
        what: 'Address on which other agents reach this one',
        why: 'Who may speak is proven in every conversation, and laptops change their addresses'
      }
    ),
    port: machineShape.listenPort
  }),
  bulk: z.strictObject({
    host: textField<string | null>(
      address.nullable(),
      { word: 'address', form: 'an IP address of this machine, or 0.0.0.0 for all' },
      null,
      {
        what: 'Address on which other agents fetch chunks from this one',
        why: 'As for listen: they dial the address at which they have met this agent'
      }
    ),
    port: machineShape.bulkPort
  }),
  proxy: z.strictObject({
    host: textField(address, { word: 'address', form: 'an IP address of this machine' }, '127.0.0.1', {
      what: 'Address of the HTTP proxy',
      why: 'Only programs of this machine: a proxy that the LAN can use is an open proxy'
    }),
    port: machineShape.proxyPort,
    connectPorts: listField(
      z.string().regex(/^[1-9]\d{0,4}$/),
      { word: 'port', form: 'port numbers' },
      {
        what: 'Ports that tunnels (CONNECT) may go to beside 443 and 80',
        why: 'None: a tunnel to any port is a way around every firewall'
      }
    ),
    connectHosts: listField(
      z.string().refine(isHostPattern),
      { word: 'host', form: 'hosts like *.example.com, with :port where only one is meant' },
      {
        what: 'Hosts that tunnels (CONNECT) may go to; none: all',
        why: 'A proxy that browsers use must reach every site; a gateway that only serves updates can be told which'
      }
    ),
    clients: configShape.proxyClients,
    wsus: machineShape.proxyWsus,
    pacHosts: machineShape.proxyPacHosts,
    rules: configShape.proxyRules,
    limits: limitsShape
  }),
  cacheHost: z.strictObject({
    enabled: machineShape.cacheHostEnabled,
    host: textField(
      address,
      { word: 'address', form: 'an IP address of this machine, or 0.0.0.0 for all' },
      '127.0.0.1',
      {
        what: 'Address of the cache host',
        why: 'This machine; a gateway that serves others takes 0.0.0.0 and lists them in proxy.clients'
      }
    ),
    port: countField(80, anyPort, {
      what: 'TCP port of the cache host; 0 lets the system choose',
      why: 'DOCacheHost takes names without ports'
    }),
    origins: listField(
      z.string().refine(isHostPattern),
      { word: 'host', form: 'hosts like *.download.example, with :port where it is not 80' },
      {
        what: 'Hosts beside those of Microsoft that a cache host may fetch from',
        why: 'None: a cache host that fetches from anywhere is a way into the network'
      }
    ),
    announce: switchField(false, {
      what: "A gateway tells Windows' clients of the LAN by mDNS that it is a cache host (_microsoft_mcc._tcp)",
      why: 'Any machine could say so, and a fleet that has turned this off (DOCacheHostSource=0) is safer'
    })
  }),
  intercept: z.strictObject({ enabled: configShape.interceptEnabled, hosts: configShape.interceptHosts }),
  page: z.strictObject({ host: configShape.pageHost, port: configShape.pagePort }),
  site: configShape.site,
  role: choiceField(['agent', 'gateway'], 'agent', {
    what: 'What this agent is to its site: a gateway talks to the origins for the others and vouches for what it got',
    why: 'Most machines are endpoints'
  }),
  ticket: machineShape.ticket,
  coordinatorAddresses: machineShape.coordinatorAddresses,
  fleetSecretFile: textField<string | null>(
    z.string().min(1).nullable(),
    { word: 'file', form: 'the path of a file' },
    null,
    {
      what: "File with the fleet secret, readable only by the agent's user",
      why: 'Without it `fleet.secret` in the data folder counts, where `starling secret create` puts it'
    }
  ),
  staticPeers: listField(
    z.string().regex(multiaddrShape),
    { word: 'address', form: 'addresses like /ip4/192.0.2.7/tcp/17830' },
    { what: 'Agents to dial in any case', why: 'Others are found by mDNS and by the coordinator' }
  ),
  mdns: machineShape.mdns,
  membersMaySign: configShape.membersMaySign,
  upstream: z.strictObject({
    proxies: machineShape.upstreamProxies,
    directFallback: machineShape.upstreamDirectFallback,
    allowPrivate: machineShape.upstreamAllowPrivate,
    servers: configShape.upstreamServers,
    rules: configShape.upstreamRules,
    hedgeMsMin: millisField(
      250,
      { min: 0, max: minuteMs },
      {
        what: 'The least after which a server that has not begun to answer is helped out by another; 0: never',
        why: 'What is usual there (its 95th percentile) counts; below this a second request costs more than it brings'
      }
    )
  }),
  cache: z.strictObject({
    quotaBytes: configShape.cacheQuotaBytes,
    smallQuotaBytes: configShape.cacheSmallQuotaBytes,
    floorBytes: configShape.cacheFloorBytes
  }),
  policy: policySchema,
  contentClasses: configShape.contentClasses,
  mirrors: objectsField<MirrorConfig>(
    mirrorsSchema,
    {
      word: 'json',
      form: 'a list of objects, like [{ "name": "go", "kind": "go", "upstream": "https://goproxy.example/" }]'
    },
    {
      what: 'Registries that clients reach as http://<proxy>/m/<name>/: Go modules, npm, plain trees of files (docs/DEPLOY.md)',
      why: 'None: which registries a company trusts is its own choice'
    }
  ),
  accessLog: accessLogShape,
  logLevel: choiceField(logLevels, 'info', {
    what: 'How much is logged, as JSON lines on stderr',
    why: 'A line for what an admin would ask about, none for each chunk'
  }),
  otlp: z.strictObject({
    endpoint: textField<string | null>(
      z.string().refine(isCollectorUrl).nullable(),
      { word: 'url', form: 'the address of a collector like http://collector.example:4318' },
      null,
      {
        what: 'Collector of OpenTelemetry that traces of requests are sent to, by OTLP over HTTP',
        why: 'Nobody hears what this machine fetches but whoever its admin names; OTEL_EXPORTER_OTLP_ENDPOINT does the same'
      }
    )
  }),
  trace: textField<string | null>(
    z.string().min(1).nullable(),
    {
      word: 'file',
      form: 'the path of a file that is not there yet; without a folder it is in the data folder'
    },
    null,
    {
      what: 'File to record all events of this agent in, for `npm run sim -- --replay FILE`; it holds the URLs that clients ask for',
      why: 'It grows without bound, and what this machine fetches is written down only when somebody asks for it'
    }
  )
})

function isCollectorUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.search === ''
}

/** One field as the outside names it. */
export interface Setting {
  /** `cache.quotaBytes`, as in config.json. */
  readonly path: string
  /** `STARLING_CACHE_QUOTA` and `--cache-quota`: the same name without its unit, since what people write has its own. */
  readonly env: string
  readonly option: string
  readonly facts: FieldFacts
  readonly schema: z.ZodType
}

type Shape = Readonly<Record<string, z.ZodType>>

function settingsOf(shape: Shape, prefix: string): Setting[] {
  return Object.entries(shape).flatMap(([name, schema]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`
    const facts = factsOf(schema)
    if (facts === undefined) return settingsOf((schema as z.ZodObject<Shape>).shape, path)
    const words = path
      .replace(/(Bytes|Ms)$/, '')
      .replaceAll('.', '-')
      // A run of capitals is a word: DOMinRAMAllowed is do-min-ram-allowed.
      .replace(/[a-z0-9](?=[A-Z])|[A-Z](?=[A-Z][a-z])/g, '$&-')
      .toLowerCase()
    const env = `STARLING_${words.replaceAll('-', '_').toUpperCase()}`
    return [{ path, env, option: `--${words}`, facts, schema }]
  })
}

export const settings: readonly Setting[] = settingsOf(configSchema.shape, '')

/** What a program (a test, the coordinator's gateway) may leave out: everything but the folder. */
type Parts<Whole> = {
  readonly [Name in keyof Whole]?: Whole[Name] extends readonly unknown[] ? Whole[Name] : Parts<Whole[Name]>
}

/**
 * A configuration made by a program: what is not given is the default.
 * @throws StarlingError `bad-config`
 */
export function agentConfig(
  dataFolder: string,
  given: Parts<Omit<AgentConfig, 'dataFolder' | 'fleetSecret'>> = {},
  fleetSecret: Uint8Array | null = null
): AgentConfig {
  const groups = {
    listen: {},
    bulk: {},
    proxy: { limits: {} },
    accessLog: {},
    cacheHost: {},
    intercept: {},
    page: {},
    upstream: {},
    cache: {},
    policy: {},
    otlp: {}
  }
  const parsed = configSchema.safeParse({
    ...groups,
    ...given,
    proxy: { ...groups.proxy, ...given.proxy }
  })
  if (!parsed.success) {
    throw new StarlingError(
      'bad-config',
      `this configuration cannot be used: ${z.prettifyError(parsed.error)}`
    )
  }
  const { fleetSecretFile: _, ...rest } = parsed.data
  return { ...rest, dataFolder: resolve(dataFolder), fleetSecret }
}

/** Without what must not be seen, for logs and pages. */
export function withoutSecrets(config: AgentConfig): Omit<AgentConfig, 'fleetSecret' | 'ticket'> & {
  readonly fleetSecret: boolean
  readonly ticket: boolean
} {
  const proxies = config.upstream.proxies.map(proxy => proxy.replace(/\/\/[^/@]*@/, '//'))
  return {
    ...config,
    upstream: { ...config.upstream, proxies },
    fleetSecret: config.fleetSecret !== null,
    ticket: config.ticket !== null
  }
}

/** A value as it may be shown: without secrets, and without the passwords that stand in URLs. */
export function blanked({ facts }: Pick<Setting, 'facts'>, value: unknown): unknown {
  if (facts.isSecret === true) return value === null ? null : '(set)'
  return withoutPasswords(value)
}

function withoutPasswords(value: unknown): unknown {
  // Up to the last @, because a password may hold anything.
  if (typeof value === 'string') return value.replace(/(:\/\/)\S*@/g, '$1(...)@')
  if (Array.isArray(value)) return value.map(withoutPasswords)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutPasswords(inner)]))
}

/** Where agent and command line meet in the data folder. */
export const filesIn = (dataFolder: string) => ({
  config: join(dataFolder, 'config.json'),
  fleetSecret: join(dataFolder, 'fleet.secret'),
  /** Certificates and keys of TLS interception. */
  interceptCa: join(dataFolder, 'intercept-ca.json'),
  /** Small responses; see proxy/http-cache. */
  smallCache: join(dataFolder, 'small'),
  /** Requests and what was changed, one JSON line each: `<this>/access-000001.jsonl`. */
  logs: join(dataFolder, 'logs'),
  /** To join with (ticket-file.ts). */
  ticket: join(dataFolder, 'ticket'),
  /** Pid and addresses of the running agent. */
  running: join(dataFolder, 'agent.json'),
  /** What `starling configure` found before it changed anything. */
  clientSettings: join(dataFolder, 'client-settings.json'),
  /** Needed for every change through the API. */
  pageToken: join(dataFolder, 'page.token')
})
