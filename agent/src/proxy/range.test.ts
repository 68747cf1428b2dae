import { expect, test } from 'vitest'
import { parseRange, satisfy } from './range.ts'

test.each<[string[], ReturnType<typeof parseRange>]>([
  [[], { kind: 'none' }],
  [['bytes=0-1'], { kind: 'from', first: 0, last: 1 }],
  [['bytes=5-'], { kind: 'from', first: 5, last: null }],
  [['bytes=-5'], { kind: 'suffix', length: 5 }],
  [['Bytes = 5-6 '], { kind: 'from', first: 5, last: 6 }],
  [['bytes=0-1', 'bytes=2-3'], { kind: 'from', first: 2, last: 3 }],
  [['bytes=0-1,4-5'], { kind: 'several' }],
  [['bytes=0-1, -5'], { kind: 'several' }],
  [['bytes=0-1,'], { kind: 'from', first: 0, last: 1 }],
  [['bytes=5-2'], { kind: 'none' }],
  [['bytes=0-1,5-2'], { kind: 'none' }],
  [['bytes=-'], { kind: 'none' }],
  [['bytes='], { kind: 'none' }],
  [['bytes=a-b'], { kind: 'none' }],
  [['bytes=1-2x'], { kind: 'none' }],
  [['bytes=0x1-2'], { kind: 'none' }],
  [['bytes=1.5-2'], { kind: 'none' }],
  [['items=0-1'], { kind: 'none' }],
  [['0-1'], { kind: 'none' }]
])('%j is %j', (values, expected) => {
  expect(parseRange(values)).toEqual(expected)
})

test.each<[string, number, [number, number] | null]>([
  ['bytes=0-1', 10, [0, 2]],
  ['bytes=0-99', 10, [0, 10]],
  ['bytes=9-', 10, [9, 10]],
  ['bytes=10-', 10, null],
  ['bytes=10-11', 10, null],
  ['bytes=-3', 10, [7, 10]],
  ['bytes=-30', 10, [0, 10]],
  ['bytes=-0', 10, null],
  ['bytes=0-', 0, null],
  ['bytes=0-99999999999999999999999999', 10, [0, 10]],
  [`bytes=${'9'.repeat(400)}-`, 10, null],
  ['bytes=x', 10, [0, 10]]
])('%s of %d bytes', (text, length, expected) => {
  const span = satisfy(parseRange([text]), length)
  expect(span === null ? null : [span.start, span.end]).toEqual(expected)
})
