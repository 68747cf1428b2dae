/**
 * An answer out of the small cache. All of it is in memory and stays as it is, so nothing waits for the socket: the whole answer
 * is handed over at once, which for small things is most of what an answer costs.
 */
import type { HeaderList } from '@starling/shared/http-fields.ts'
import type { Exchange } from './exchange.ts'
import { explanation } from './fields.ts'
import type { Kept } from './http-cache/kept.ts'
import { planAnswer } from './plan.ts'

/** Of a kept response's headers those that we tell in our own words. */
const told: ReadonlySet<string> = new Set(['age', 'content-length', 'accept-ranges', 'x-starling'])
const toldAgain = new WeakMap<Kept, HeaderList>()

export function serveKept(exchange: Exchange, kept: Kept, how = 'fresh'): void {
  const { res, signal, tally } = exchange
  signal.throwIfAborted()
  const headers: HeaderList = [
    ...headersOf(kept),
    ['age', String(Math.max(0, Math.floor(kept.policy.age())))],
    ['accept-ranges', 'bytes'],
    ['via', `1.1 ${exchange.via}`],
    ['x-starling', explanation('cache', `class=${kept.contentClass}; ${how}`)]
  ]
  tally.answered('cache')
  const send = (status: number, fields: HeaderList, parts: readonly Uint8Array[]): void => {
    res.writeHead(status, fields.flat())
    for (const part of parts.slice(0, -1)) res.write(part)
    tally.bytes(
      parts.reduce((sum, { length }) => sum + length, 0),
      'cache'
    )
    res.end(parts.at(-1))
  }
  if (kept.status !== 200) {
    const hasBody = kept.status !== 204
    const length: HeaderList = hasBody ? [['content-length', String(kept.body.length)]] : []
    return send(
      kept.status,
      [...headers, ...length],
      hasBody && exchange.method !== 'HEAD' ? [kept.body] : []
    )
  }
  const plan = planAnswer(exchange, { headers, length: kept.body.length })
  const parts = plan.parts.flatMap(({ before, span }) => [before, kept.body.subarray(span.start, span.end)])
  send(
    plan.status,
    plan.headers,
    [...parts, plan.after].filter(({ length }) => length > 0)
  )
}

function headersOf(kept: Kept): HeaderList {
  const known = toldAgain.get(kept)
  if (known !== undefined) return known
  const headers = kept.headers.filter(([name]) => !told.has(name))
  toldAgain.set(kept, headers)
  return headers
}
