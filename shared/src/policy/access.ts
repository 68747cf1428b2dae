/**
 * How an admin says who may use the proxy, for what and how much, and what is written down of it: the shapes of
 * `proxy.rules`, `proxy.limits` and `accessLog` in config.json. What is made of them is in proxy/filters.ts,
 * proxy/client-limits.ts and access-log/ of the agent.
 */
import { z } from 'zod'
import { pathGlob } from '../content-classes/class-schema.ts'
import { GiB, KiB, MiB, type Bytes } from '../units.ts'
import { bytesField, choiceField, countField, objectsField, switchField } from './fields.ts'
import { networkFrom } from './networks.ts'

/** The first rule that fits a request decides; what no rule fits is allowed. */
export interface ProxyRule {
  /** Told to whoever is refused, and a label of metrics. */
  readonly name: string
  readonly action: 'allow' | 'deny'
  /** `files.example`, `*.files.example` (which is also files.example itself), with `:port` only that port. */
  readonly hosts?: readonly string[]
  /** Globs over the whole path (docs/CLASSES.md). What goes through a tunnel shows no path, so such a rule fits no tunnel. */
  readonly paths?: readonly string[]
  /** `GET`; `CONNECT` is a tunnel. */
  readonly methods?: readonly string[]
  /** Addresses or networks of those who ask. */
  readonly clients?: readonly string[]
}

/** What one address may take. 0: as much as it likes. */
export interface ClientLimits {
  /** Whether all this also holds for programs of this machine. */
  readonly local: boolean
  readonly requestsPerSecond: number
  readonly requestBurst: number
  readonly requestsAtOnce: number
  readonly connections: number
  readonly bytesPerDay: Bytes
  /** These two hold for everybody, this machine too: they are about requests, not about clients. */
  readonly uploadBytes: Bytes
  readonly headerBytes: Bytes
}

export interface AccessLogConfig {
  readonly enabled: 'auto' | 'on' | 'off'
  readonly audit: boolean
  readonly fileBytes: Bytes
  readonly files: number
}

/** Words for refusals that no rule of an admin makes: rules may not be called so. */
export const ownRefusals = [
  'clients',
  'requests',
  'requests-at-once',
  'connections',
  'bytes-per-day',
  'upload-size',
  'header-size',
  'tunnels',
  'cache-host-origin',
  'loop',
  'private-address',
  'redirects',
  'mirror-hosts',
  'mirror-methods',
  'mirror-modules',
  'mirror-private'
] as const
export type OwnRefusal = (typeof ownRefusals)[number]

/** More than an admin can keep in mind, and each is tried for each request. */
const rulesMax = 200
const listMax = 256

const list = (item: z.ZodType<string>) => z.array(item).min(1).max(listMax).readonly().exactOptional()
const rule = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, {
      error: 'give 1 to 32 small letters, digits and dashes, like no-uploads'
    })
    .refine(name => !ownRefusals.some(own => own === name), {
      error: 'is a word that Starling uses itself: choose another'
    }),
  action: z.enum(['allow', 'deny'], { error: 'give allow or deny' }),
  hosts: list(
    z
      .string()
      .refine(isHostPattern, { error: 'give a host like *.example.com, with :port if only that is meant' })
  ),
  paths: list(pathGlob),
  methods: list(
    z.string().regex(/^[A-Z-]{1,32}$/, { error: 'give methods in capitals, like GET or CONNECT' })
  ),
  clients: list(z.string().refine(isNetwork, { error: 'give addresses or networks like 10.1.0.0/16' }))
})

const rules = z
  .array(rule)
  .max(rulesMax)
  .superRefine((all, context) => {
    for (const [index, { name }] of all.entries())
      if (all.findIndex(one => one.name === name) < index)
        context.addIssue({
          code: 'custom',
          path: [index, 'name'],
          message: 'is the name of another rule too: a refusal must tell which one it was'
        })
  })

