/**
 * A body that breaks is gone on with, from the very byte, wherever it can be had: nobody who reads it notices. Only where it is
 * certain that the rest belongs to it: the length is known, and a strong validator (If-Range) is the same again. Another
 * version is never joined to this one: then the body breaks, as it would have.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { codeOf, StarlingError } from '@starling/shared/errors.ts'
import {
  contentLengthOf,
  contentRangeOf,
  headerOf,
  httpDateOf,
  strongEtagOf,
  type HeaderList
} from '@starling/shared/http-fields.ts'
import { minuteMs, type Bytes } from '@starling/shared/units.ts'
import type { UpstreamRequest, UpstreamResponse } from '../ports.ts'
import { resumeAfterMs, resumesMax } from './limits.ts'

/** What a body is a part of. */
interface Whole {
  readonly start: Bytes
  readonly end: Bytes
  readonly total: Bytes
  readonly validator: string
}

/** What is asked for the rest of a body. */
export interface Rest {
  readonly start: Bytes
  readonly end: Bytes
  readonly validator: string
}

/** @param ask for the rest; null: it must not be asked for once more */
export function resumable(
  response: UpstreamResponse,
  request: UpstreamRequest,
  ask: (rest: Rest) => Promise<UpstreamResponse> | null
): UpstreamResponse {
  const whole = request.method === 'GET' ? wholeOf(response) : null
  if (whole === null) return response
  let current = response
  return {
    ...response,
    body: body(whole),
    trailers: () => current.trailers?.() ?? [],
    cancel: () => current.cancel()
  }

  async function* body({ start, end, total, validator }: Whole): AsyncGenerator<Uint8Array, void, undefined> {
    let position = start
    for (let resumes = 0; ;) {
      let failure: unknown
      try {
        for await (const part of current.body) {
          position += part.length
          yield part
        }
        if (position >= end) return
        failure = new StarlingError('upstream-short', `${current.via} ended after ${position - start} bytes`)
      } catch (error) {
        failure = error
      }
      if (!['upstream-short', 'upstream-timeout', 'upstream-unreachable'].includes(codeOf(failure)))
        throw failure
      for (;;) {
        if (resumes >= resumesMax) throw failure
        await delay(resumeAfterMs[resumes++], undefined, { signal: request.signal }).catch(() => {
          throw new StarlingError('aborted', 'the request was called off', { cause: failure })
        })
        const asked = ask({ start: position, end, validator })
        if (asked === null) throw failure
        const next = await asked.catch((error: unknown) => {
          if (codeOf(error) === 'upstream-bad-answer' || request.signal.aborted) throw failure
          return null
        })
        if (next === null) continue
        if (fits(next, { start: position, end, total, validator })) {
          current = next
          break
        }
        next.cancel()
        if (next.status < 500) throw failure
      }
    }
  }

  function fits(next: UpstreamResponse, whole: Whole): boolean {
    const { headers } = next
    const encoding = headerOf(headers, 'content-encoding')
    return (
      next.status === 206 &&
      next.start === whole.start &&
      next.total === whole.total &&
      (contentRangeOf(headerOf(headers, 'content-range'))?.end ?? Infinity) <= whole.end &&
      validatorOf(headers) === whole.validator &&
      encoding === headerOf(response.headers, 'content-encoding')
    )
  }
}

/** Null: the rest could not be told from that of another version. */
function wholeOf({ status, headers, start, total }: UpstreamResponse): Whole | null {
  const validator = validatorOf(headers)
  if (validator === null || total === null) return null
  if (status === 200) return { start: 0, end: total, total, validator }
  const range = contentRangeOf(headerOf(headers, 'content-range'))
  if (status !== 206 || range === null) return null
  // Several ranges in one body have no one place in the whole.
  if (/^multipart\//i.test(headerOf(headers, 'content-type') ?? '')) return null
  return { start, end: start + (contentLengthOf(headers) ?? range.end - range.start), total, validator }
}

/** A strong ETag, or a date that is one by RFC 9110, 8.8.2.2: a minute older than the answer. */
function validatorOf(headers: HeaderList): string | null {
  const etag = headerOf(headers, 'etag')
  if (etag !== null) return strongEtagOf(etag)
  const lastModified = headerOf(headers, 'last-modified')
  const [changedAt, date] = [httpDateOf(lastModified), httpDateOf(headerOf(headers, 'date'))]
  return changedAt !== null && date !== null && date - changedAt >= minuteMs ? lastModified : null
}
