/** What is different for a client of a mirror, on the way there and back. */
import type { HeaderList } from '@starling/shared/http-fields.ts'
import type { Mirrored } from './mirrors.ts'
import type { Representation } from './tarball-addresses.ts'

/**
 * Cookies of 127.0.0.1 belong to whatever else this machine serves there: a browser sends them along, and no package manager has
 * any.
 */
const cookies: ReadonlySet<string> = new Set(['cookie', 'set-cookie'])
/** A part of what is changed on its way cannot be told by its place in the original. */
const ofParts: ReadonlySet<string> = new Set(['range', 'if-range'])

/** What npm tells of itself chooses nothing, and says to the registry who installs what with what. */
const ofNpm = /^(?:npm-(?!otp$)|pacote-)/

/** Whether what comes is changed for each client. Only what streams past here can be: it is nothing for the swarm. */
export function isExchanged(mirrored: Mirrored | null): boolean {
  return mirrored !== null && mirrored.addresses !== null
}

/** The client's header as it counts here. */
export function askedOfMirror(headers: HeaderList, { addresses }: Mirrored): HeaderList {
  const own = headers.filter(([name]) => !cookies.has(name) && !ofNpm.test(name))
  if (addresses === null) return own
  // Compressed over the WAN and in the cache, and in no way that cannot be unpacked here.
  return [
    ...own.filter(([name]) => !ofParts.has(name) && name !== 'accept-encoding'),
    ['accept-encoding', 'gzip']
  ]
}

/** The upstream's answer, or what is kept of it, as this client may have it. @throws StarlingError `upstream-bad-answer` */
export function asMirrored<One extends Representation>(
  { method, mirrored }: { readonly method: string; readonly mirrored: Mirrored | null },
  response: One
): One {
  if (mirrored === null) return response
  const told = { ...response, headers: response.headers.filter(([name]) => !cookies.has(name)) }
  return mirrored.addresses?.exchange(told, method !== 'HEAD') ?? told
}
