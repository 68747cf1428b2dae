/**
 * How Windows keeps the proxy of WinHTTP (`WinHttpSettings`) and that of a user or of the machine (`DefaultConnectionSettings`): records
 * of 32-bit numbers and counted texts. Microsoft documents the programs that write them (netsh, bitsadmin) and not the records, so
 * they are read to see what is there, and what does not look like one is nothing that we touch.
 *
 * A record ends in more fields than are known here; in what we make of one they stay as they were.
 */

export interface WinHttpRecord {
  /** `http=proxy:80;https=...` or `proxy:80`; empty: directly. */
  readonly proxy: string
  /** Hosts that are asked directly, parted by semicolons. */
  readonly bypass: string
}

export interface ConnectionRecord extends WinHttpRecord {
  /** Address of a script (PAC); empty: none. */
  readonly script: string
  /** WPAD. */
  readonly isDetecting: boolean
}

/** Bits of the third number. The lowest is always set. */
const flags = { direct: 1, proxy: 2, script: 4, detect: 8 } as const
/** Version and counter of changes are before the flags. */
const flagsAt = 8
const textsAt = 12
/** The version of Windows 8 and everything after it, in records that were not there. */
const newest = { winHttp: 0x28, connection: 0x46 } as const

/** What stands in a record, used or not: the flags say what counts. */
interface Fields {
  readonly flags: number
  readonly texts: readonly string[]
  readonly rest: Buffer
}

function fieldsOf(record: Buffer, textCount: number): Fields | null {
  if (record.length < textsAt + 8) return null
  const texts: string[] = []
  let at = textsAt
  while (texts.length < textCount) {
    // What ends before its last text has no such text.
    if (at === record.length && texts.length >= 2) texts.push('')
    else {
      if (at + 4 > record.length) return null
      const length = record.readUInt32LE(at)
      const part = record.subarray(at + 4, at + 4 + length)
      if (part.length !== length || part.some(byte => byte < 0x20 || byte > 0x7e)) return null
      texts.push(part.toString('latin1'))
      at += 4 + length
    }
  }
  return { flags: record.readUInt32LE(flagsAt), texts, rest: record.subarray(at) }
}

/** @returns null for what is no such record, or says more than a proxy (`netsh winhttp set advproxy`) */
export function winHttpFrom(record: Buffer): WinHttpRecord | null {
  const fields = fieldsOf(record, 2)
  if (fields === null || (fields.flags & (flags.script | flags.detect)) !== 0) return null
  const [proxy = '', bypass = ''] = fields.texts
  return (fields.flags & flags.proxy) === 0 ? { proxy: '', bypass: '' } : { proxy, bypass }
}

/** As netsh is going to write it, but for counter and what follows. */
export function winHttpRecord({ proxy, bypass }: WinHttpRecord): Buffer {
  const used = flags.direct | (proxy === '' ? 0 : flags.proxy)
  return recordOf(newest.winHttp, 0, used, [proxy, bypass], Buffer.alloc(0))
}

export function connectionFrom(record: Buffer): ConnectionRecord | null {
  const fields = fieldsOf(record, 3)
  if (fields === null) return null
  const [proxy = '', bypass = '', script = ''] = fields.texts
  const hasProxy = (fields.flags & flags.proxy) !== 0
  return {
    proxy: hasProxy ? proxy : '',
    bypass: hasProxy ? bypass : '',
    script: (fields.flags & flags.script) === 0 ? '' : script,
    isDetecting: (fields.flags & flags.detect) !== 0
  }
}

/** The record with this script in it (empty: with none), whatever else it says. @param before null: there was none */
export function withScript(before: Buffer | null, script: string): Buffer {
  const old = before === null ? null : fieldsOf(before, 3)
  const [proxy = '', bypass = ''] = old?.texts ?? []
  return recordOf(
    before === null ? newest.connection : before.readUInt32LE(0),
    before === null ? 1 : (before.readUInt32LE(4) + 1) >>> 0,
    ((old?.flags ?? flags.direct) & ~flags.script) | (script === '' ? 0 : flags.script),
    [proxy, bypass, script],
    old === null || old.rest.length === 0 ? Buffer.alloc(32) : old.rest
  )
}

/** The record with the search by WPAD turned off. */
export function withoutDetecting(record: Buffer): Buffer {
  const changed = Buffer.from(record)
  changed.writeUInt32LE(record.readUInt32LE(flagsAt) & ~flags.detect, flagsAt)
  return changed
}

function recordOf(
  version: number,
  counter: number,
  used: number,
  texts: readonly string[],
  rest: Buffer
): Buffer {
  const head = Buffer.alloc(textsAt)
  head.writeUInt32LE(version, 0)
  head.writeUInt32LE(counter, 4)
  head.writeUInt32LE(used, flagsAt)
  const counted = texts.flatMap(part => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(part.length)
    return [length, Buffer.from(part, 'latin1')]
  })
  return Buffer.concat([head, ...counted, rest])
}
