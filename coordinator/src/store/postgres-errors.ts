/**
 * What PostgreSQL and the way to it can say, as errors that tell an administrator what to do. Codes:
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'

/** @param called the database without its password. */
export function postgresError(cause: unknown, called: string): unknown {
  if (cause instanceof StarlingError) return cause
  const code = codeOf(cause)
  const why = messageOf(cause)
  if (code.startsWith('28') || code === '42501' || code === '3D000') {
    return new StarlingError(
      'store-refused',
      `${called} does not let this coordinator in (${why}): check user and password, that the database exists, ` +
        'and that the user may create tables in it',
      { cause }
    )
  }
  if (code === '53100') {
    return new StarlingError(
      'store-full',
      `the disk of ${called} is full: make room; nothing that was answered is lost`,
      { cause }
    )
  }
  if (!isAway(code, why)) return cause
  return new StarlingError(
    'store-away',
    `${called} cannot be used now (${why}): check that PostgreSQL runs and can be reached; ` +
      'the coordinator goes on by itself when it is back',
    { cause }
  )
}

/** Two transactions stood in each other's way, and PostgreSQL ended this one. */
export function isToBeRepeated(cause: unknown): boolean {
  return ['40001', '40P01'].includes(codeOf(cause))
}

function isAway(code: string, why: string): boolean {
  return (
    // 08: the connection; 57: shut down, starting up, too slow; 53: no connection, no memory left; 25006: a standby.
    ['08', '57', '53'].some(family => code.length === 5 && code.startsWith(family)) ||
    code === '25006' ||
    /^(E[A-Z]+|CERT_[A-Z_]+|ERR_TLS_[A-Z_]+|[A-Z_]*CERT[A-Z_]*)$/.test(code) ||
    // pg has no codes for what it finds out itself.
    /timeout|terminated|Connection (ended|closed)|not queryable|server does not support SSL/i.test(why)
  )
}
