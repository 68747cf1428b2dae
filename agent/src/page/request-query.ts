/** What `/api/v1/requests?...` asks for, read strictly: a name that is misspelt must not silently show everything. */
import { StarlingError } from '@starling/shared/errors.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { RequestQuery } from '../ports.ts'

const names = ['from', 'to', 'client', 'host', 'class', 'limit', 'cursor']
const limitDefault = 100
const limitMax = 1000

/** @throws StarlingError `bad-query` */
export function requestQueryOf(query: URLSearchParams): RequestQuery {
  for (const name of query.keys())
    if (!names.includes(name))
      throw new StarlingError(
        'bad-query',
        `there is no ${JSON.stringify(name)} to ask for: ${names.join(', ')}`
      )
  const limit = query.get('limit') ?? String(limitDefault)
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > limitMax)
    throw new StarlingError('bad-query', `give limit as a number from 1 to ${limitMax}`)
  return {
    from: momentOf(query, 'from'),
    to: momentOf(query, 'to'),
    client: query.get('client'),
    host: query.get('host'),
    class: query.get('class'),
    limit: Number(limit),
    cursor: query.get('cursor')
  }
}

function momentOf(query: URLSearchParams, name: string): Millis | null {
  const text = query.get(name)
  if (text === null) return null
  const moment = /^\d{4}-\d\d-\d\d(T|$)/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(moment))
    throw new StarlingError('bad-query', `give ${name} as a time like 2026-11-26T08:00:00Z`)
  return moment
}
