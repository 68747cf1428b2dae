/**
 * Microsoft's open-source Delivery Optimization client for Linux: one GET for everything, and when that breaks a GET
 * for the rest. It never takes back an earlier Range: after its second break it sends two, and means the last.
 * It checks neither where a 206 begins nor any digest, so a wrong answer becomes a wrong file.
 */
import type { Span } from '@starling/shared/chunking.ts'
import type { Question } from './connection.ts'
import { createReplay, rangeText, type Replayer } from './replay.ts'

/** Where the line breaks, as shares of the file: so that one, and then two Range headers are sent. */
const breaks = [0.3, 0.6]

export const replayLinux: Replayer = async (target, offer, options = {}) => {
  const replay = createReplay('Linux DO', target, offer, options)
  const { length, url } = offer
  const ranges: Question['headers'][number][] = []
  let have = 0
  for (const share of [...breaks, 1]) {
    // Each time on a new connection: the one before has broken.
    const connection = replay.connect()
    const rest: Span = { start: have, end: length }
    if (have > 0) ranges.push(['Range', rangeText(rest)])
    const until = Math.floor(length * share)
    const { body, exchange } = await replay.ask(connection, {
      name: have === 0 ? 'everything' : ranges.map(([, range]) => range).join(' and '),
      method: 'GET',
      url,
      headers: [
        ['Host', ''],
        ['User-Agent', 'Microsoft-Delivery-Optimization-Lite/10.0.0.1'],
        ['Accept', '*/*'],
        ...ranges
      ],
      expect: have === 0 ? 'all' : rest,
      ...(share < 1 ? { leaveAfter: until - have } : {})
    })
    if (exchange.status !== 200 && exchange.status !== 206) break
    // What came beyond is given up, so that each run breaks at the same byte.
    const kept = share < 1 ? body.subarray(0, until - have) : body
    replay.keep(have, kept)
    have += kept.length
  }
  return replay.finish()
}
