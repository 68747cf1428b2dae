import { expect, test } from 'vitest'
import { parseRange, rangeHeader, satisfy } from './range.ts'

const manyRanges = Array.from({ length: 40 }, (_, index) => `${2 * index}-${2 * index}`).join(',')
const firstEight = Array.from({ length: 8 }, (_, index): [number, number] => [2 * index, 2 * index + 1])

test.each<[string[], ReturnType<typeof parseRange>]>([
  [[], { kind: 'none' }],
  [['bytes=0-1'], { kind: 'from', first: 0, last: 1 }],
  [['bytes=5-'], { kind: 'from', first: 5, last: null }],
  [['bytes=-5'], { kind: 'suffix', length: 5 }],
  [['Bytes = 5-6 '], { kind: 'from', first: 5, last: 6 }],
  [['bytes=0-1', 'bytes=2-3'], { kind: 'from', first: 2, last: 3 }],
  [
    ['bytes=0-1,4-5'],
    {
      kind: 'several',
      ranges: [
        { kind: 'from', first: 0, last: 1 },
        { kind: 'from', first: 4, last: 5 }
      ]
    }
  ],
  [
    ['bytes=0-1, -5'],
    {
      kind: 'several',
      ranges: [
        { kind: 'from', first: 0, last: 1 },
        { kind: 'suffix', length: 5 }
      ]
    }
  ],
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

test.each<[string, number, Array<[number, number]> | null]>([
  ['bytes=0-1', 10, [[0, 2]]],
  ['bytes=0-99', 10, [[0, 10]]],
  ['bytes=9-', 10, [[9, 10]]],
  ['bytes=10-', 10, null],
  ['bytes=10-11', 10, null],
  ['bytes=-3', 10, [[7, 10]]],
  ['bytes=-30', 10, [[0, 10]]],
  ['bytes=-0', 10, null],
  ['bytes=0-', 0, null],
  ['bytes=0-99999999999999999999999999', 10, [[0, 10]]],
  [`bytes=${'9'.repeat(400)}-`, 10, null],
  ['bytes=x', 10, [[0, 10]]],
  // oxfmt-ignore
  ['bytes=8-9,0-1', 10, [[0, 2], [8, 10]]],
  // oxfmt-ignore
  ['bytes=0-1,2-3', 10, [[0, 2], [2, 4]]],
  ['bytes=0-4,3-6,1-1', 10, [[0, 7]]],
  ['bytes=0-,0-,0-,-10', 10, [[0, 10]]],
  ['bytes=20-30,4-5', 10, [[4, 6]]],
  ['bytes=20-30,40-50', 10, null],
  [`bytes=${manyRanges}`, 100, firstEight]
])('%s of %d bytes', (text, length, expected) => {
  expect(satisfy(parseRange([text]), length)?.map(({ start, end }) => [start, end]) ?? null).toEqual(expected)
})

test.each<[string, string | null]>([
  ['bytes=5-6', 'bytes=5-6'],
  ['bytes=5-', 'bytes=5-'],
  ['bytes=-5', 'bytes=-5'],
  ['bytes=8-9,0-1', 'bytes=0-1,8-9'],
  ['bytes=0-,0-,0-', 'bytes=0-'],
  ['bytes=-1,-5,0-1', 'bytes=0-1,-5'],
  [`bytes=${manyRanges}`, 'bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14'],
  ['nonsense', null]
])('%s goes upstream as %s', (text, expected) => {
  expect(rangeHeader(parseRange([text]))).toBe(expected)
})
