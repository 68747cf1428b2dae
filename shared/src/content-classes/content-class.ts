/**
 * What a content class is: a rule, as plain data, so that policy can bring more of them. It says which URLs are the
 * same content (the key), what a name promises, and how its content may be shared. Paths are globs (glob.ts) and not
 * regular expressions: an admin can read them, and they cannot be made to run for minutes.
 */
import type { PromisedDigest } from '../manifest.ts'
import type { Bytes } from '../units.ts'
import { matchGlob, parseGlob, type Glob } from './glob.ts'
import type { HttpUrl } from './url.ts'

export interface ContentClass {
  readonly id: string
  /** `example.com`, `*.example.com` (which is also example.com itself), `*`. A port never matters here. */
  readonly hosts: readonly string[]
  /** Globs over the whole path, without regard to case; see glob.ts. */
  readonly paths: readonly string[]
  /** If given, the path must also end in one of these, without their dot and in lower case. */
  readonly extensions?: readonly string[]
  /**
   * `digest`: the digest in the name is the key, whatever the host. Only for hosts whose names can be trusted not to
   * collide with somebody else's. `address`: host, port, path and what is left of the query, with `https://` before
   * them for https, unless the name promises a digest.
   */
  readonly key: 'digest' | 'address'
  /** Written in the key instead of the URL's own host and port: the hosts of this class are aliases of each other, by http and by https apart. */
  readonly keyHost?: string
  /** Query parameters that change from request to request and do not change the content. `*`: all of them. */
  readonly volatileQuery?: readonly string[]
  /** The content under one key never changes. */
  readonly immutable?: boolean
  /** Whether the first upstream request may ask for a range although the client did not. */
  readonly rangeFirst: boolean
  /** A Cookie does not make the content private: its name already says which bytes it is. */
  readonly shareWithCookies?: boolean
  /** Smaller content is passed through; see `minBytesDefault`. */
  readonly minBytes?: Bytes
  /** Content of this class always goes past us, for this reason. */
  readonly neverShared?: string
  /** Whether a cache host fetches from these hosts for whoever asks it; see cache-host.ts. */
  readonly cacheHost?: boolean
}

export interface Match {
  readonly promised: PromisedDigest | null
}

const globs = new WeakMap<ContentClass, readonly Glob[]>()

/**
 * Null if the class has nothing to say about this URL.
 * @throws StarlingError `bad-content-class`
 */
export function matchClass(rule: ContentClass, url: HttpUrl): Match | null {
  const paths = globs.get(rule) ?? rule.paths.map(parseGlob)
  globs.set(rule, paths)
  if (!rule.hosts.some(pattern => hostMatches(pattern, url.host))) return null
  if (rule.extensions !== undefined && !rule.extensions.includes(extensionOf(url.path))) return null
  for (const path of paths) {
    const found = matchGlob(path, url.path)
    if (found === null) continue
    if (found.sha256 !== null) return { promised: { algorithm: 'sha256', hex: found.sha256 } }
    if (found.sha1 !== null) return { promised: { algorithm: 'sha1', hex: found.sha1 } }
    return { promised: null }
  }
  return null
}

/** @param host in lower case, as `parseHttpUrl` gives it */
export function hostMatches(given: string, host: string): boolean {
  const pattern = given.toLowerCase()
  if (pattern === '*' || pattern === host) return true
  return pattern.startsWith('*.') && (host === pattern.slice(2) || host.endsWith(pattern.slice(1)))
}

/** The last extension of the path's last segment, in lower case; empty if there is none. */
function extensionOf(path: string): string {
  return /\.([a-z0-9]{1,12})$/i.exec(path)?.[1]?.toLowerCase() ?? ''
}
