/**
 * Numbers, names and tables for a terminal. Names come from the network, so what a terminal would obey (escape sequences) and
 * what could turn a line round (bidirectional marks) is made visible instead.
 */
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'
import type { ByteCounters, TransferView } from '../ports.ts'

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Three digits at the most: `1.23 GiB`. */
export function formatBytes(bytes: Bytes): string {
  let value = Math.max(0, bytes)
  let unit = 0
  while (value >= 999.5 && unit < byteUnits.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${byteUnits[unit]}`
}

export const formatRate = (rate: BytesPerSecond) => `${formatBytes(Number(rate))}/s`

/** The two largest units: `3 h 12 min`. */
export function formatSpan(ms: Millis): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

export function formatShare(part: number, whole: number): string {
  if (whole <= 0) return '0 %'
  // Not "100 %" while something is missing.
  return `${part < whole ? Math.min(99, Math.round((100 * part) / whole)) : 100} %`
}

/** For everything that was not written here. */
export function safeText(text: string): string {
  // \p{Cc}: controls, escape sequences begin with one; \p{Cf}: marks that turn text round or take no room.
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\ufffd')
}

/** Where bytes came from, sources without any left out. */
export function formatSources(
  bytes: Pick<ByteCounters, 'fromCache' | 'fromPeers' | 'fromGateway' | 'fromUpstream'>
): string {
  const parts = [
    ['cache', bytes.fromCache],
    ['LAN peers', bytes.fromPeers],
    ['gateway', bytes.fromGateway],
    ['origin', bytes.fromUpstream]
  ] as const
  const told = parts.filter(([, count]) => count > 0).map(([name, count]) => `${name} ${formatBytes(count)}`)
  return told.length === 0 ? 'nothing yet' : told.join(', ')
}

export function formatTransfer(transfer: TransferView): string {
  const state = [
    formatShare(transfer.keptBytes, transfer.length),
    `of ${formatBytes(transfer.length)}`,
    ...(transfer.peers > 0 ? [`${transfer.peers} peers`] : []),
    ...(transfer.pinned ? ['pinned'] : [])
  ]
  return `${safeText(transfer.key)}  ${state.join(', ')}; from ${formatSources(transfer.bytes)}`
}

export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map(row => row[column]?.length ?? 0))
  )
  return [head, ...rows]
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()
    )
    .join('\n')
}

/** A bar of `width` characters; ASCII, because the consoles of Windows servers are what they are. */
export function bar(part: number, whole: number, width: number): string {
  const filled = whole > 0 ? Math.min(width, Math.floor((width * part) / whole)) : 0
  return `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`
}
