/** A page of requests that fit a query, the newest first. */
import { hostMatches } from '@starling/shared/content-classes/content-class.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { MiB, minuteMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { AccessLine, RequestPage, RequestQuery } from '../ports.ts'
import { linesBackwards, type Place } from './backwards.ts'

/** So much is read for one page at the most: a search for what is not there must not read for minutes. */
const searchedBytesMax: Bytes = 32 * MiB
/** Lines stand in the order in which they were written, and clocks are set a little now and then. */
const clockSlackMs: Millis = minuteMs

/** @throws StarlingError `bad-query` */
export async function searchRequests(
  folder: string,
  name: string,
  query: RequestQuery
): Promise<RequestPage> {
  const requests: AccessLine[] = []
  let searchedBytes: Bytes = 0
  for await (const { text, at } of linesBackwards(folder, name, placeOf(query.cursor))) {
    searchedBytes += text.length
    const line = lineOf(text)
    const time = line === null ? Number.NaN : Date.parse(line.time)
    if (query.from !== null && time < query.from - clockSlackMs) return { requests, cursor: null }
    if (line !== null && fits(line, time, query)) requests.push(line)
    if (requests.length === query.limit || searchedBytes > searchedBytesMax)
      return { requests, cursor: `${at.number}:${at.offset}` }
  }
  return { requests, cursor: null }
}

function fits(line: AccessLine, time: Millis, query: RequestQuery): boolean {
  return (
    (query.from === null || time >= query.from) &&
    (query.to === null || time <= query.to) &&
    (query.client === null || line.client === query.client) &&
    (query.class === null || line.class === query.class) &&
    (query.host === null || (line.host !== null && hostMatches(query.host, withoutPort(line.host))))
  )
}

const withoutPort = (host: string): string => host.toLowerCase().replace(/:\d{1,5}$/, '')

/** Null: a line that was not written whole, as when the machine lost its power. */
function lineOf(text: string): AccessLine | null {
  try {
    return JSON.parse(text) as AccessLine
  } catch {
    return null
  }
}

function placeOf(cursor: string | null): Place | null {
  if (cursor === null) return null
  const [, number, offset] = /^(\d{1,9}):(\d{1,15})$/.exec(cursor) ?? []
  if (number === undefined)
    throw new StarlingError('bad-query', 'give cursor as the page before told it, or leave it out')
  return { number: Number(number), offset: Number(offset) }
}
