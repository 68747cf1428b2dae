/** Exit codes that scripts and service managers can rely on, and how errors are told. */
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'

export const exitCodes = { ok: 0, failed: 1, usage: 2, config: 78 } as const

/** sysexits.h calls 78 EX_CONFIG. A service manager need not start again after these: it would only fail again. */
const configCodes = new Set([
  'bad-config',
  'fleet-secret-refused',
  'identity-damaged',
  'membership-damaged',
  'membership-foreign',
  'secret-file-exposed',
  'secret-file-unreadable',
  'ticket-file-unusable'
])

export const exitCodesHelp = `
Exit codes:
  0   done
  1   it failed; stderr says why and what to do
  2   the command line was not understood
  78  the configuration cannot be used`

export function exitCodeOf(error: unknown): number {
  const code = codeOf(error)
  if (code === 'usage') return exitCodes.usage
  return configCodes.has(code) ? exitCodes.config : exitCodes.failed
}

/** What a person should see of an error: a sentence; with `verbose` also where it came from. */
export function describeError(error: unknown, verbose: boolean): string {
  if (verbose && error instanceof Error) return `starling: ${error.stack ?? error.message}${causesOf(error)}`
  if (error instanceof StarlingError) return `starling: ${error.message}`
  return `starling: ${messageOf(error)} (${codeOf(error)}). --verbose tells where this came from.`
}

function causesOf(error: Error): string {
  return error.cause instanceof Error
    ? `\ncaused by ${error.cause.stack ?? error.cause.message}${causesOf(error.cause)}`
    : ''
}
