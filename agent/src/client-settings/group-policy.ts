/**
 * Which values of the registry are a Group Policy's. Windows keeps what it wrote for policies in a file (ntuser.pol in ProgramData for the
 * machine, in the profile for a user) and takes away at the next change what is no policy any more; what is not in it stays. The
 * format is that of Registry.pol: https://learn.microsoft.com/previous-versions/windows/desktop/policy/registry-policy-file-format
 */
import type { Place } from './places.ts'
import { storedFrom, type Stored } from './stored.ts'

export interface GroupPolicy {
  /** Undefined: no policy sets it. Null: a policy takes it away. */
  at(place: Place): Stored | undefined
}

const signature = Buffer.from('PReg\u0001\u0000\u0000\u0000', 'latin1')
const typeNames: Readonly<Record<number, string>> = {
  1: 'REG_SZ',
  2: 'REG_EXPAND_SZ',
  3: 'REG_BINARY',
  4: 'REG_DWORD'
}

/** @param hive `HKLM` or `HKCU`: the file does not say. A file that is none says nothing. */
export function groupPolicyFrom(file: Uint8Array, hive: string): GroupPolicy {
  const values = new Map<string, Stored>()
  const emptied = new Set<string>()
  for (const { key, name, type, data } of entriesOf(Buffer.from(file))) {
    const path = `${hive}\\${key}`.toLowerCase()
    const [, removed] = /^\*\*del\.(.*)$/i.exec(name) ?? []
    if (removed !== undefined) values.set(`${path}\\${removed.toLowerCase()}`, null)
    else if (/^\*\*delvals/i.test(name)) emptied.add(path)
    else values.set(`${path}\\${name.toLowerCase()}`, storedOf(type, data))
  }
  return {
    at(place) {
      if (!('key' in place)) return undefined
      const path = place.key.toLowerCase()
      const value = values.get(`${path}\\${place.name.toLowerCase()}`)
      return value === undefined && emptied.has(path) ? null : value
    }
  }
}

interface Entry {
  readonly key: string
  readonly name: string
  readonly type: number
  readonly data: Buffer
}

/** `[key;name;type;size;data]` in UTF-16; texts end in a null, numbers are 32 bits. */
function* entriesOf(file: Buffer): Generator<Entry> {
  if (!file.subarray(0, signature.length).equals(signature)) return
  let at = signature.length
  const mark = (character: string): boolean => {
    const isThere = at + 2 <= file.length && file.readUInt16LE(at) === character.charCodeAt(0)
    at += 2
    return isThere
  }
  const word = (): string | null => {
    const start = at
    while (at + 2 <= file.length && file.readUInt16LE(at) !== 0) at += 2
    const found = at + 2 <= file.length ? file.toString('utf16le', start, at) : null
    at += 2
    return found
  }
  while (at < file.length) {
    if (!mark('[')) return
    const key = word()
    if (key === null || !mark(';')) return
    const name = word()
    if (name === null || !mark(';') || at + 12 > file.length) return
    const type = file.readUInt32LE(at)
    const size = file.readUInt32LE(at + 6)
    at += 4
    if (!mark(';')) return
    at += 4
    if (!mark(';')) return
    const data = file.subarray(at, at + size)
    at += size
    if (data.length !== size || !mark(']')) return
    yield { key, name, type, data }
  }
}

/** What we cannot read is a policy all the same, and not what we want. */
function storedOf(type: number, data: Buffer): Stored {
  const name = typeNames[type] ?? ''
  if (name === 'REG_DWORD')
    return data.length === 4 ? storedFrom(name, `0x${data.readUInt32LE(0).toString(16)}`) : null
  if (name === 'REG_BINARY') return storedFrom(name, data.toString('hex'))
  return storedFrom(name, data.toString('utf16le').replace(/\0+$/, ''))
}
