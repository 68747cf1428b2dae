import { expect, test } from 'vitest'
import { framingProblem } from './framing.ts'

test.each<[string, string, string[], number | null]>([
  ['POST', '1.1', ['transfer-encoding: Chunked'], null],
  ['POST', '1.0', ['content-length: 3'], null],
  ['POST', '1.0', ['transfer-encoding: chunked'], 400],
  ['POST', '1.1', ['transfer-encoding: xchunked'], 400],
  ['POST', '1.1', ['transfer-encoding: chunked, gzip'], 400],
  ['POST', '1.1', ['transfer-encoding: chunked', 'transfer-encoding: identity'], 400],
  ['POST', '1.1', ['transfer-encoding: '], 400],
  ['POST', '1.1', ['transfer-encoding: gzip, chunked'], 501],
  ['GET', '1.1', ['host: x', 'host: x'], 400],
  ['TRACE', '1.1', ['content-length: 0'], null],
  ['TRACE', '1.1', ['content-length: 1'], 400]
])('%s HTTP/%s with %j: %j', (method, version, lines, status) => {
  const headers = lines.map(line => line.split(': ') as [string, string])
  expect(framingProblem(method, version, headers)?.status ?? null).toBe(status)
})
