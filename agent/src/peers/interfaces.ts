/**
 * The links this machine is on, as mDNS needs them: each with the IPv4 address that names its socket, the
 * addresses to tell there, and the test whether an address belongs to it. Only what we listen on counts; the
 * loopback link is one of them only when we listen there, so that 127.0.0.1 is never told to a LAN.
 */
import { BlockList, isIPv6 } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'
import { isLoopback } from './addresses.ts'

export interface Link {
  /** IPv4 address of the interface: what multicast is sent from. */
  readonly ip: string
  readonly addresses: readonly string[]
  readonly isOnLink: (ip: string) => boolean
}

/** @param only names or addresses of the interfaces to use; null: all. */
export function usableLinks(
  all: NodeJS.Dict<NetworkInterfaceInfo[]>,
  listenHost: string,
  only: readonly string[] | null
): Link[] {
  return Object.entries(all).flatMap(([name, infos = []]) => {
    const wanted = infos.filter(
      ({ address }) => only === null || only.includes(name) || only.includes(address)
    )
    const heard = wanted.filter(({ address }) => isHeard(address, listenHost))
    const ip = wanted.find(
      ({ family, address }) => family === 'IPv4' && (listenHost === address || isEverything(listenHost))
    )?.address
    if (ip === undefined || heard.length === 0) return []
    const subnets = new BlockList()
    for (const { address, netmask, cidr, family } of wanted) {
      const prefix = Number(cidr?.split('/')[1] ?? (netmask === '' ? 0 : 32))
      subnets.addSubnet(address, prefix, family === 'IPv4' ? 'ipv4' : 'ipv6')
    }
    return [
      {
        ip,
        addresses: heard.map(({ address }) => address),
        isOnLink: (other: string) => subnets.check(other, isIPv6(other) ? 'ipv6' : 'ipv4')
      }
    ]
  })
}

function isEverything(listenHost: string): boolean {
  return listenHost === '0.0.0.0' || listenHost === '::'
}

/** Whether a listener on `listenHost` is reached at `address`. Link-local IPv6 is not: it needs a zone. */
function isHeard(address: string, listenHost: string): boolean {
  if (listenHost === address) return true
  if (!isEverything(listenHost) || isLoopback(address) || /^fe[89ab]/i.test(address)) return false
  return isIPv6(address) === isIPv6(listenHost)
}
