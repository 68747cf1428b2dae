/**
 * `upstream.servers` and `upstream.rules` as a configuration says them: who may be asked beyond the site, and who for what. Checked
 * as strictly as the content classes, so that a mistake names its entry and its field.
 *
 * A password is no part of it: it stands in a file of its own that only the agent's user may read (`credentialsFile`),
 * because configurations are shown, logged and mailed around.
 */
import { z } from 'zod'
import { parseHttpUrl, type HttpUrl } from '../content-classes/url.ts'
import { StarlingError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import { hourMs, secondMs, type Millis } from '../units.ts'
import { millisFromText } from './quantities.ts'

export interface UpstreamServer {
  /** In logs, metrics and rules. */
  readonly name: string
  /** A gateway is a proxy that caches: several of them share the work by key, so that each thing is kept once. */
  readonly kind: 'proxy' | 'gateway' | 'direct'
  /** Where the proxy or gateway listens; none for direct. */
  readonly url?: string
  /** How much of the work it gets, beside the others of its group. */
  readonly weight: number
  /** Holds `user:password`; relative to the data folder. */
  readonly credentialsFile?: string
  /** So many failures within `failTimeoutMs` take it out for `failTimeoutMs`; one is enough when it cannot be connected to. */
  readonly maxFails: number
  readonly failTimeoutMs: Millis
  readonly probe: UpstreamProbe | null
}

/** One of `url` (asked through the server) and `path` (asked of the server itself). */
export interface UpstreamProbe {
  readonly url?: string
  readonly path?: string
  readonly intervalMs: Millis
  readonly timeoutMs: Millis
  /** What the answer must be. */
  readonly status: number
}

export interface UpstreamRule {
  /** `example.com`, `*.example.com` (which is also example.com itself), `*`; with `:port` only that port. Absent: all. */
  readonly hosts?: readonly string[]
  /** Content classes (docs/CLASSES.md). Absent: all. */
  readonly classes?: readonly string[]
  /** Groups in the order to try; a group is a server, or several that share the work. */
  readonly use: ReadonlyArray<string | readonly string[]>
}

const serversMax = 64
const rulesMax = 256
const listMax = 256

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, {
  error: 'give 1 to 32 small letters, digits and dashes, like gateway-1'
})
const whole = (min: number, max: number) =>
  z
    .number({ error: `give a whole number from ${min} to ${max}` })
    .int()
    .min(min)
    .max(max)
const millis = (min: Millis, max: Millis) =>
  z.preprocess(
    value => (typeof value === 'string' ? (millisFromText(value) ?? value) : value),
    z.number({ error: 'give a time like 10s' }).int().min(min).max(max)
  )

const probe = z
  .strictObject({
    url: z
      .string()
      .refine(isWebAddress, { error: 'give an address like http://origin.example/health' })
      .exactOptional(),
    path: z
      .string()
      .regex(/^\/[!-~]*$/, { error: 'give a path like /health' })
      .exactOptional(),
    intervalMs: millis(100, hourMs).default(10 * secondMs),
    timeoutMs: millis(50, 30 * secondMs).default(secondMs),
    status: whole(100, 599).default(200)
  })
  .refine(({ url, path }) => (url === undefined) !== (path === undefined), {
    error: 'give either url (asked through the server) or path (asked of the server itself)'
  })

const server = z.strictObject({
  name,
  kind: z.enum(['proxy', 'gateway', 'direct'], { error: 'give proxy, gateway or direct' }),
  url: z
    .string()
    .refine(isServerAddress, {
      error:
        'give an address like http://proxy.example:3128, without a path and without a password (for that there is credentialsFile)'
    })
    .exactOptional(),
  weight: whole(1, 1000).default(1),
  credentialsFile: z.string().min(1).max(1024).exactOptional(),
  maxFails: whole(1, 1000).default(3),
  failTimeoutMs: millis(100, hourMs).default(10 * secondMs),
  probe: probe.nullable().default(null)
})

/** [field, problem] */
function contradictions(one: z.infer<typeof server>): Array<readonly [string, string]> {
  if (one.kind !== 'direct')
    return one.url === undefined ? [['url', `is missing: where does this ${one.kind} listen?`]] : []
  return (['url', 'credentialsFile', 'probe'] as const)
    .filter(field => one[field] !== undefined && one[field] !== null)
    .map(field => [field, 'means nothing for kind direct: leave it out'])
}

