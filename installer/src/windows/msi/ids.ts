/**
 * Names of Windows Installer that must stay the same for ever, or change with the version alone: all follow from the upgrade
 * code, so that ConfigMgr and Ansible know a product code before the package is built.
 */
import { createHash } from 'node:crypto'

/** Braced and in capitals, as Windows Installer writes it. */
export type Guid = string

/** The UUID that a name has within a space (version 5 of RFC 9562). */
export function guidIn(space: Guid, name: string): Guid {
  const digest = createHash('sha1')
    .update(Buffer.from(space.replaceAll(/[{}-]/g, ''), 'hex'))
    .update(name, 'utf8')
    .digest()
  return guidOf(digest, 5)
}

/** One for these bytes, in which nothing else is said (version 8). */
export function guidOfContent(parts: Iterable<string | Uint8Array>): Guid {
  const hash = createHash('sha256')
  // Of each part its length too, so that two parts are never the same as one.
  for (const part of parts) hash.update(`${part.length}\0`).update(part)
  return guidOf(hash.digest(), 8)
}

export function productCode(upgradeCode: Guid, version: string): Guid {
  return guidIn(upgradeCode, version)
}

function guidOf(digest: Buffer, version: number): Guid {
  const bytes = digest.subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | (version << 4)
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex').toUpperCase()
  return `{${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')}}`
}
