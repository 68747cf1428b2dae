import { describe, expect, test } from 'vitest'
import type { HeaderList } from '@starling/shared/http-fields.ts'
import { planAnswer, type Plan } from './plan.ts'
import { parseRange } from './range.ts'

const lastModified = 'Sun, 06 Nov 1994 08:49:37 GMT'
const headers: HeaderList = [
  ['content-type', 'text/plain'],
  ['content-disposition', 'attachment'],
  ['etag', '"1"'],
  ['last-modified', lastModified],
  ['cache-control', 'max-age=60']
]

function plan(asked: HeaderList, { method = 'GET', length = 10 } = {}): Plan {
  const ranges = asked.filter(([name]) => name === 'range').map(([, value]) => value)
  return planAnswer({ method, headers: asked, range: parseRange(ranges) }, { headers, length })
}
const names = ({ headers: given }: Plan): string[] => given.map(([name]) => name)
const spans = ({ parts }: Plan): number[][] => parts.map(({ span }) => [span.start, span.end])

describe('the answer', () => {
  test('is everything, with its length', () => {
    const whole = plan([])
    expect([whole.status, spans(whole)]).toEqual([200, [[0, 10]]])
    expect(whole.headers).toContainEqual(['content-length', '10'])
  })

  test('of nothing has no parts', () => {
    expect(plan([], { length: 0 }).parts).toEqual([])
  })

  test('to one range is that part', () => {
    const part = plan([['range', 'bytes=2-4']])
    expect([part.status, spans(part)]).toEqual([206, [[2, 5]]])
    expect(part.headers).toContainEqual(['content-range', 'bytes 2-4/10'])
    expect(part.headers).toContainEqual(['content-length', '3'])
  })

  test('to several ranges tells their common length to the byte', () => {
    const several = plan([['range', 'bytes=0-1,4-5']])
    const body = several.parts.reduce(
      (sum, { before, span }) => sum + before.length + span.end - span.start,
      0
    )
    expect(several.headers).toContainEqual(['content-length', String(body + several.after.length)])
    expect(names(several).filter(name => name === 'content-type')).toHaveLength(1)
  })

  test('to what lies beyond the end says how long it is, and describes no content', () => {
    const beyond = plan([['range', 'bytes=10-']])
    expect([beyond.status, beyond.parts]).toEqual([416, []])
    expect(beyond.headers).toContainEqual(['content-range', 'bytes */10'])
    expect(names(beyond)).not.toContain('content-disposition')
  })

  test('to a condition comes before the range', () => {
    const range = ['range', 'bytes=10-'] as const
    expect(plan([range, ['if-none-match', '"1"']]).status).toBe(304)
    expect(plan([range, ['if-match', '"2"']]).status).toBe(412)
  })

  test('304 keeps what is to be remembered', () => {
    expect(names(plan([['if-none-match', '"1"']]))).toEqual(
      expect.arrayContaining(['etag', 'last-modified', 'cache-control'])
    )
  })

  test('is everything when the range was meant for another version', () => {
    const asked = (condition: string): Plan =>
      plan([
        ['range', 'bytes=2-4'],
        ['if-range', condition]
      ])
    expect(['"1"', '"2"', lastModified, 'W/"1"'].map(condition => asked(condition).status)).toEqual([
      206, 200, 206, 200
    ])
  })

  test('to HEAD has the headers of everything: a range is for GET only (RFC 9110, 14.2)', () => {
    const head = plan([['range', 'bytes=2-4']], { method: 'HEAD' })
    expect([head.status, head.parts]).toEqual([200, []])
    expect(head.headers).toContainEqual(['content-length', '10'])
  })
})
