/**
 * Requests made to have a proxy fetch much for little: each on a file that nobody has asked for yet. What the origin handed
 * to its kernel, minus what was asked for, is how far the agent can be used against an origin or a line.
 */
import { messageOf } from '@starling/shared/errors.ts'
import { KiB, MiB, secondMs, type Bytes, type BytesPerSecond, type Millis } from '@starling/shared/units.ts'
import type { OriginPath } from '../../demo/origin-line.ts'
import { bytesText } from '../../demo/words.ts'
import { download } from '../../e2e/client.ts'
import { bytesOf, poll } from '../../e2e/site.ts'
import type { Bench } from '../bench.ts'
import { oneAgent } from './crowds.ts'

const extentBytes: Bytes = 4 * MiB
/** As on a fast line. Without a limit an origin on loopback has written megabytes before a cancelled request reaches it. */
const lineRate: BytesPerSecond = 125e6

type Span = readonly [first: Bytes, last: Bytes]

interface Trick {
  readonly name: string
  /** The Range header's value; null: none. */
  readonly range: (length: Bytes) => string | null
  /** The bytes that it names, each counted once however often it is named. */
  readonly asked: (length: Bytes) => Bytes
  /** Goes away with the first bytes. */
  readonly isAborted?: boolean
  readonly method?: string
}

const tricks: readonly Trick[] = [
  spans('oneByteInTheMiddle', length => [[length / 2, length / 2]]),
  spans('firstByte', () => [[0, 0]]),
  spans('twoBytesOverAnExtentsEnd', () => [[extentBytes - 1, extentBytes]]),
  { name: 'lastByte', range: () => 'bytes=-1', asked: () => 1 },
  spans('eightBytesSpread', length => spread(length, 8)),
  spans('eightBytesSpreadFromTheEnd', length => spread(length, 8).toReversed()),
  spans('nineBytesSpread', length => spread(length, 9)),
  // 200 spans that each reach 32 KiB further than the one before.
  spans('overlapping200', () => Array.from({ length: 200 }, (_, at) => [0, (at + 1) * 32 * KiB - 1])),
  spans('fiveHundredBytesSpread', length => spread(length, 500)),
  // More than a head may hold.
  spans('thousandBytesSpread', length => spread(length, 1000)),
  { name: 'pastTheEnd', range: length => `bytes=${length}-`, asked: () => 0 },
  { name: 'head', method: 'HEAD', range: () => null, asked: () => 0 },
  {
    name: 'openFromTheMiddleAborted',
    range: length => `bytes=${length / 2}-`,
    asked: () => 1,
    isAborted: true
  },
  { name: 'openFromTheStartAborted', range: () => 'bytes=0-', asked: () => 1, isAborted: true },
  { name: 'wholeAborted', range: () => null, asked: () => 1, isAborted: true }
]

export const amplification: Bench = {
  name: 'http/amplification',
  says: 'Range requests made to have much fetched for little, each on a cold file',
  rounds: 1,
  bars: { worstMiB: { atMost: extentBytes / MiB } },
  open({ sizeBytes }) {
    const length = sizeBytes ?? 256 * MiB
    const notes: string[] = []
    let round = 0
    return oneAgent(
      length,
      async (agent, origin) => {
        round++
        const moreMiB: Record<string, number> = {}
        for (const trick of tricks) {
          const path = await origin.path(`${trick.name}-${round}.bin`)
          const answer = await play(trick, agent.proxy, path.url, length)
          const { bodyBytes, requests } = await untilQuiet(path)
          // RFC 9110, 14.2: a Range may be ignored. Then the client was sent what the origin sent, and nothing was
          // amplified. Nor is it what had come to a client until it went away.
          const asked = answer.status === 206 ? trick.asked(length) : answer.bytes
          moreMiB[`${trick.name}MiB`] = (bodyBytes - asked) / MiB
          const received = await bytesOf(agent, new URL(path.url).pathname).then(
            ({ fromUpstream }) => bytesText(fromUpstream),
            () => 'nothing that it counts'
          )
          notes.push(
            `${trick.name}: ${answer.words}; the origin sent ${bytesText(bodyBytes)} for ${requests} requests, the agent took ${received}`
          )
        }
        return { worstMiB: Math.max(...Object.values(moreMiB)), ...moreMiB }
      },
      lineRate,
      notes
    )
  }
}

function spans(name: string, of: (length: Bytes) => readonly Span[]): Trick {
  return {
    name,
    range: length =>
      `bytes=${of(length)
        .map(([first, last]) => `${first}-${last}`)
        .join(',')}`,
    asked: length => union(of(length))
  }
}

/** Single bytes, evenly. */
function spread(length: Bytes, count: number): Span[] {
  return Array.from({ length: count }, (_, at) => Math.floor(((at + 0.5) * length) / count)).map(
    first => [first, first] as const
  )
}

function union(all: readonly Span[]): Bytes {
  let [bytes, end] = [0, 0]
  for (const [first, last] of all.toSorted((a, b) => a[0] - b[0])) {
    bytes += Math.max(0, last + 1 - Math.max(first, end))
    end = Math.max(end, last + 1)
  }
  return bytes
}

/** @returns the status (null without a whole answer), the body's bytes that came, and what happened in words. */
async function play(
  { range, method, isAborted }: Trick,
  proxy: string,
  url: string,
  length: Bytes
): Promise<{ readonly status: number | null; readonly bytes: Bytes; readonly words: string }> {
  const asked = range(length)
  const away = new AbortController()
  let bytes = 0
  try {
    const { status } = await download(proxy, url, {
      headers: asked === null ? {} : { range: asked },
      method: method ?? 'GET',
      signal: away.signal,
      onBytes(soFar) {
        bytes = soFar
        if (isAborted === true) away.abort()
      }
    })
    return { status, bytes, words: `${status} with ${bytesText(bytes)}` }
  } catch (error) {
    if (!away.signal.aborted) return { status: null, bytes, words: `failed (${messageOf(error)})` }
    return { status: null, bytes, words: `gone after ${bytesText(bytes)}` }
  }
}

const quietMs: Millis = secondMs

/** What was asked for may still be on its way when the client has what it wanted. */
async function untilQuiet(
  path: OriginPath
): Promise<{ readonly bodyBytes: Bytes; readonly requests: number }> {
  let [seen, since] = [-1, performance.now()]
  const { bodyBytes, requests } = await poll(30 * secondMs, path.stats, ({ bodyBytes, flowsNow }) => {
    if (bodyBytes !== seen || flowsNow > 0) [seen, since] = [bodyBytes, performance.now()]
    return performance.now() - since > quietMs
  })
  return { bodyBytes, requests }
}