export const upstreamServersSchema: z.ZodType<readonly UpstreamServer[]> = z
  .array(
    server.superRefine((one, context) => {
      for (const [field, message] of contradictions(one))
        context.addIssue({ code: 'custom', path: [field], message })
    })
  )
  .max(serversMax)
  .superRefine((servers, context) => {
    servers.forEach((one, index) => {
      if (servers.findIndex(other => other.name === one.name) < index)
        context.addIssue({ code: 'custom', path: [index, 'name'], message: 'is there twice: choose another' })
    })
  })

const hostPattern = z.string().regex(/^(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*)(:\d{1,5})?$/i, {
  error: 'give a host like *.example.com, with :port where only one is meant'
})

export const upstreamRulesSchema: z.ZodType<readonly UpstreamRule[]> = z
  .array(
    z.strictObject({
      hosts: z.array(hostPattern).min(1).max(listMax).exactOptional(),
      classes: z.array(z.string().min(1).max(64)).min(1).max(listMax).exactOptional(),
      use: z
        .array(z.union([name, z.array(name).min(1)], { error: 'give a name, or a list of names' }))
        .min(1, { error: 'name at least one server' })
        .max(serversMax)
    })
  )
  .max(rulesMax)

interface GivenUpstream {
  readonly proxies: readonly string[]
  readonly servers: readonly UpstreamServer[]
  readonly rules: readonly UpstreamRule[]
}

/** What is wrong with the settings of `upstream` beside each other. */
export interface UpstreamFinding {
  readonly setting: 'upstream.proxies' | 'upstream.servers' | 'upstream.rules'
  readonly part: readonly PropertyKey[]
  readonly message: string
}

export function upstreamFindings({ proxies, servers, rules }: GivenUpstream): UpstreamFinding[] {
  const both = {
    setting: 'upstream.proxies',
    part: [],
    message: 'and upstream.servers are both given: make the proxies entries of servers'
  } as const
  const names = servers.map(one => one.name)
  return [
    ...(proxies.length > 0 && servers.length > 0 ? [both] : []),
    ...rules.flatMap(({ use }, rule) => {
      const seen = new Set<string>()
      return use.flatMap((group, at) =>
        [group].flat().flatMap((one): UpstreamFinding[] => {
          const message = problemWithUse(one, names, seen)
          seen.add(one)
          return message === null ? [] : [{ setting: 'upstream.rules', part: [rule, 'use', at], message }]
        })
      )
    })
  ]
}

function problemWithUse(one: string, names: readonly string[], seen: ReadonlySet<string>): string | null {
  if (seen.has(one)) return `names ${one} again: once is enough`
  if (names.includes(one)) return null
  return `names ${one}, which is no server. There are: ${names.join(', ') || 'none'}`
}

/** @param known ids of all content classes */
export function classFindings(rules: readonly UpstreamRule[], known: readonly string[]): UpstreamFinding[] {
  return rules.flatMap(({ classes = [] }, rule) =>
    classes.flatMap((one, at): UpstreamFinding[] => {
      if (known.includes(one)) return []
      const meant = nearestName(one, known)
      const hint =
        meant === null
          ? 'docs/CLASSES.md lists them, and `contentClasses` adds more'
          : `did you mean ${meant}?`
      const message = `names ${one}, which is no content class; ${hint}`
      return [{ setting: 'upstream.rules', part: [rule, 'classes', at], message }]
    })
  )
}

/** @throws StarlingError `bad-config`, naming the entry and its field */
export function checkUpstream(given: GivenUpstream): void {
  const [first] = upstreamFindings(given)
  if (first === undefined) return
  throw new StarlingError('bad-config', `${first.setting}${partText(first.part)} ${first.message}`)
}

/** `[0].use[1]` */
export const partText = (part: readonly PropertyKey[]): string =>
  z.core.toDotPath([...part]).replace(/^(?=\w)/, '.')

function isServerAddress(text: string): boolean {
  const url = webAddress(text)
  return url !== null && url.path === '/' && url.query === '' && !/[?#]/.test(text)
}

function isWebAddress(text: string): boolean {
  return webAddress(text) !== null
}

function webAddress(text: string): HttpUrl | null {
  try {
    const url = parseHttpUrl(text)
    return url.hasCredentials ? null : url
  } catch {
    return null
  }
}
