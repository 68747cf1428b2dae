/** Addresses and networks as numbers, so that it can be told which network an address is in: IPv4, IPv6, CIDR (RFC 4632, RFC 4291). */

export interface Network {
  readonly family: 4 | 6
  readonly address: bigint
  readonly prefix: number
}

const bitsOf = { 4: 32, 6: 128 } as const

/** `10.1.0.0/16`, `fd00::/8`, or a single address. @returns null for what is none */
export function networkFrom(text: string): Network | null {
  const [, address, prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  // A zone says which link, not which network.
  const plain = address?.replace(/%[^%]+$/, '') ?? ''
  const family = plain.includes(':') ? 6 : 4
  const value = family === 6 ? ip6From(plain) : ip4From(plain)
  const bits = Number(prefix ?? bitsOf[family])
  return value === null || bits > bitsOf[family] ? null : { family, address: value, prefix: bits }
}

/** Whether all of `inner` lies in `outer`. */
export function contains(outer: Network, inner: Pick<Network, 'family' | 'address'>): boolean {
  if (outer.family !== inner.family) return false
  const hostBits = BigInt(bitsOf[outer.family] - outer.prefix)
  return outer.address >> hostBits === inner.address >> hostBits
}

function ip4From(text: string): bigint | null {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return null
  const bytes = text.split('.')
  // 010 is 8 to some and 10 to others.
  if (bytes.some(byte => Number(byte) > 255 || /^0\d/.test(byte))) return null
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

function ip6From(text: string): bigint | null {
  const lastColon = text.lastIndexOf(':')
  const embedded = text.slice(lastColon + 1)
  if (embedded.includes('.')) {
    const value = ip4From(embedded)
    if (value === null) return null
    const words = `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`
    return ip6From(`${text.slice(0, lastColon + 1)}${words}`)
  }
  const halves = text.split('::')
  if (halves.length > 2) return null
  const [head, tail] = halves.map(half => (half === '' ? [] : half.split(':')))
  const missing = 8 - head!.length - (tail?.length ?? 0)
  if (tail === undefined ? missing !== 0 : missing < 1) return null
  const words = [...head!, ...Array.from({ length: missing }, () => '0'), ...(tail ?? [])]
  if (!words.every(word => /^[0-9a-f]{1,4}$/i.test(word))) return null
  return words.reduce((sum, word) => (sum << 16n) | BigInt(`0x${word}`), 0n)
}
