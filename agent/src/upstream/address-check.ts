/**
 * Which addresses may be asked. A proxy that fetches what it is told to is how one reaches what only this machine can
 * reach: its own services, the router, the cloud's metadata service (SSRF). So private ground is refused unless it is
 * listed, and the check is made where it cannot be got round: on the very address a socket is about to be opened to.
 * Names are resolved once, each address is checked, and only those that passed are handed to the socket; a name that
 * changes its mind a moment later (DNS rebinding) changes nothing.
 */
import { lookup } from 'node:dns'
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import type { Resolve } from './names.ts'

export interface AddressCheck {
  /** For hosts that need no resolving: addresses, and names that are this machine. @throws `upstream-refused-address` */
  checkHost(host: string, port: number): void
  /** For `net.connect`: resolves, and gives only addresses that may be asked. */
  lookup(port: number): LookupFunction
  /** From now on; a kept connection lasts until it is idle. @throws StarlingError `bad-config`, with nothing changed */
  allow(privateNow: readonly string[]): void
}

/** What IANA's special-purpose registries do not call globally reachable, and multicast. */
const privateNetworks: ReadonlyArray<readonly [address: string, prefix: number]> = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
  ['::', 128],
  ['::1', 128],
  // NAT64 of one's own network: it leads to whatever that network says.
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8]
]
/** IPv6 addresses that stand for an IPv4 one, which is what counts: NAT64, and 6to4. (Mapped ones BlockList knows.) */
const embedding: ReadonlyArray<readonly [network: readonly [string, number], firstByte: number]> = [
  [['64:ff9b::', 96], 12],
  [['2002::', 16], 2]
]

/**
 * @param allowPrivate hosts (`wsus`, `*.corp.example`), addresses or networks (`10.1.0.0/16`) that may be asked although
 * they are private; with `:port` behind a host or an address only on that port (`127.0.0.1:8530`, `[::1]:8530`)
 * @param resolve the system's, unless somebody has a better one
 * @throws StarlingError `bad-config`
 */
export function createAddressCheck(
  allowPrivate: readonly string[],
  resolve: Resolve = (host, options, done) => lookup(host, options, done)
): AddressCheck {
  const blocked = networks(privateNetworks)
  let listed = allowPrivate.map(parseListed)

  const hostListed = (host: string, port: number): boolean =>
    listed.some(
      entry =>
        entry.kind === 'host' &&
        entry.matches(host.toLowerCase()) &&
        (entry.port === null || entry.port === port)
    )
  const mayAsk = (address: string, port: number): boolean => {
    const plain = unwrapped(address)
    const family = isIPv4(plain) ? 'ipv4' : 'ipv6'
    if (!blocked.check(plain, family)) return true
    return listed.some(
      entry =>
        entry.kind === 'network' &&
        entry.addresses.check(plain, family) &&
        (entry.port === null || entry.port === port)
    )
  }

  return {
    allow: privateNow => {
      listed = privateNow.map(parseListed)
    },
    checkHost: (bracketed, port) => {
      const host = plainHost(bracketed)
      if (hostListed(host, port)) return
      const isSelf = /^(.*\.)?localhost\.?$/i.test(host)
      if (isSelf ? !mayAsk('127.0.0.1', port) : isIP(host) !== 0 && !mayAsk(host, port))
        throw refused(host, port)
    },
    lookup: port => (host, options, done) => {
      resolve(host, { ...options, all: true }, (error, addresses) => {
        if (error !== null) return done(error, [])
        const askable = hostListed(host, port)
          ? addresses
          : addresses.filter(({ address }) => mayAsk(address, port))
        const first = askable[0]
        if (first === undefined) return done(refused(host, port), [])
        if (options.all === true) done(null, askable)
        else done(null, first.address, first.family)
      })
    }
  }
}

/** Why a host would be refused as it is written; null: it would not. @throws StarlingError `bad-config` */
export function upstreamRefusal(allowPrivate: readonly string[], host: string, port: number): string | null {
  const check = createAddressCheck(allowPrivate)
  try {
    check.checkHost(host, port)
    return null
  } catch (error) {
    return messageOf(error)
  }
}

