/**
 * From a URL to what it means for sharing: its class, its key, what its name promises. Pure and quick: the first rule
 * that matches decides.
 */
import type { PromisedDigest } from '../manifest.ts'
import type { Bytes } from '../units.ts'
import { classesWith, genericClass, minBytesDefault } from './classes.ts'
import { matchClass, type ContentClass } from './content-class.ts'
import { parseHttpUrl, type HttpUrl } from './url.ts'

export interface Recognised {
  readonly contentClass: string
  readonly key: string
  readonly promised: PromisedDigest | null
  readonly rangeFirst: boolean
  readonly shareWithCookies: boolean
  readonly immutable: boolean
  readonly minBytes: Bytes
  /** Why content of this URL is never shared; null: it may be. */
  readonly neverShared: string | null
}

/** What the wire allows a key to be (wire.ts). */
const keyLengthMax = 4096

/**
 * @param extra classes of policy: before our own, but after what must never be kept
 * @throws StarlingError `bad-url`, `bad-content-class`
 */
export function recognise(text: string, extra: readonly ContentClass[] = []): Recognised {
  const url = parseHttpUrl(text)
  for (const rule of classesWith(extra)) {
    const match = matchClass(rule, url)
    if (match !== null) return recognised(rule, url, match.promised)
  }
  return recognised(genericClass, url, null)
}

function recognised(rule: ContentClass, url: HttpUrl, promised: PromisedDigest | null): Recognised {
  const key =
    rule.key === 'digest' && promised !== null
      ? `${promised.algorithm}:${promised.hex}`
      : `${schemeInKey(url, promised)}${addressOf(rule, url)}`
  return {
    contentClass: rule.id,
    key,
    promised,
    rangeFirst: rule.rangeFirst,
    shareWithCookies: rule.shareWithCookies ?? false,
    immutable: rule.immutable ?? false,
    minBytes: rule.minBytes ?? minBytesDefault,
    neverShared: rule.neverShared ?? problemOf(url, key)
  }
}

function problemOf(url: HttpUrl, key: string): string | null {
  if (url.hasCredentials) return 'the URL carries a user name or a password'
  // It is sent as it is spelled and named by what it means to us: what came for it may be another's.
  if (url.isAmbiguous) return 'the path has dot segments or backslashes, which servers read in different ways'
  if (key.length > keyLengthMax) return `the URL is longer than ${keyLengthMax} characters`
  return null
}

/**
 * Whoever can tamper with plain http must not decide what an https client gets, so the two have keys of their own, also
 * among the aliases of a `keyHost`. Where the name promises a digest, the bytes are checked against it whichever way
 * they came.
 */
function schemeInKey(url: HttpUrl, promised: PromisedDigest | null): string {
  return url.scheme === 'https' && promised === null ? 'https://' : ''
}

function addressOf(rule: ContentClass, url: HttpUrl): string {
  const host = rule.keyHost ?? (url.port === '' ? url.host : `${url.host}:${url.port}`)
  const query = keptQuery(url.query, rule.volatileQuery ?? [])
  return `${host}${url.path}${query === '' ? '' : `?${query}`}`
}

/** What is left keeps its order and its spelling: whether either matters is the origin's affair. */
function keptQuery(query: string, volatile: readonly string[]): string {
  if (query === '' || volatile.includes('*')) return ''
  if (volatile.length === 0) return query
  const names = new Set(volatile.map(name => name.toLowerCase()))
  return query
    .split('&')
    .filter(parameter => !names.has((parameter.split('=', 1)[0] ?? '').toLowerCase()))
    .join('&')
}
