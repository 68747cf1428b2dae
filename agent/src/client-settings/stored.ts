/**
 * A value as Windows' registry has it, and how people read it: type and data as `reg.exe` prints and takes them, so that what was
 * there can be put back to the bit. Values of other kinds (Go's settings) are texts (REG_SZ) here.
 */
import { z } from 'zod'

/** What can be put back: texts, numbers, bytes. */
const types = ['REG_SZ', 'REG_EXPAND_SZ', 'REG_DWORD', 'REG_BINARY'] as const

export interface StoredValue {
  readonly type: (typeof types)[number]
  /** A text, `0x1f`, or hex digits. */
  readonly data: string
}

/** Null: there is no such value. */
export type Stored = StoredValue | null

export const storedSchema: z.ZodType<Stored> = z
  .strictObject({ type: z.enum(types), data: z.string().max(65_536) })
  .refine(({ type, data }) => isWellFormed(type, data))
  .nullable()

export const text = (data: string): StoredValue => ({ type: 'REG_SZ', data })
export const number = (value: number): StoredValue => ({
  type: 'REG_DWORD',
  data: `0x${value.toString(16)}`
})
export const bytes = (data: Uint8Array): StoredValue => ({
  type: 'REG_BINARY',
  data: Buffer.from(data).toString('hex')
})

/** As `reg.exe` prints it. @returns null for what could not be put back exactly: another type, or a text that the console garbled */
export function storedFrom(type: string, data: string): StoredValue | null {
  const known = types.find(one => one === type)
  if (known === undefined || data.includes('\ufffd')) return null
  const value = { type: known, data: /^REG_E?.*SZ$/.test(known) ? data : data.toLowerCase() }
  return isWellFormed(known, value.data) ? value : null
}

function isWellFormed(type: StoredValue['type'], data: string): boolean {
  switch (type) {
    case 'REG_DWORD':
      return /^0x[0-9a-f]{1,8}$/.test(data)
    case 'REG_BINARY':
      return /^([0-9a-f]{2})*$/.test(data)
    case 'REG_SZ':
    case 'REG_EXPAND_SZ':
      // oxlint-disable-next-line no-control-regex -- a line break would end the value in what reg.exe prints
      return !/[\u0000-\u001f]/.test(data)
  }
}

export const textOf = (stored: Stored): string | null =>
  stored === null || !stored.type.endsWith('SZ') ? null : stored.data
export const numberOf = (stored: Stored): number | null =>
  stored?.type === 'REG_DWORD' ? Number(stored.data) : null
export const bytesOf = (stored: Stored): Buffer | null =>
  stored?.type === 'REG_BINARY' ? Buffer.from(stored.data, 'hex') : null

export function isSameStored(a: Stored, b: Stored): boolean {
  return a?.type === b?.type && a?.data === b?.data
}

/** For people. */
export function shown(stored: Stored): string {
  if (stored === null) return '(not set)'
  if (stored.type === 'REG_DWORD') return String(numberOf(stored))
  return stored.data === '' ? '(empty)' : stored.data
}
