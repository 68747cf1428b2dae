/** What people see: tables in plain text, one JSON value with --json, and exit codes that scripts can rely on. */
import { codeOf, messageOf } from '@starling/shared/errors.ts'

export const exitCodes = { ok: 0, failed: 1, usage: 2, config: 78 } as const

/** sysexits.h calls 78 EX_CONFIG; services are not restarted for these, for they would only fail again. */
const configCodes = new Set([
  'bad-config',
  'store-newer',
  'store-other-fleet',
  'store-refused',
  'identity-damaged',
  'secret-file-exposed',
  'secret-file-unreadable',
  'admin-token-damaged',
  'master-key-missing',
  'master-key-damaged',
  'master-key-wrong',
  'sealed-wrong'
])

export function exitCodeOf(error: unknown): number {
  return configCodes.has(codeOf(error)) ? exitCodes.config : exitCodes.failed
}

export function printError(error: unknown, json: boolean): void {
  const [code, message] = [codeOf(error), messageOf(error)]
  process.stderr.write(
    json
      ? `${JSON.stringify({ error: { code, message } })}\n`
      : `starling-coordinator: ${withoutControls(message)}\n`
  )
}

export function print(text: string): void {
  process.stdout.write(`${withoutControls(text)}\n`)
}

/**
 * Agents choose the names of their hosts, contents and versions, and a terminal obeys what stands in them. Spelt as JSON
 * spells it, so that what is JSON stays the same.
 */
export function withoutControls(text: string): string {
  return text.replaceAll(
    /(?!\n)[\p{Cc}\p{Bidi_Control}]/gu,
    control => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
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

/** `2026-03-01 12:00` in this machine's time zone is what an admin compares with the clock on the wall. */
export function when(at: number | null): string {
  if (at === null) return 'never'
  const date = new Date(at)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`
}
