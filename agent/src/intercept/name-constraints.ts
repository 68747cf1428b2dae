/**
 * The Name Constraints extension (RFC 5280, 4.2.1.10) in DER, pure, because the library knows no such extension. A kind of
 * name that no constraint mentions is allowed without limit, so addresses are excluded outright, with all of IPv4 and IPv6.
 */
import type { CaNames } from './names.ts'

export const nameConstraintsId = '2.5.29.30'

const tag = { sequence: 0x30, permitted: 0xa0, excluded: 0xa1, dnsName: 0x82, ipAddress: 0x87 } as const
/** Address and mask, both all zeros. */
const allOfIpv4 = new Uint8Array(8)
const allOfIpv6 = new Uint8Array(32)

export function nameConstraintsOf({ permitted, excluded }: CaNames): Uint8Array {
  const dns = (domain: string): Uint8Array => subtree(tag.dnsName, Buffer.from(domain, 'ascii'))
  return der(
    tag.sequence,
    der(tag.permitted, ...permitted.map(dns)),
    der(
      tag.excluded,
      ...excluded.map(dns),
      subtree(tag.ipAddress, allOfIpv4),
      subtree(tag.ipAddress, allOfIpv6)
    )
  )
}

function subtree(kind: number, name: Uint8Array): Uint8Array {
  return der(tag.sequence, der(kind, name))
}

function der(kind: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([kind, ...lengthOf(content.length)]), content])
}

/** Short form below 128, else the number of bytes and the bytes. */
function lengthOf(length: number): number[] {
  if (length < 0x80) return [length]
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return [0x80 | bytes.length, ...bytes]
}
