/**
 * A client's GET answered from a transfer: preconditions, the range, then the bytes as they become verified.
 *
 * The status line waits for the first byte, because until then everything can still be had from the origin as if we
 * were not there. Afterwards a failure can only be mended where it is certain that the rest belongs to what was sent:
 * the same strong validator and length, at exactly this offset. Otherwise the connection breaks, as it would with an
 * origin that dies.
 */
import { codeOf, messageOf, StarlingError } from '@starling/shared/errors.ts'
import { headerOf, secondsOf, type HeaderList } from '@starling/shared/http-fields.ts'
import { validatorOf } from '@starling/shared/http-sharing.ts'
import type { SignedHead } from '@starling/shared/manifest.ts'
import { secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { withoutQuery, type Log } from '../log.ts'
import type { ContentPort, UpstreamPort } from '../ports.ts'
import { judgeConditions, rangeStillGood } from './conditions.ts'
import { breakOff, write, type Exchange } from './exchange.ts'
import { asRecord, explanation } from './fields.ts'
import { passThrough } from './pass.ts'
import { isBackground } from './priority.ts'
import { satisfy } from './range.ts'

export interface ShareParts {
  readonly content: ContentPort
  readonly upstream: UpstreamPort
  readonly log: Log
  now(): Millis
}

/** @param onwardHeaders for an upstream request that is to be answered like any other's (no range, no conditions) */
export async function serveTransfer(
  parts: ShareParts,
  exchange: Exchange,
  signed: SignedHead,
  onwardHeaders: HeaderList
): Promise<void> {
  const { res, range } = exchange
  const { head } = signed
  const common = commonHeaders(parts.now(), exchange, signed)
  const answer = (status: number, headers: HeaderList): void => void res.writeHead(status, headers.flat())

  switch (judgeConditions(exchange.headers, head.headers)) {
    case 'not-modified':
      answer(
        304,
        common.filter(([name]) => name !== 'content-type')
      )
      return void res.end()
    case 'failed':
      answer(412, [...withoutContent(common), ['content-length', '0']])
      return void res.end()
    case 'go-on':
  }
  const ranged = range.kind !== 'none' && rangeStillGood(exchange.headers, head.headers)
  const span = satisfy(ranged ? range : { kind: 'none' }, head.length)
  if (span === null) {
    answer(416, [
      ...withoutContent(common),
      ['content-range', `bytes */${head.length}`],
      ['content-length', '0']
    ])
    return void res.end()
  }
  const { start, end } = span
  const begin = (): void => {
    const place: HeaderList = ranged ? [['content-range', `bytes ${start}-${end - 1}/${head.length}`]] : []
    answer(ranged ? 206 : 200, [...common, ['content-length', String(end - start)], ...place])
  }
  if (exchange.method === 'HEAD') {
    begin()
    return void res.end()
  }
  await sendBytes(parts, exchange, signed, start, end, begin, onwardHeaders)
}

async function sendBytes(
  parts: ShareParts,
  exchange: Exchange,
  signed: SignedHead,
  start: Bytes,
  end: Bytes,
  begin: () => void,
  onwardHeaders: HeaderList
): Promise<void> {
  const { res, signal, url } = exchange
  let position = start
  const send = async (bytes: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const part of bytes) {
      if (part.length > end - position) throw new Error('bug: more bytes than were asked for')
      if (!res.headersSent) begin()
      position += part.length
      await write(exchange, part)
    }
    if (position < end)
      throw new StarlingError('transfer-failed', `the bytes ended at ${position} instead of ${end}`)
  }

  try {
    await send(parts.content.read(signed.transfer, start, end, signal, isBackground(exchange.headers)))
    return void res.end()
  } catch (error) {
    if (signal.aborted) return void res.destroy()
    parts.log.warn({ url: withoutQuery(url), position, problem: messageOf(error) }, 'a shared answer failed')
    if (!res.headersSent) return passThrough(parts, exchange, `the transfer failed (${codeOf(error)})`)
    // Other codes say that what was sent is not to be trusted: nothing good may be joined to it.
    if (codeOf(error) !== 'transfer-failed') return breakOff(exchange, true)
  }
  try {
    await send(resumed(parts, exchange, signed, position, end, onwardHeaders))
    res.end()
  } catch (error) {
    if (!signal.aborted)
      parts.log.warn(
        { url: withoutQuery(url), position, problem: messageOf(error) },
        'nor could it be resumed'
      )
    breakOff(exchange, true)
  }
}

/** The rest, straight from the origin, if it is certainly the rest of the same. */
async function* resumed(
  { upstream }: ShareParts,
  { url, signal }: Exchange,
  { head }: SignedHead,
  position: Bytes,
  end: Bytes,
  onwardHeaders: HeaderList
): AsyncGenerator<Uint8Array, void, undefined> {
  // Where a name promises a digest there is none: the failure may well be that the promise was broken.
  if (head.validator === '')
    throw new StarlingError('no-validator', 'nothing tells whether the origin still has the same')
  const response = await upstream.request({
    url,
    method: 'GET',
    headers: asRecord(onwardHeaders),
    range: { start: position, end },
    ifRange: head.validator,
    signal
  })
  const same =
    response.status === 206 &&
    response.start === position &&
    response.total === head.length &&
    validatorOf(response.headers) === head.validator
  if (!same) {
    response.cancel()
    throw new StarlingError(
      'transfer-changed',
      `the origin answered ${response.status} with another version or range`
    )
  }
  yield* response.body
}

function commonHeaders(now: Millis, exchange: Exchange, { head, signed }: SignedHead): HeaderList {
  const ageSeconds = Math.max(0, Math.floor((now - signed.issuedAt) / secondMs))
  const replayed = head.headers.filter(([name]) => name !== 'age' && name !== 'accept-ranges')
  return [
    ...replayed,
    ['accept-ranges', 'bytes'],
    ['age', String(ageSeconds + (secondsOf(headerOf(head.headers, 'age')) ?? 0))],
    ['via', `1.1 ${exchange.via}`],
    ['x-starling', explanation('swarm', `class=${head.contentClass}`)]
  ]
}

/** For answers that do not carry the content: what describes it would describe the wrong thing. */
function withoutContent(headers: HeaderList): HeaderList {
  return headers.filter(
    ([name]) => !['content-type', 'content-disposition', 'content-language', 'age'].includes(name)
  )
}
