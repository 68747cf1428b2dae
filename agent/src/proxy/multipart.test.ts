import { describe, expect, test } from 'vitest'
import { multipart } from './multipart.ts'

const content = Buffer.from('0123456789')
const spans = [
  { start: 0, end: 2 },
  { start: 8, end: 10 }
]

function bodyOf({ parts, after }: ReturnType<typeof multipart>): string {
  const pieces = parts.flatMap(({ before, span }) => [before, content.subarray(span.start, span.end)])
  return Buffer.concat([...pieces, after]).toString('latin1')
}

describe('several ranges', () => {
  test('are framed as RFC 9110, 14.6 and BITS have it', () => {
    const framed = multipart(spans, 10, 'text/plain')
    const boundary = /^multipart\/byteranges; boundary=([0-9a-f]{32})$/.exec(framed.contentType)![1]
    const part = (range: string, body: string): string =>
      `\r\n--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes ${range}/10\r\n\r\n${body}`
    expect(bodyOf(framed)).toBe(`${part('0-1', '01')}${part('8-9', '89')}\r\n--${boundary}--\r\n`)
  })

  test('say how long all that is', () => {
    for (const type of ['text/plain', null]) {
      const framed = multipart(spans, 10, type)
      expect(framed.length).toBe(bodyOf(framed).length)
    }
  })

  test('of what has no type have none', () => {
    expect(bodyOf(multipart(spans, 10, null))).not.toContain('Content-Type')
  })

  test('are parted by what no content can hold on purpose', () => {
    const types = Array.from({ length: 10 }, () => multipart(spans, 10, null).contentType)
    expect(new Set(types).size).toBe(10)
  })
})
