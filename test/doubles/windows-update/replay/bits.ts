/**
 * BITS: a HEAD that must tell the size, then ranges one after the other on one connection, each on the condition that
 * the file is still the one of the HEAD. A job may also want several ranges in one answer; then BITS is strict about the
 * framing. (learn.microsoft.com: "HTTP Requirements for BITS Downloads".)
 */
import { KiB } from '@starling/shared/units.ts'
import { Prng } from '@starling/shared/prng.ts'
import type { Span } from '@starling/shared/chunking.ts'
import type { Offer } from '../windows-update.ts'
import type { Connection, Question } from './connection.ts'
import { readMultipart } from './multipart.ts'
import { createReplay, rangeText, type Replay, type ReplayOptions, type ReplayResult } from './replay.ts'
import type { Target } from './target.ts'

export interface BitsOptions extends ReplayOptions {
  /** The job was paused and remembers this date: if the file has changed since, the server must say so (412). */
  readonly rememberedDate?: Date
  /** The first range is asked for as so many separate ones; 1 by default. */
  readonly severalRanges?: number
}

/** The first block is small, as seen on the wire; later ones grow with the speed of the line. */
const firstBlockBytes = 71_745
const blockBytesMin = 64 * KiB
const blockBytesMax = 1024 * KiB

export async function replayBits(
  target: Target,
  offer: Offer,
  options: BitsOptions = {}
): Promise<ReplayResult> {
  const replay = createReplay('BITS', target, offer, options)
  const { url, length } = offer
  const connection = replay.connect()
  const prng = new Prng(options.seed ?? 1)

  const head = await replay.ask(connection, {
    name: 'HEAD',
    method: 'HEAD',
    url,
    headers: headers([]),
    expect: 'all'
  })
  const date = head.exchange.headers['last-modified']
  if (!head.good || date === undefined) {
    if (head.good) replay.complain('HEAD: Last-Modified is missing')
    return replay.finish()
  }
  const remembered = options.rememberedDate?.toUTCString() ?? date
  const condition = ['If-Unmodified-Since', remembered] as const
  const ask = (span: Span): ReturnType<Replay['ask']> =>
    replay.ask(connection, {
      name: rangeText(span),
      method: 'GET',
      url,
      headers: headers([condition, ['Range', rangeText(span)]]),
      expect: Date.parse(date) > Date.parse(remembered) ? 'anything' : span
    })

  const first: Span = { start: 0, end: Math.min(length, firstBlockBytes) }
  if (Date.parse(date) > Date.parse(remembered)) {
    const { status } = (await ask(first)).exchange
    if (status !== 412)
      replay.complain(`${rangeText(first)}: status ${status} instead of 412, although the file has changed`)
    return replay.finish()
  }
  const several = options.severalRanges ?? 1
  if (several > 1) await askForSeveral(replay, connection, offer, condition, cut(first, several))
  let at = several > 1 ? first.end : 0
  while (at < length) {
    const bytes = at === 0 ? firstBlockBytes : blockBytesMin + prng.below(blockBytesMax - blockBytesMin)
    const span: Span = { start: at, end: Math.min(length, at + bytes) }
    const { good, body } = await ask(span)
    if (good) replay.keep(at, body)
    at = span.end
  }
  return replay.finish()
}

async function askForSeveral(
  replay: Replay,
  connection: Connection,
  { url, length }: Offer,
  condition: Question['headers'][number],
  spans: readonly Span[]
): Promise<void> {
  const range = `bytes=${spans.map(({ start, end }) => `${start}-${end - 1}`).join(',')}`
  const { body, exchange } = await replay.ask(connection, {
    name: range,
    method: 'GET',
    url,
    headers: headers([condition, ['Range', range]]),
    expect: 'anything'
  })
  if (exchange.status !== 206) return replay.complain(`${range}: status ${exchange.status} instead of 206`)
  const read = readMultipart(exchange.headers['content-type'] ?? '', body, length)
  for (const sentence of read.complaints) replay.complain(`${range}: ${sentence}`)
  for (const { start, bytes } of read.parts) replay.keep(start, bytes)
  const got = read.parts.map(({ start, bytes }) => rangeText({ start, end: start + bytes.length }))
  const wanted = spans.map(rangeText)
  if (got.join() !== wanted.join()) replay.complain(`${range}: the parts are ${got.join(' ')}`)
}

function cut({ end }: Span, parts: number): Span[] {
  const at = (part: number): number => Math.floor((end * part) / parts)
  return Array.from({ length: parts }, (_, part) => ({ start: at(part), end: at(part + 1) }))
}

function headers(more: Question['headers']): Question['headers'] {
  return [
    ['Connection', 'Keep-Alive'],
    ['Accept', '*/*'],
    ['Accept-Encoding', 'identity'],
    ...more,
    ['User-Agent', 'Microsoft BITS/7.8'],
    ['Host', '']
  ]
}
