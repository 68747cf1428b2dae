/** What this agent has given to agents of other sites in this calendar month, as DOMonthlyUploadDataCap counts. It outlives a restart. */
import type { Bytes } from '@starling/shared/units.ts'

export interface FarUploads {
  add(bytes: Bytes): void
  now(): Bytes
  /** To be kept, and given to `createFarUploads` in the next life. */
  snapshot(): unknown
}

/** @param kept by an earlier life; what is no such thing counts as nothing */
export function createFarUploads(kept: unknown, wall: () => Date = () => new Date()): FarUploads {
  const before = kept as { month?: unknown; bytes?: unknown } | null | undefined
  let month = typeof before?.month === 'string' ? before.month : ''
  let bytes = typeof before?.bytes === 'number' && before.bytes >= 0 ? before.bytes : 0

  /** In local time, as an admin reads a calendar. */
  function turnPage(): void {
    const at = wall()
    const present = `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, '0')}`
    if (present === month) return
    month = present
    bytes = 0
  }

  return {
    add(more) {
      turnPage()
      bytes += more
    },
    now() {
      turnPage()
      return bytes
    },
    snapshot() {
      turnPage()
      return { month, bytes }
    }
  }
}