export const rulesField = objectsField<ProxyRule>(
  rules,
  {
    word: 'json',
    form: 'a list of objects, like [{ "name": "no-video", "action": "deny", "hosts": ["*.video.example"] }]'
  },
  {
    what: 'Who may ask for what: rules of which the first that fits decides; what none fits is allowed (docs/DEPLOY.md)',
    why: 'None: what an update needs is not known beforehand, and who may ask at all is in proxy.clients'
  }
)

const upTo = (max: number) => ({ min: 0, max })

export const limitsShape = z.strictObject({
  local: switchField(false, {
    what: 'Whether the limits for a client also hold for programs of this machine',
    why: 'An endpoint serves itself: its programs would only slow each other down'
  }),
  requestsPerSecond: countField(200, upTo(100_000), {
    what: 'Requests that a client may make in a second, in the long run; 0: any number',
    why: 'A browser that loads a page makes some hundred; a machine that makes more all the time is out of order'
  }),
  requestBurst: countField(
    2000,
    { min: 1, max: 1_000_000 },
    {
      what: 'Requests that a client may make at one go before it is held to the number for a second',
      why: 'A package manager that restores a project asks for a thousand files within seconds'
    }
  ),
  requestsAtOnce: countField(128, upTo(10_000), {
    what: 'Requests of a client that are answered at the same time; 0: any number',
    why: 'Browsers take six for a host, package managers some dozens'
  }),
  connections: countField(256, upTo(10_000), {
    what: 'Connections that a client may hold, tunnels among them; 0: any number',
    why: 'A tenth of what the proxy has for all, and more than a browser with a hundred tabs'
  }),
  bytesPerDay: bytesField(0, upTo(1024 * 1024 * GiB), {
    what: 'Bytes that a client may take and give in a day (local time); 0: any number',
    why: 'None: whom the proxy refuses goes past it, and costs the line more'
  }),
  uploadBytes: bytesField(0, upTo(1024 * 1024 * GiB), {
    what: 'The longest request body that is passed on; 0: any',
    why: 'None: large uploads mostly go through tunnels, where nothing of them is seen'
  }),
  headerBytes: bytesField(
    32 * KiB,
    { min: 8 * KiB, max: 256 * KiB },
    {
      what: 'The longest request head',
      why: 'Signed URLs and cookies are long; more than this no real client sends'
    }
  )
})

export const accessLogShape = z.strictObject({
  enabled: choiceField(['auto', 'on', 'off'], 'auto', {
    what: 'Write down each request of the proxy, in logs/access-*.jsonl of the data folder; auto: on a gateway',
    why: 'A gateway serves others and must be able to account for it; what people fetch on their own machine is their business'
  }),
  audit: switchField(true, {
    what: 'Write down refusals, purges and changes, in logs/audit-*.jsonl of the data folder',
    why: 'Few lines, and the only trace of who changed what'
  }),
  fileBytes: bytesField(
    16 * MiB,
    { min: 64 * KiB, max: GiB },
    {
      what: 'Size at which a log file is full and the next one begins',
      why: 'Some 50,000 requests, and still opened by any editor'
    }
  ),
  files: countField(
    10,
    { min: 2, max: 1000 },
    {
      what: 'Log files of each kind that are kept, the oldest go',
      why: 'Half a million requests'
    }
  )
})

/** Rules that no request comes to, because one before them fits all of them. Both by what the list calls them. */
export function unreachableRules(
  all: readonly ProxyRule[]
): Array<{ readonly index: number; readonly behind: string }> {
  const last = all.findIndex(fitsAll)
  return last < 0
    ? []
    : all.slice(last + 1).map((_, at) => ({ index: last + 1 + at, behind: all[last]!.name }))
}

/** Tunnels too, which show no path: a rule with `paths` never does. */
const fitsAll = ({ hosts, paths, methods, clients }: ProxyRule): boolean =>
  paths === undefined &&
  methods === undefined &&
  (hosts === undefined || hosts.includes('*')) &&
  (clients === undefined || (clients.includes('0.0.0.0/0') && clients.includes('::/0')))

export function isNetwork(text: string): boolean {
  return networkFrom(text) !== null
}

export function isHostPattern(text: string): boolean {
  return /^(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*)(:\d{1,5})?$/i.test(text)
}
