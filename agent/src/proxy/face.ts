/**
 * In what role we are asked, and for what, pure. Clients come in four ways, told apart by the request line:
 *
 * - `forward`: a whole address, as a proxy is asked;
 * - `cache-host`: Delivery Optimization's policy DOCacheHost names us. The origin is the last `cacheHostOrigin` of the
 *   query, or, where a name was made to lead here, the Host header;
 * - `alternate`: Windows Update's policy names us as the alternate download server: a WSUS's paths on our address;
 * - a mirror: a package manager was told `http://us/m/<name>/` instead of its registry. Which there are, and what they
 *   make of it, is in mirrors/.
 *
 * The second and third are what other clients call a reverse proxy, and are only for listed hosts: whoever can make a browser ask
 * `http://127.0.0.1:17831/x?cacheHostOrigin=router` must not get anything from the router.
 */
import { isIP } from 'node:net'
import { addressAsSpelled } from '@starling/shared/request-target.ts'

export type Face = 'forward' | 'cache-host' | 'alternate' | 'mirror'

/** As `Exchange.strict`: Windows' own clients, which take us for their server. */
export function isStrict(face: Face, method: string | undefined): boolean {
  return (face === 'cache-host' || face === 'alternate') && (method === 'GET' || method === 'HEAD')
}

export type Faced =
  /** `url` is absolute, without fragment; path and query as the client spelled them. */
  | { readonly kind: 'target'; readonly face: Exclude<Face, 'mirror'>; readonly url: string }
  /** `rest` stands behind `/m/<name>/`, with its query. */
  | { readonly kind: 'mirror'; readonly name: string; readonly rest: string }
  | { readonly kind: 'pac' }
  | { readonly kind: 'refused'; readonly status: number; readonly text: string }

export interface FaceOptions {
  /** Whether a cache host may fetch this URL. */
  cacheHostAllows(url: string): boolean
  /** `http://wsus.corp.example:8530`; null: there is none. */
  readonly wsus: string | null
}

/** What a WSUS serves ([MS-WUSP] 2.1). */
const wsusPath =
  /^\/(content|selfupdate|clientwebservice|simpleauthwebservice|reportingwebservice|apiremoting30|dssauthwebservice|serversyncwebservice)\//i

/**
 * @param target of the request line
 * @param host the Host header
 */
export function faceOf(target: string, host: string | null, options: FaceOptions): Faced {
  if (/^https?:\/\//i.test(target)) {
    const url = addressAsSpelled(target)
    if (url === null) return { kind: 'refused', status: 400, text: 'this address cannot be understood' }
    return { kind: 'target', face: 'forward', url }
  }
  if (!target.startsWith('/')) {
    return { kind: 'refused', status: 400, text: 'this request line is neither a path nor an http address' }
  }
  if (/^\/(proxy\.pac|wpad\.dat)(\?|$)/.test(target)) return { kind: 'pac' }
  const { origin, rest } = takeOrigin(target)
  if (origin !== null) return cacheHost(origin, rest, options)
  const named = host === null || isOwnName(host) ? null : cacheHost(host, target, options)
  if (named?.kind === 'target') return named
  const [, name, mirrored] = /^\/m\/([^/?]*)\/?(.*)$/s.exec(target) ?? []
  if (name !== undefined) return { kind: 'mirror', name, rest: mirrored ?? '' }
  if (wsusPath.test(target)) return alternate(target, options)
  return (
    named ?? {
      kind: 'refused',
      status: 400,
      text:
        'this is an HTTP proxy and a cache host of Delivery Optimization: set it as a proxy (http_proxy, WinHTTP) and ask ' +
        'for whole addresses, name the origin with cacheHostOrigin, or ask a mirror (/m/<name>/)'
    }
  )
}

/** A refusal is a 502: after a 4xx Delivery Optimization stays away from that origin for a quarter of an hour. */
function cacheHost(origin: string, path: string, options: FaceOptions): Faced {
  const url = /^[a-z0-9._-]+(:\d{1,5})?$/i.test(origin) ? addressAsSpelled(`http://${origin}${path}`) : null
  if (url === null) return { kind: 'refused', status: 502, text: 'cacheHostOrigin is not the name of a host' }
  if (options.cacheHostAllows(url)) return { kind: 'target', face: 'cache-host', url }
  return {
    kind: 'refused',
    status: 502,
    text: `${new URL(url).host} is not a host that this cache serves: add it to cacheHost.origins if it should be`
  }
}

function alternate(path: string, { wsus }: FaceOptions): Faced {
  const url = wsus === null ? null : URL.parse(path, wsus)
  if (wsus === null || url === null || url.origin !== new URL(wsus).origin || !wsusPath.test(url.pathname)) {
    return {
      kind: 'refused',
      status: 502,
      text: 'this looks like a request to a WSUS, but none is named: set proxy.wsus to its address'
    }
  }
  return { kind: 'target', face: 'alternate', url: addressAsSpelled(`${url.origin}${path}`) ?? url.href }
}

/** Takes all `cacheHostOrigin` off the query; the last one counts. What is left keeps its order and spelling: it is signed. */
function takeOrigin(target: string): { readonly origin: string | null; readonly rest: string } {
  const at = target.indexOf('?')
  if (at < 0) return { origin: null, rest: target }
  let origin: string | null = null
  const kept = target
    .slice(at + 1)
    .split('&')
    .filter(parameter => {
      const [, value] = /^cacheHostOrigin=(.*)$/i.exec(parameter) ?? []
      if (value !== undefined) origin = decoded(value)
      return value === undefined
    })
  return { origin, rest: target.slice(0, at) + (kept.length === 0 ? '' : `?${kept.join('&')}`) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** An address, or this machine: then the Host header does not say which origin is meant. */
function isOwnName(host: string): boolean {
  const name = host.replace(/:\d{1,5}$/, '').replace(/^\[(.*)\]$/, '$1')
  return isIP(name) !== 0 || /^(.*\.)?localhost\.?$/i.test(name)
}
