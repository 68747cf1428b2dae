/**
 * URLs in a pure room. Parsing a URL by hand is how caches get poisoned (two parsers, two opinions), so this uses the
 * one parser that everybody shares: WHATWG's `URL`. It is a global of every platform and as deterministic as
 * `Math.max`; only TypeScript's ES2023 library does not list it, hence the small declaration.
 */
import { StarlingError } from '../errors.ts'

interface ParsedUrl {
  readonly protocol: string
  readonly hostname: string
  readonly port: string
  readonly pathname: string
  readonly search: string
  readonly username: string
  readonly password: string
}
declare const URL: { parse(url: string): ParsedUrl | null }

/** An http(s) URL, taken apart. `port` is empty for the scheme's own. */
export interface HttpUrl {
  readonly scheme: 'http' | 'https'
  /** Lower case, punycode, no trailing dot. IPv6 in brackets. */
  readonly host: string
  readonly port: string
  /** Starts with a slash, dot segments resolved, percent-encodings in upper case. */
  readonly path: string
  /** Between `?` and `#`, without either. */
  readonly query: string
  readonly hasCredentials: boolean
  /** As it is spelled, servers may read another path in it: dot segments, backslashes. */
  readonly isAmbiguous: boolean
}

/** @throws StarlingError `bad-url` */
export function parseHttpUrl(text: string): HttpUrl {
  const url = URL.parse(text)
  if (url === null) throw badUrl(text, 'is not a URL')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw badUrl(text, 'is neither http nor https')
  if (url.hostname === '') throw badUrl(text, 'names no host')
  return {
    scheme: url.protocol === 'http:' ? 'http' : 'https',
    host: url.hostname.replace(/\.$/, ''),
    port: url.port,
    path: upperEncodings(url.pathname),
    query: upperEncodings(url.search.replace(/^\?/, '')),
    hasCredentials: url.username !== '' || url.password !== '',
    isAmbiguous: ambiguous.test(text.replace(/[?#].*$/s, ''))
  }
}

const ambiguous = /\\|\/(?:\.|%2e){1,2}(?:\/|$)/i

/** `%2f` and `%2F` are the same (RFC 3986, 6.2.2.1), and real clients send both. */
function upperEncodings(text: string): string {
  return text.replace(/%[0-9a-f]{2}/gi, encoding => encoding.toUpperCase())
}

/** The text is cut before the query, which may hold secrets. */
function badUrl(text: string, what: string): StarlingError {
  const shown = JSON.stringify(
    text
      .replace(/[?#].*$/s, '')
      .replace(/\/\/[^/@]*@/, '//')
      .slice(0, 200)
  )
  return new StarlingError('bad-url', `${shown} ${what}: give an absolute http:// or https:// address`)
}
