/**
 * What a GET or HEAD is answered with when the whole representation is known, pure: preconditions first, then the
 * range (RFC 9110, 13.2.2). Where the bytes come from is the caller's affair.
 */
import type { Span } from '@starling/shared/chunking.ts'
import { headerOf, type HeaderList } from '@starling/shared/http-fields.ts'
import type { Bytes } from '@starling/shared/units.ts'
import { judgeConditions, rangeStillGood } from './conditions.ts'
import { multipart } from './multipart.ts'
import { satisfy, type Range } from './range.ts'

export interface Plan {
  readonly status: number
  readonly headers: HeaderList
  /** In this order; without any the answer has no body. */
  readonly parts: ReadonlyArray<{ readonly before: Uint8Array; readonly span: Span }>
  readonly after: Uint8Array
}

export interface Representation {
  /** What goes with every answer: the representation's own fields, and ours. */
  readonly headers: HeaderList
  readonly length: Bytes
}

const nothing = new Uint8Array()

export function planAnswer(
  asked: { readonly method: string; readonly headers: HeaderList; readonly range: Range },
  { headers, length }: Representation
): Plan {
  const bodyless = (status: number, fields: HeaderList): Plan => ({
    status,
    headers: fields,
    parts: [],
    after: nothing
  })
  switch (judgeConditions(asked.headers, headers)) {
    case 'not-modified':
      return bodyless(
        304,
        headers.filter(([name]) => name !== 'content-type')
      )
    case 'failed':
      return bodyless(412, [...withoutContent(headers), ['content-length', '0']])
    case 'go-on':
  }
  // A range is for GET only (RFC 9110, 14.2).
  const isForRange = asked.method !== 'HEAD' && rangeStillGood(asked.headers, headers)
  const range = isForRange ? asked.range : ({ kind: 'none' } as const)
  const spans = satisfy(range, length)
  if (spans === null) {
    const place = ['content-range', `bytes */${length}`] as const
    return bodyless(416, [...withoutContent(headers), place, ['content-length', '0']])
  }
  const plan = range.kind === 'none' ? whole(headers, length) : partial(headers, length, spans)
  return asked.method === 'HEAD' ? { ...plan, parts: [], after: nothing } : plan
}

function whole(headers: HeaderList, length: Bytes): Plan {
  return {
    status: 200,
    headers: [...headers, ['content-length', String(length)]],
    parts: length === 0 ? [] : [{ before: nothing, span: { start: 0, end: length } }],
    after: nothing
  }
}

function partial(headers: HeaderList, length: Bytes, spans: readonly Span[]): Plan {
  const [only] = spans
  if (spans.length === 1 && only !== undefined) {
    const place = ['content-range', `bytes ${only.start}-${only.end - 1}/${length}`] as const
    return {
      status: 206,
      headers: [...headers, ['content-length', String(only.end - only.start)], place],
      parts: [{ before: nothing, span: only }],
      after: nothing
    }
  }
  const framed = multipart(spans, length, headerOf(headers, 'content-type'))
  return {
    status: 206,
    headers: [
      ...headers.filter(([name]) => name !== 'content-type'),
      ['content-type', framed.contentType],
      ['content-length', String(framed.length)]
    ],
    parts: framed.parts,
    after: framed.after
  }
}

/** For answers that do not carry the content: what describes it would describe the wrong thing. */
function withoutContent(headers: HeaderList): HeaderList {
  return headers.filter(
    ([name]) => !['content-type', 'content-disposition', 'content-language', 'age'].includes(name)
  )
}