/** The same for what the host's name leads to. Null also where it leads nowhere. @throws StarlingError `bad-config` */
export function resolvedRefusal(
  allowPrivate: readonly string[],
  host: string,
  port: number
): Promise<string | null> {
  const lookup = createAddressCheck(allowPrivate).lookup(port)
  return new Promise(resolve => {
    lookup(host, { all: true }, error => {
      resolve(error !== null && codeOf(error) === 'upstream-refused-address' ? error.message : null)
    })
  })
}

/**
 * Without brackets, and with the spellings of an address that the system's resolver takes (`2130706433`, `0x7f.1`,
 * `0177.0.0.1`) written as one: a name in a URL comes so already, one of CONNECT does not.
 */
function plainHost(host: string): string {
  const spelt = /^[\da-fx.]+$/i.test(host) ? (URL.parse(`http://${host}/`)?.hostname ?? host) : host
  return spelt.replace(/^\[(.*)\]$/, '$1')
}

function refused(host: string, port: number): StarlingError {
  return new StarlingError(
    'upstream-refused-address',
    `${host}:${port} is a private address: if it may be asked, list it in upstream.allowPrivate`
  )
}

type Listed =
  | { readonly kind: 'host'; readonly port: number | null; matches(host: string): boolean }
  | { readonly kind: 'network'; readonly port: number | null; readonly addresses: BlockList }

function parseListed(text: string): Listed {
  const bad = new StarlingError(
    'bad-config',
    `${JSON.stringify(text)} in upstream.allowPrivate is not a host, an address or a network like 10.1.0.0/16`
  )
  const network = /^([0-9a-f.:]+)\/(\d{1,3})$/i.exec(text)
  if (network !== null) {
    const [, address, prefix] = network
    const bits = isIPv4(address!) ? 32 : 128
    if (isIP(address!) === 0 || Number(prefix) > bits) throw bad
    return { kind: 'network', port: null, addresses: networks([[address!, Number(prefix)]]) }
  }
  if (isIP(text) === 6) return { kind: 'network', port: null, addresses: networks([[text, 128]]) }
  const parts = /^(?:\[([0-9a-f.:]+)\]|([a-z0-9._*-]+))(?::(\d{1,5}))?$/i.exec(text)
  const port = parts?.[3] === undefined ? null : Number(parts[3])
  const host = parts?.[1] ?? parts?.[2]
  if (host === undefined || (port !== null && port > 65_535)) throw bad
  const family = isIP(host)
  if (parts?.[1] !== undefined && family !== 6) throw bad
  if (family !== 0) return { kind: 'network', port, addresses: networks([[host, family === 4 ? 32 : 128]]) }
  const name = host.toLowerCase()
  if (!name.includes('*')) return { kind: 'host', port, matches: asked => asked === name }
  if (!/^\*\.[^*]+$/.test(name)) throw bad
  return { kind: 'host', port, matches: asked => asked === name.slice(2) || asked.endsWith(name.slice(1)) }
}

function networks(entries: ReadonlyArray<readonly [string, number]>): BlockList {
  const list = new BlockList()
  for (const [address, prefix] of entries) list.addSubnet(address, prefix, isIPv4(address) ? 'ipv4' : 'ipv6')
  return list
}

/** The IPv4 address that an IPv6 one stands for, else the address itself. */
function unwrapped(address: string): string {
  if (isIPv4(address)) return address
  const bytes = ipv6Bytes(address)
  const ipv4At = (first: number): string => bytes.slice(first, first + 4).join('.')
  for (const [network, firstByte] of embedding) {
    if (networks([network]).check(address, 'ipv6')) return ipv4At(firstByte)
  }
  return address
}

function ipv6Bytes(address: string): number[] {
  // The URL parser brings every spelling (embedded IPv4, zeros, case) into one form: groups of hex, one `::` at most.
  const plain = new URL(`http://[${address.replace(/%.*$/, '')}]/`).hostname.slice(1, -1)
  const [left = '', right] = plain.split('::')
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
  const head = groups(left)
  const tail = right === undefined ? [] : groups(right)
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  return [...head, ...zeros, ...tail].flatMap(group => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 255]
  })
}
