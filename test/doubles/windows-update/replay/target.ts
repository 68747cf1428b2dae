/** The ways in which Windows' clients reach what is to serve them, and what they then write in their request line and Host. */

export type Target =
  /** A forward proxy: whole addresses. */
  | { readonly kind: 'proxy'; readonly url: string }
  /** The name leads there: the origin itself, or a cache host that is addressed by the Host header. */
  | { readonly kind: 'origin'; readonly url: string }
  /** A cache host of Delivery Optimization's policy: the origin's name goes into the query. */
  | { readonly kind: 'cache-host'; readonly url: string }
  /** The alternate download server of Windows Update's policy: the same path on another host. */
  | { readonly kind: 'alternate'; readonly url: string }

export interface Way {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly hostHeader: string
}

export function wayTo(target: Target, url: string): Way {
  const at = new URL(target.url)
  const wanted = new URL(url)
  const path = wanted.pathname + wanted.search
  const socket = { host: at.hostname, port: Number(at.port) }
  switch (target.kind) {
    case 'proxy':
      return { ...socket, path: url, hostHeader: wanted.host }
    case 'origin':
      return { ...socket, path, hostHeader: wanted.host }
    case 'cache-host': {
      const joint = wanted.search === '' ? '?' : '&'
      return { ...socket, path: `${path}${joint}cacheHostOrigin=${wanted.host}`, hostHeader: at.host }
    }
    case 'alternate':
      return { ...socket, path, hostHeader: at.host }
  }
}
