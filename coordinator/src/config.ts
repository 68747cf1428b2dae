/**
 * What a coordinator can be told. Parsing is strict and says what would be right, because a typo in a server's
 * start-up line should stop the server, not change what it does.
 */
import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { resolve } from 'node:path'
import { tracesEndpoint } from '@starling/agent/telemetry/otlp.ts'
import { credentialLifeMs } from '@starling/shared/credential.ts'
import { heartbeatMsDefault } from '@starling/shared/coordinator-api.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { parseSiteId, type SiteId } from '@starling/shared/ids.ts'
import type { PageCertificateFiles } from './page-certificate.ts'
import { masterKeyPlace, type MasterKeyPlace } from './master-key.ts'
import { dayMs, hourMs, minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'

export interface Endpoint {
  readonly host: string
  readonly port: number
}

export interface CoordinatorConfig {
  /** Absolute. Holds fleet key, coordinator key, admin token and, unless it is elsewhere, the database; one coordinator at a time owns it. */
  readonly dataFolder: string
  /** The PostgreSQL that several coordinators share; null: SQLite in the data folder. */
  readonly database: DatabaseAccess | null
  readonly listen: Endpoint
  /** `https://host:port` as agents reach it, put into tickets; empty: worked out from `listen`. */
  readonly advertise: readonly string[]
  /** The site of the embedded gateway, and of tickets that name none. */
  readonly site: SiteId
  readonly gateway: boolean
  readonly heartbeatMs: Millis
  readonly credentialLifeMs: Millis
  readonly masterKey: MasterKeyPlace
  /** What browsers see; null: one that the coordinator makes. */
  readonly pageCertificate: PageCertificateFiles | null
  /** Entries of the audit log that are older are let go. */
  readonly auditKeepMs: Millis
  /** Where traces go (OTLP over HTTP); null: nowhere. */
  readonly tracesEndpoint: string | null
}

export interface DatabaseAccess {
  /** `postgres://user@host:5432/name`. From the environment it may hold the password, too. */
  readonly url: string
  readonly password?: string | undefined
}

/** Beside the agent's 17830 to 17832 (its config.ts says why there). */
export const defaultPort = 17833
export const defaultSite: SiteId = 'main'
/** Two years: longer than most are asked about, and at a hundred entries a day some 30 MB. */
const auditKeepMsDefault: Millis = 730 * dayMs

export interface ConfigInput {
  readonly data: string
  readonly database?: DatabaseAccess | null | undefined
  readonly listen?: string | undefined
  readonly advertise?: readonly string[] | undefined
  readonly site?: string | undefined
  readonly gateway?: boolean | undefined
  readonly heartbeatMs?: Millis | undefined
  readonly credentialLifeMs?: Millis | undefined
  readonly auditKeepMs?: Millis | undefined
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
  /** `http://host:4318` */
  readonly otlpEndpoint?: string | undefined
  readonly masterKeyFile?: string | undefined
  readonly masterKeyDpapi?: boolean | undefined
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
}

/** @throws StarlingError `bad-config` */
export function createConfig(input: ConfigInput): CoordinatorConfig {
  return {
    dataFolder: resolve(input.data),
    database: input.database ?? null,
    listen: asConfig(() => parseEndpoint(input.listen ?? `0.0.0.0:${defaultPort}`)),
    advertise: (input.advertise ?? []).map(parseAdvertised),
    site: asConfig(() => parseSiteId(input.site ?? defaultSite)),
    gateway: input.gateway ?? true,
    heartbeatMs: input.heartbeatMs ?? heartbeatMsDefault,
    credentialLifeMs: input.credentialLifeMs ?? credentialLifeMs,
    auditKeepMs: input.auditKeepMs ?? auditKeepMsDefault,
    pageCertificate: pageCertificateOf(input),
    tracesEndpoint: tracesEndpoint(input.otlpEndpoint ?? null, input.environment ?? {}),
    masterKey: masterKeyPlace(
      resolve(input.data),
      { file: input.masterKeyFile, dpapi: input.masterKeyDpapi },
      input.environment ?? {}
    )
  }
}

function pageCertificateOf({ tlsCert, tlsKey }: ConfigInput): PageCertificateFiles | null {
  if (tlsCert === undefined && tlsKey === undefined) return null
  if (tlsCert === undefined || tlsKey === undefined)
    throw badConfig('a certificate and its key go together: give both --tls-cert and --tls-key')
  return { certFile: resolve(tlsCert), keyFile: resolve(tlsKey) }
}

/** `127.0.0.1:17833`, `[::1]:17833`, `:17833` (every interface); port 0 lets the system choose. */
export function parseEndpoint(text: string): Endpoint {
  const [, host = '', port = ''] = /^(.*):(\d{1,5})$/.exec(text) ?? []
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  if (port === '' || Number(port) > 65_535 || (bare !== '' && bare !== 'localhost' && isIP(bare) === 0)) {
    throw badConfig(
      `"${text}" is no address to listen on: give one like 0.0.0.0:${defaultPort} or [::1]:${defaultPort}`
    )
  }
  return { host: bare === '' ? '0.0.0.0' : bare, port: Number(port) }
}

function parseAdvertised(text: string): string {
  const whole = text.startsWith('https://') ? text : `https://${text}`
  if (!URL.canParse(whole) || !/^https:\/\/[^/\s?#@]+:\d{1,5}$/.test(whole)) {
    throw badConfig(
      `"${text}" is no address for agents: give host:port, for example updates.example.org:${defaultPort}`
    )
  }
  return whole
}

/** `500ms`, `90s`, `15m`, `12h`, `7d`. @throws StarlingError `bad-config` */
export function parseDuration(text: string): Millis {
  const [, digits = '', unit = ''] = /^(\d{1,6})(ms|s|m|h|d)$/.exec(text) ?? []
  const unitMs = { ms: 1, s: secondMs, m: minuteMs, h: hourMs, d: dayMs }[unit]
  if (unitMs === undefined || Number(digits) === 0)
    throw badConfig(`"${text}" is no time span: give one like 90s, 15m, 12h or 7d`)
  return Number(digits) * unitMs
}

/** How agents reach a coordinator that listens at `bound`, most useful first. */
export function reachableAddresses(advertise: readonly string[], bound: Endpoint): string[] {
  if (advertise.length > 0) return [...advertise]
  if (bound.host !== '0.0.0.0' && bound.host !== '::') return [httpsUrl(bound.host, bound.port)]
  const own = Object.values(networkInterfaces())
    .flatMap(list => list ?? [])
    .filter(one => !one.internal && !one.address.startsWith('fe80:') && !one.address.startsWith('169.254.'))
    .sort((one, other) => one.family.localeCompare(other.family))
    .map(one => httpsUrl(one.address, bound.port))
  // The name last: it outlives an address, but not every LAN resolves it. A machine without a LAN talks to itself.
  const addresses = [...own.slice(0, 4), httpsUrl(hostname(), bound.port)]
  return own.length === 0 ? [httpsUrl('127.0.0.1', bound.port), ...addresses] : addresses
}

export function httpsUrl(host: string, port: number): string {
  return `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

function asConfig<Value>(parse: () => Value): Value {
  try {
    return parse()
  } catch (cause) {
    if (cause instanceof StarlingError && cause.code !== 'bad-config') throw badConfig(cause.message)
    throw cause
  }
}

function badConfig(message: string): StarlingError {
  return new StarlingError('bad-config', message)
}
