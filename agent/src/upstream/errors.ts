/**
 * From what undici, Node and the system say to what our callers act on. Codes are few: unreachable (somebody else may
 * be tried), timeout, refused-address, bad-answer, short (the body broke off), aborted (by us).
 */
import { codeOf, messageOf, StarlingError } from '@starling/shared/errors.ts'
import { untrustedText, type CaStore } from './untrusted.ts'

const timeouts = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT'
])

const badAnswers = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'])

/** @param where what was asked, for people: `origin.example directly` */
export function upstreamError(
  cause: unknown,
  where: string,
  signal: AbortSignal | null,
  store: CaStore = 'node'
): StarlingError {
  const known = starlingErrorIn(cause)
  if (known !== null) return known
  if (signal?.aborted === true)
    return new StarlingError('aborted', `the request to ${where} was called off`, { cause })
  const code = codeOf(cause)
  if (timeouts.has(code))
    return new StarlingError('upstream-timeout', `${where} did not answer in time`, { cause })
  if (badAnswers.has(code) || isNoHttp(cause)) {
    return new StarlingError(
      'upstream-bad-answer',
      `what ${where} answered is not proper HTTP (${messageOf(cause)})`,
      { cause }
    )
  }
  const untrusted = untrustedText(cause, store)
  if (untrusted !== null) {
    return new StarlingError(
      'upstream-unreachable',
      `${where} shows a certificate that is not to be trusted, so nothing was asked of it ${untrusted}`,
      { cause }
    )
  }
  return new StarlingError('upstream-unreachable', `${where} cannot be reached (${detailOf(cause)})`, {
    cause
  })
}

/**
 * The proxy itself would not do it: a tunnel that it does not grant, a password that it wants. The origin has heard of
 * nothing.
 */
export class TurnedAway extends StarlingError {
  /** Null: the proxy could not even be reached. */
  readonly status: number | null

  constructor(label: string, what: string, status: number | null, cause?: unknown) {
    const isLoop = status === 508
    super(
      isLoop ? 'upstream-loop' : 'upstream-unreachable',
      isLoop
        ? `${label} leads back to where the request came from: check the proxy settings for a loop`
        : `${label} ${what}${status === null ? '' : ` (status ${status})`}`,
      { cause }
    )
    this.status = status
  }
}

/** Whether nothing of the request can have been acted on, so that another route may be tried. */
export function neverConnected(cause: unknown): boolean {
  const connectFailures = [
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'EHOSTDOWN',
    'ENETDOWN',
    'EADDRNOTAVAIL',
    'UND_ERR_CONNECT_TIMEOUT'
  ]
  return connectFailures.includes(codeOf(cause)) || cause instanceof TurnedAway
}

/** A kept connection that the server closed just as we used it, or one reset: a GET may simply be sent again. */
export function connectionLost(cause: unknown): boolean {
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(codeOf(cause))
}

/**
 * What a failure says of the proxy that was asked. `maybe`: the origin behind it may as well be the cause, so that it counts only
 * when somebody else does better. So it is with an answer that is no HTTP, which may have come through a tunnel.
 */
export function blameFor(cause: unknown): 'sure' | 'maybe' | 'none' {
  if (cause instanceof TurnedAway) return cause.status === null ? 'sure' : 'maybe'
  if (neverConnected(cause) || connectionLost(cause)) return 'sure'
  const isDoubtful = timeouts.has(codeOf(cause)) || codeOf(cause) === 'upstream-timeout' || isNoHttp(cause)
  return isDoubtful ? 'maybe' : 'none'
}

/** The parser's own words (`HPE_INVALID_CONSTANT`): whatever listens there speaks something else. */
function isNoHttp(cause: unknown): boolean {
  return cause instanceof Error && cause.name === 'HTTPParserError'
}

function starlingErrorIn(cause: unknown): StarlingError | null {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if (error instanceof StarlingError) return error
  }
  return null
}

function detailOf(cause: unknown): string {
  // With several addresses Node throws an AggregateError whose own message is empty.
  if (cause instanceof AggregateError) return cause.errors.map(messageOf).join('; ')
  return messageOf(cause)
}
