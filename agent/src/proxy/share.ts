/**
 * A client's GET answered from a transfer: preconditions, the range, then the bytes as they become verified.
 *
 * The status line waits for the first byte, because until then everything can still be had from the origin as if we
 * were not there. Afterwards a failure can only be mended where it is certain that the rest belongs to what was sent:
 * the same strong validator and length, at exactly this offset. Otherwise the connection breaks, as it would with an
 * origin that dies.
 */
import { chunksPerExtent, type Span } from '@starling/shared/chunking.ts'
import { codeOf, messageOf, StarlingError } from '@starling/shared/errors.ts'
import { headerOf, secondsOf, type HeaderList } from '@starling/shared/http-fields.ts'
import { validatorOf } from '@starling/shared/http-sharing.ts'
import type { SignedHead } from '@starling/shared/manifest.ts'
import { secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { withoutQuery, type Log } from '../log.ts'
import type { ContentPort, UpstreamPort } from '../ports.ts'
import { breakOff, hasLeft, write, type Exchange } from './exchange.ts'
import { asRecord, explanation } from './fields.ts'
import { rangeAddedBytesMax } from './limits.ts'
import { passThrough } from './pass.ts'
import { planAnswer, type Plan } from './plan.ts'
import { isBackground } from './priority.ts'

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
  const { length, chunkBytes } = signed.head
  const plan = planAnswer(exchange, { headers: commonHeaders(parts.now(), exchange, signed), length })
  const spans = plan.parts.map(({ span }) => span)
  if (spans.length > 1 && addedBytes(spans, length, chunkBytes) > rangeAddedBytesMax) {
    const kept = spans.every(({ start, end }) => parts.content.isKept(signed.transfer, start, end))
    if (!kept) return passThrough(parts, exchange, 'the ranges lie too far apart to be fetched for all')
  }
  await sendParts(parts, exchange, signed, plan, onwardHeaders)
}

/** What fetching these spans in whole extents brings beyond them. */
function addedBytes(spans: readonly Span[], length: Bytes, chunkBytes: Bytes): Bytes {
  const extentBytes = chunksPerExtent * chunkBytes
  const asked = spans.reduce((sum, { start, end }) => sum + end - start, 0)
  let fetched: Bytes = 0
  let reached: Bytes = 0
  for (const { start, end } of spans) {
    const first = Math.max(reached, Math.floor(start / extentBytes) * extentBytes)
    reached = Math.max(reached, Math.min(length, Math.ceil(end / extentBytes) * extentBytes))
    fetched += Math.max(0, reached - first)
  }
  return fetched - asked
}

async function sendParts(
  parts: ShareParts,
  exchange: Exchange,
  signed: SignedHead,
  plan: Plan,
  onwardHeaders: HeaderList
): Promise<void> {
  const { res, signal, url } = exchange
  const isBackgroundRead = isBackground(exchange.headers)
  const begin = (): void => {
    if (!res.headersSent) res.writeHead(plan.status, plan.headers.flat())
  }
  for (const { before, span } of plan.parts) {
    let position = span.start
    let framed = before.length === 0
    const send = async (bytes: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const part of bytes) {
        if (part.length > span.end - position) throw new Error('bug: more bytes than were asked for')
        begin()
        if (!framed) await write(exchange, before, 'swarm')
        framed = true
        position += part.length
        await write(exchange, part, 'swarm')
      }
      if (position < span.end)
        throw new StarlingError('transfer-failed', `the bytes ended at ${position} instead of ${span.end}`)
    }
    try {
      await send(parts.content.read(signed.transfer, span.start, span.end, signal, isBackgroundRead))
      continue
    } catch (error) {
      if (hasLeft(exchange, error)) return void res.destroy()
      parts.log.warn(
        { url: withoutQuery(url), position, problem: messageOf(error) },
        'a shared answer failed'
      )
      if (!res.headersSent) return passThrough(parts, exchange, `the transfer failed (${codeOf(error)})`)
      // Other codes say that what was sent is not to be trusted: nothing good may be joined to it.
      if (codeOf(error) !== 'transfer-failed') return breakOff(exchange, true)
    }
    try {
      await send(resumed(parts, exchange, signed, position, span.end, onwardHeaders))
    } catch (error) {
      if (!hasLeft(exchange, error))
        parts.log.warn(
          { url: withoutQuery(url), position, problem: messageOf(error) },
          'nor could it be resumed'
        )
      return breakOff(exchange, true)
    }
  }
  begin()
  exchange.tally.answered('swarm')
  if (plan.after.length > 0) await write(exchange, plan.after, 'swarm')
  res.end()
}

/** The rest, straight from the origin, if it is certainly the rest of the same. */
async function* resumed(
  { upstream }: ShareParts,
  { url, client, signal }: Exchange,
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
    client,
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
