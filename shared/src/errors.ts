/**
 * One error class for everything that is expected to go wrong. `code` is stable and for programs; the message
 * is for people and says what to do next. What is impossible is an assertion (`assert`), never a StarlingError.
 */
export class StarlingError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StarlingError'
    this.code = code
  }
}

/** The code of a StarlingError or of a Node system error (`ENOSPC`), else `unknown`. */
export function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') {
    return error.code
  }
  return 'unknown'
}

/** For messages about errors that somebody else threw. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** An invariant of our own; failing it is a bug. */
export function assert(condition: unknown, sentence: string): asserts condition {
  if (condition === false || condition === undefined || condition === null)
    throw new Error(`bug: ${sentence}`)
}
