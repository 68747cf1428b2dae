/**
 * The DHCP options that Windows wrote down for an adapter (`DhcpInterfaceOptions` below
 * `HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces`): one after the other, each of code, class, length, vendor
 * flag and expiry in 32 bits little-endian, then its data, filled up to four bytes. Microsoft does not document it; it is
 * read from what machines have there. An option that was asked for and not given has the length 0.
 */

const headBytes = 20

/** By code. What does not fit the layout ends the list. */
export function dhcpOptionsFrom(blob: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength)
  const options = new Map<number, Uint8Array>()
  for (let at = 0; at + headBytes <= blob.length;) {
    const [code, isOfVendor, length] = [
      view.getUint32(at, true),
      view.getUint32(at + 12, true),
      view.getUint32(at + 8, true)
    ]
    const start = at + headBytes
    if (start + length > blob.length) break
    if (length > 0 && isOfVendor === 0) options.set(code, blob.slice(start, start + length))
    at = start + Math.ceil(length / 4) * 4
  }
  return options
}

/** As text, which servers end with a zero byte or not; null: it is none. */
export function dhcpText(option: Uint8Array | undefined): string | null {
  if (option === undefined) return null
  const text = new TextDecoder('latin1').decode(option).replace(/\0+$/, '').trim()
  return /^[\x20-\x7e]+$/.test(text) ? text : null
}
