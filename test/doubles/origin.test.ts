import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { KiB, MiB } from '@starling/shared/units.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { seededContent, sha256Of } from './content.ts'
import { parseFaults } from './origin-faults.ts'
import { startOrigin, type Origin } from './origin.ts'

let origin: Origin
const content = seededContent('origin test', MiB + 12345)

beforeEach(async () => {
  origin = await startOrigin()
  origin.put('/a', content)
})
afterEach(() => origin.close())

async function ask(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const request = get(origin.url + path, { headers, agent: false })
  // What goes wrong after the headers shows in the response's body; here it would only be heard twice.
  request.on('error', () => {})
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

async function body(response: IncomingMessage): Promise<string> {
  return createHash('sha256')
    .update(await buffer(response))
    .digest('hex')
}

describe('an honest origin', () => {
  test('gives the whole content, a range and a suffix of it, byte for byte, and counts them', async () => {
    expect(await body(await ask('/a'))).toBe(await sha256Of(content))
    const middle = await ask('/a', { range: 'bytes=1000-99999' })
    expect(middle.statusCode).toBe(206)
    expect(middle.headers['content-range']).toBe(`bytes 1000-99999/${content.length}`)
    expect(await body(middle)).toBe(await sha256Of(content, 1000, 100_000))
    expect(await body(await ask('/a', { range: 'bytes=-7' }))).toBe(
      await sha256Of(content, content.length - 7)
    )
    const { bodyBytes, requests, served } = origin.stats('/a')
    expect(bodyBytes).toBe(content.length + 99_000 + 7)
    expect(requests).toBe(3)
    expect(served.map(({ start, end }) => [start, end])).toEqual([
      [0, content.length],
      [1000, 100_000],
      [content.length - 7, content.length]
    ])
  })

  test('answers 416 beyond the end, 404 for what it does not have, and everything after a failed If-Range', async () => {
    const beyond = await ask('/a', { range: `bytes=${content.length}-` })
    expect([beyond.statusCode, beyond.headers['content-range']]).toEqual([416, `bytes */${content.length}`])
    expect((await ask('/nothing')).statusCode).toBe(404)
    const stale = await ask('/a', { range: 'bytes=5-9', 'if-range': '"old"' })
    expect(stale.statusCode).toBe(200)
    stale.destroy()
    const fresh = await ask('/a', { range: 'bytes=5-9', 'if-range': content.etag })
    expect([fresh.statusCode, (await buffer(fresh)).length]).toEqual([206, 5])
  })

  test('several ranges are parts of one body, each with its place; those beyond the end are left out', async () => {
    const several = await ask('/a', { range: 'bytes=0-3, 1000-1001, 9999999-' })
    expect(several.statusCode).toBe(206)
    const boundary = /^multipart\/byteranges; boundary=(\d+)$/.exec(several.headers['content-type']!)![1]!
    const body = await buffer(several)
    expect(String(body.length)).toBe(several.headers['content-length'])
    const [before, first, second, after] = body.toString('latin1').split(`--${boundary}`)
    const part = async (start: number, end: number): Promise<string> =>
      `\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${start}-${end - 1}/${content.length}\r\n\r\n` +
      `${Buffer.from(await content.read(start, end)).toString('latin1')}\r\n`
    expect([before, after]).toEqual(['\r\n', '--\r\n'])
    expect([first, second]).toEqual([await part(0, 4), await part(1000, 1002)])
  })

  test('dates are preconditions, to the second', async () => {
    const same = content.lastModified.toUTCString()
    const older = new Date(content.lastModified.getTime() - 1000).toUTCString()
    const statuses = []
    for (const name of ['if-modified-since', 'if-unmodified-since']) {
      for (const date of [same, older]) statuses.push((await ask('/a', { [name]: date })).resume().statusCode)
    }
    expect(statuses).toEqual([304, 200, 200, 412])
  })

  test('what stands in front of it answers by itself, or makes one answer faulty', async () => {
    const fronted = await startOrigin({
      front: async (request, path) => ({
        faults: request.headers['x-bad'] === undefined ? {} : { status: 503 },
        answer: path === '/page' ? { status: 200, headers: { 'x-page': 'yes' }, body: 'welcome' } : null
      })
    })
    try {
      fronted.put('/a', content)
      const status = async (path: string, headers = {}): Promise<string> => {
        const request = get(fronted.url + path, { headers, agent: false })
        const [response] = (await once(request, 'response')) as [IncomingMessage]
        return `${response.statusCode} ${(await buffer(response)).length}`
      }
      expect(await status('/page')).toBe('200 7')
      expect(await status('/a')).toBe(`200 ${content.length}`)
      expect(await status('/a', { 'x-bad': '1' })).toBe('503 0')
      expect(fronted.stats('/page').bodyBytes).toBe(7)
    } finally {
      await fronted.close()
    }
  })

  test('content is the same wherever the reading starts', async () => {
    const whole = Buffer.from(await content.read(0, 1000))
    expect(whole.subarray(33, 777).equals(Buffer.from(await content.read(33, 777)))).toBe(true)
  })

  test('the line carries no more than its rate over all connections together', async () => {
    origin.setRate(2 * MiB)
    const started = performance.now()
    await Promise.all([ask('/a').then(body), ask('/a').then(body)])
    const seconds = (performance.now() - started) / 1000
    expect(seconds).toBeGreaterThan(0.9)
    expect(seconds).toBeLessThan(3)
  })
})

describe('a faulty origin', () => {
  test('begins late', async () => {
    origin.setFaults('/a', { firstByteAfterMs: 150 })
    const started = performance.now()
    await ask('/a', { range: 'bytes=0-0' })
    // Timers may fire a millisecond early.
    expect(performance.now() - started).toBeGreaterThan(148)
  })

  test('ignores the range', async () => {
    origin.setFaults('/a', { ignoreRange: true, times: 1 })
    const all = await ask('/a', { range: 'bytes=5-9' })
    expect([all.statusCode, await body(all)]).toEqual([200, await sha256Of(content)])
    expect((await ask('/a', { range: 'bytes=5-9' })).statusCode, 'only once').toBe(206)
  })

  test('sends too little: the connection ends before the length is reached', async () => {
    origin.setFaults('/a', { shortBy: 100 })
    await expect(buffer(await ask('/a', { range: 'bytes=0-999' }))).rejects.toThrow('aborted')
    expect(origin.stats('/a').bodyBytes).toBe(900)
  })

  test('sends too much: what follows the length is no answer to anything', async () => {
    origin.setFaults('/a', { longBy: 100 })
    const response = await ask('/a', { range: 'bytes=0-999' })
    expect((await buffer(response)).length).toBe(1000)
    expect(origin.stats('/a').bodyBytes).toBe(1100)
  })

  test('goes further than asked, and says so', async () => {
    origin.setFaults('/a', { widerBy: 10 })
    const response = await ask('/a', { range: 'bytes=0-99' })
    expect(response.headers['content-range']).toBe(`bytes 0-109/${content.length}`)
    expect((await buffer(response)).length).toBe(110)
  })

  test('has another version in the middle, and running answers keep the old one', async () => {
    const next = seededContent('another', MiB)
    origin.replaceAfter('/a', next, { bodyBytes: 100 * KiB })
    const first = await ask('/a')
    expect(await body(first)).toBe(await sha256Of(content))
    const second = await ask('/a', { range: 'bytes=0-9', 'if-range': content.etag })
    expect([second.statusCode, second.headers.etag]).toEqual([200, next.etag])
    expect(await body(second)).toBe(await sha256Of(next))
  })

  test('stalls, resets and corrupts at its offset', async () => {
    origin.setFaults('/a', { stallAt: 5000 })
    const stalled = await ask('/a', { range: 'bytes=1000-9999' })
    let bytes = 0
    stalled.on('data', (piece: Buffer) => (bytes += piece.length))
    await origin.when('/a', ({ bodyBytes }) => bodyBytes === 4000)
    await expect.poll(() => bytes).toBe(4000)
    expect(origin.stats('/a').flowsNow).toBe(1)
    stalled.destroy()
    await origin.when('/a', ({ flowsNow }) => flowsNow === 0)

    origin.setFaults('/a', { resetAt: 5000 })
    await expect(buffer(await ask('/a'))).rejects.toThrow()

    origin.setFaults('/a', { corruptAt: [70_000] })
    const bad = await buffer(await ask('/a'))
    const good = Buffer.from(await content.read(0, content.length))
    expect(bad[70_000]).not.toBe(good[70_000])
    bad[70_000] = good[70_000]!
    expect(bad.equals(good)).toBe(true)
  })

  test('refuses with a status and a time to come back, hides its length, adds and drops headers', async () => {
    origin.setFaults('/a', { status: 503, retryAfterSeconds: 7, times: 1 })
    const refused = await ask('/a')
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '7'])
    origin.setFaults('/a', {
      chunked: true,
      headers: { 'cache-control': 'no-store', 'set-cookie': ['a=1', 'b=2'], ETag: null }
    })
    const { headers } = await ask('/a')
    expect(headers['content-length']).toBeUndefined()
    expect([headers['cache-control'], headers['set-cookie'], headers.etag]).toEqual([
      'no-store',
      ['a=1', 'b=2'],
      undefined
    ])
  })

  test('a misspelt fault is an error, not the absence of a fault', () => {
    expect(() => parseFaults({ stalAt: 5 })).toThrow('stalAt')
    expect(parseFaults({ stallAt: 5, headers: { vary: '*' } })).toEqual({
      stallAt: 5,
      headers: { vary: '*' }
    })
  })
})
