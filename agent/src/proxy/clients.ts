/**
 * Who may ask: programs of this machine, and on a gateway the networks that are listed. The check is on the address a
 * connection comes from, before anything of a request is looked at.
 */
import { BlockList, isIP, isIPv4 } from 'node:net'
import { StarlingError } from '@starling/shared/errors.ts'

/**
 * @param networks addresses or networks (`10.1.0.0/16`); loopback needs no listing
 * @throws StarlingError `bad-config`
 */
export function createClientCheck(networks: readonly string[]): (address: string | undefined) => boolean {
  const allowed = new BlockList()
  allowed.addSubnet('127.0.0.0', 8, 'ipv4')
  allowed.addAddress('::1', 'ipv6')
  for (const text of networks) {
    const [address, prefix, more] = text.split('/')
    const family = isIP(address ?? '')
    const bits = family === 4 ? 32 : 128
    const length = prefix === undefined ? bits : Number(prefix)
    const fits = family !== 0 && more === undefined && /^\d{1,3}$/.test(prefix ?? '0') && length <= bits
    if (!fits || address === undefined) {
      throw new StarlingError(
        'bad-config',
        `${JSON.stringify(text)} in proxy.clients is neither an address nor a network like 10.1.0.0/16`
      )
    }
    allowed.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6')
  }
  // Nearly all come from this machine, and are asked for with each request.
  const known = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1'])
  // A socket that listens for both families calls IPv4 addresses ::ffff:10.1.2.3, which BlockList takes for what they are.
  return address =>
    address !== undefined && (known.has(address) || allowed.check(address, isIPv4(address) ? 'ipv4' : 'ipv6'))
}
