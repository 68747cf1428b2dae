import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MiB } from '@starling/shared/units.ts'
import { bytesContent, seededContent } from '../../content.ts'
import { captivePortal, type Rule } from '../rules.ts'
import { startWindowsUpdate, type UpdateFile, type WindowsUpdate } from '../windows-update.ts'
import { replayBits } from './bits.ts'
import { replayLinux } from './linux-do.ts'
import { readMultipart } from './multipart.ts'
import type { Replayer, ReplayResult } from './replay.ts'
import type { Target } from './target.ts'
import { replayWindows10, replayWindows11 } from './windows-do.ts'
import { replayWua } from './wua.ts'

let double: WindowsUpdate
let file: UpdateFile
const content = seededContent('replayed', 3 * MiB + 777)
const lastPiece = `bytes=${3 * MiB}-${content.length - 1}`

beforeEach(async () => {
  double = await startWindowsUpdate()
  file = await double.delivery(content)
})
afterEach(() => double.close())

const origin = (): Target => ({ kind: 'origin', url: double.url })
const replayed = (client: Replayer, options = {}): Promise<ReplayResult> =>
  client(origin(), file.offer(), options)
/** Of each request in the order of the log. */
const rangesOf = (result: ReplayResult): string[] =>
  result.exchanges.map(({ requestHeaders }) =>
    requestHeaders.filter((_, at) => requestHeaders[at - 1] === 'Range').join(' ')
  )

const clients: ReadonlyArray<readonly [string, Replayer]> = [
  ['Windows 10', replayWindows10],
  ['Windows 11', replayWindows11],
  ['Linux', replayLinux],
  ['BITS', replayBits],
  ['BITS with several ranges', (target, offer) => replayBits(target, offer, { severalRanges: 4 })]
]

describe('an origin as it should be leaves nobody anything to complain about', () => {
  test.each(clients)('%s', async (_name, client) => {
    const result = await replayed(client)
    expect(result.complaints).toEqual([])
    expect(result.sha256).toBe(file.offer().sha256)
  })

  test('nor does a WSUS its Windows Update Agent', async () => {
    const wanted = await double.wsus('kb', 'cab', seededContent('small', 7173))
    const result = await replayWua(origin(), wanted.offer())
    expect([result.complaints, result.sha256]).toEqual([[], wanted.offer().sha256])
    expect(result.exchanges).toHaveLength(8)
  })

  test.each(['proxy', 'origin', 'cache-host'] as const)('whether it is addressed as %s', async kind => {
    const cache = await startWindowsUpdate({ asCacheHost: true })
    try {
      const wanted = (await cache.delivery(content)).offer()
      const { complaints, exchanges } = await replayWindows11({ kind, url: cache.url }, wanted)
      expect(complaints).toEqual([])
      const { pathname, search } = new URL(wanted.url)
      const line = {
        proxy: wanted.url,
        origin: pathname + search,
        'cache-host': `${pathname}${search}&cacheHostOrigin=tlu.dl.delivery.mp.microsoft.com`
      }
      expect(exchanges.at(-1)!.path).toBe(line[kind])
    } finally {
      await cache.close()
    }
  })

  test('or as alternate download server', async () => {
    const wanted = (await double.wsus('kb', 'exe', content)).offer()
    const { complaints, exchanges } = await replayBits({ kind: 'alternate', url: double.url }, wanted)
    expect(complaints).toEqual([])
    expect(exchanges[0]!.requestHeaders.at(-1)).toBe(new URL(double.url).host)
  })
})

describe('what they ask, and how', () => {
  test('Windows 10: the probe on each connection, then the pieces in order', async () => {
    const result = await replayed(replayWindows10, { connections: 2 })
    expect(result.connections, 'one for the pieces hash file').toBe(3)
    for (const connection of [2, 3]) {
      const own = rangesOf({
        ...result,
        exchanges: result.exchanges.filter(one => one.connection === connection)
      })
      expect(own[0]).toBe('bytes=0-1')
      const starts = own.slice(1).map(range => Number(/\d+/.exec(range)![0]))
      expect(starts).toEqual(starts.toSorted((a, b) => a - b))
    }
    expect(rangesOf(result).slice(1).toSorted()).toEqual([
      'bytes=0-1',
      'bytes=0-1',
      'bytes=0-1048575',
      'bytes=1048576-2097151',
      'bytes=2097152-3145727',
      lastPiece
    ])
  })

  test('Windows 11: no probe and no HEAD, every byte once, in an order that the seed decides', async () => {
    const orders = []
    for (const seed of [1, 1, 2]) {
      const result = await replayed(replayWindows11, { connections: 1, seed })
      const ranges = rangesOf(result).slice(1)
      orders.push(ranges.join())
      expect(ranges.toSorted()).toEqual([
        'bytes=0-1048575',
        'bytes=1048576-2097151',
        'bytes=2097152-3145727',
        lastPiece
      ])
    }
    expect(orders[0]).toBe(orders[1])
    expect(orders[0]).not.toBe(orders[2])
    const { headers } = double.asked.at(-1)!
    expect(headers).toMatchObject({
      connection: 'Keep-Alive',
      'user-agent': 'Microsoft-Delivery-Optimization/10.1',
      'content-length': '0'
    })
    expect(Object.keys(headers)).toEqual([
      'connection',
      'accept',
      'range',
      'user-agent',
      'ms-cv',
      'content-length',
      'host'
    ])
  })

  test('Linux: everything, then the rest with one Range, then the rest with two', async () => {
    const result = await replayed(replayLinux)
    const first = 'bytes=943951-3146504'
    expect(rangesOf(result)).toEqual(['', first, `${first} bytes=1887903-3146504`])
  })

  test('BITS: HEAD, then ranges under the condition that nothing has changed', async () => {
    const result = await replayed(replayBits)
    expect(rangesOf(result).slice(0, 2)).toEqual(['', 'bytes=0-71744'])
    expect(result.exchanges[0]!.method).toBe('HEAD')
    expect(double.asked[1]!.headers['if-unmodified-since']).toBe(content.lastModified.toUTCString())
    expect(result.connections).toBe(1)
  })

  test('BITS: a job that was paused wants to be told that the file has changed', async () => {
    const rememberedDate = new Date(content.lastModified.getTime() - 60_000)
    const told = await replayBits(origin(), file.offer(), { rememberedDate })
    expect(told.complaints).toEqual([])
    expect(told.exchanges.map(({ status }) => status)).toEqual([200, 412])
  })
})

describe('each wrong answer is a complaint', () => {
  const first = 'bytes=0-1048575'
  const onFirst: Pick<Rule, 'headers'> = { headers: { range: /^bytes=0-1048575$/ } }

  test.each<readonly [string, Rule, string]>([
    ['200 to a range', { faults: { ignoreRange: true } }, '200 to a range that can be satisfied'],
    [
      '404',
      { faults: { status: 404 } },
      'status 404, after which a client avoids this server for 15 minutes'
    ],
    ['503', { faults: { status: 503 } }, 'status 503 instead of 206'],
    ['a captive portal', { answer: captivePortal }, '200 to a range that can be satisfied'],
    [
      'a wrong place',
      { faults: { headers: { 'content-range': 'bytes 5-1048580/3146505' } } },
      'Content-Range is bytes 5-1048580/3146505 instead of bytes 0-1048575/3146505'
    ],
    [
      'no place',
      { faults: { headers: { 'content-range': null } } },
      'Content-Range is missing instead of bytes 0-1048575/3146505'
    ],
    ['no length', { faults: { chunked: true } }, 'Transfer-Encoding chunked, which hides the size'],
    ['a content coding', { faults: { headers: { 'content-encoding': 'gzip' } } }, 'Content-Encoding gzip'],
    [
      'too much',
      { faults: { widerBy: 5 } },
      'Content-Length is 1048581 instead of 1048576 | Content-Range is bytes 0-1048580/3146505 instead of bytes 0-1048575/3146505 | the number of bytes is 1048581 instead of 1048576'
    ],
    ['too little', { faults: { shortBy: 9 } }, 'the connection broke (ECONNRESET)'],
    ['a late answer', { faults: { firstByteAfterMs: 60_000 } }, 'no first byte within 300 ms'],
    ['a changed bit', { faults: { corruptAt: [77] } }, 'not the bytes of the pieces hash file']
  ])('%s', async (_name, rule, complaint) => {
    double.rules.add({ ...onFirst, ...rule })
    const result = await replayed(replayWindows11, { firstByteMsMax: 300, connections: 1 })
    expect(result.complaints).toEqual(complaint.split(' | ').map(words => `${first}: ${words}`))
    expect(result.sha256, 'the piece is missing').toBeNull()
  })

  test('another validator than before, and a connection that is closed', async () => {
    double.rules.add({ ...onFirst, faults: { headers: { etag: '"other"', connection: 'close' } } })
    const { complaints } = await replayed(replayWindows10, { connections: 1 })
    expect(complaints).toEqual([
      `${first}: Connection: close`,
      `${first}: ETag changed from ${content.etag} to "other"`,
      'bytes=1048576-2097151: the connection was not kept since the answer before'
    ])
  })

  test('a connection that is not kept for as long as Windows does', async () => {
    double.rules.add({ ...onFirst, faults: { headers: { 'keep-alive': 'timeout=5' } } })
    const { complaints } = await replayed(replayWindows11)
    expect(complaints).toEqual([`${first}: the connection is kept for 5 s, less than 31 s`])
  })

  test('wrong bytes that no pieces hash file shows are found in the whole', async () => {
    double.rules.add({ faults: { corruptAt: [3 * MiB] } })
    expect((await replayed(replayLinux)).complaints).toEqual(['the file has another SHA-256'])
  })

  test('the first of two ranges, where the last was meant', async () => {
    double.rules.add({ faults: { firstRange: true } })
    const name = 'bytes=943951-3146504 and bytes=1887903-3146504'
    expect((await replayed(replayLinux)).complaints).toEqual([
      `${name}: Content-Length is 2202554 instead of 1258602`,
      `${name}: Content-Range is bytes 943951-3146504/3146505 instead of bytes 1887903-3146504/3146505`,
      `${name}: the number of bytes is 2202554 instead of 1258602`,
      'the file has another SHA-256'
    ])
  })

  test('a pieces hash file that is none, or another', async () => {
    const answer = (body: string): Rule => ({
      path: /\/pieceshash$/,
      times: 1,
      answer: { status: 200, headers: {}, body }
    })
    for (const [rule, complaint] of [
      [
        { path: /\/pieceshash$/, times: 1, faults: { status: 404 } },
        'pieces hash file: status 404 instead of 200'
      ],
      [answer(captivePortal.body), /^pieces hash file: it is no JSON/],
      [answer('{"ContentLength":1,"Pieces":[]}'), 'pieces hash file: it is for 1 bytes instead of 3146505'],
      [
        answer('{"ContentLength":3146505,"Pieces":[]}'),
        'pieces hash file: not the hash of hashes that was announced'
      ]
    ] as const) {
      double.rules.add(rule)
      const { complaints } = await replayed(replayWindows11)
      expect(complaints).toEqual([expect.stringMatching(complaint)])
    }
  })

  test('BITS: a HEAD without size or date, and a change that nobody mentions', async () => {
    for (const [faults, complaint] of [
      [{ headers: { 'last-modified': null } }, 'HEAD: Last-Modified is missing'],
      [{ chunked: true }, 'HEAD: Content-Length is missing instead of 3146505']
    ] as const) {
      double.rules.clear()
      double.rules.add({ faults })
      expect((await replayed(replayBits)).complaints).toEqual([complaint])
    }
    double.rules.clear()
    double.rules.add({ headers: { 'if-unmodified-since': /./ }, answer: captivePortal })
    const rememberedDate = new Date(0)
    const { complaints } = await replayBits(origin(), file.offer(), { rememberedDate })
    expect(complaints).toEqual(['bytes=0-71744: status 200 instead of 412, although the file has changed'])
  })

  test('BITS: several ranges answered with everything', async () => {
    double.rules.add({ headers: { range: /,/ }, faults: { ignoreRange: true } })
    const { complaints, sha256 } = await replayBits(origin(), file.offer(), { severalRanges: 2 })
    expect(complaints).toEqual(['bytes=0-35871,35872-71744: status 200 instead of 206'])
    expect(sha256).toBeNull()
  })

  test('WSUS: a call that fails, and a file that is another', async () => {
    const wanted = await double.wsus('kb', 'cab', seededContent('small', 7173))
    double.rules.add({ headers: { soapaction: /ReportEventBatch/ }, faults: { status: 500 } })
    double.origin.put(wanted.path, bytesContent(Buffer.alloc(7173, 'x')))
    const { complaints } = await replayWua(origin(), wanted.offer())
    expect(complaints).toEqual(['ReportEventBatch: status 500 instead of 200', 'the file has another SHA-1'])
  })
})

describe('multipart as BITS wants it', () => {
  const type = 'multipart/byteranges; boundary=b'
  const part = 'Content-Range: bytes 4-5/9\r\n\r\nhi\r\n'
  const read = (body: string, contentType = type): readonly string[] =>
    readMultipart(contentType, Buffer.from(body, 'latin1'), 9).complaints

  test.each([
    ['two line ends before it', `\r\n\r\n--b\r\n${part}--b--\r\n`, []],
    [
      'three',
      `\r\n\r\n\r\n--b\r\n${part}--b--\r\n`,
      ['6 bytes before the first boundary are more than 2 line ends']
    ],
    [
      'a long head',
      `--b\r\nX: ${'y'.repeat(178)}\r\n${part}--b--\r\n`,
      ['a part has 181 bytes of other headers, more than 180']
    ],
    ['no end', `--b\r\n${part}`, ['the body ends without its last boundary']],
    ['no place', `--b\r\nX: y\r\n\r\nhi\r\n--b--\r\n`, ['a part has no Content-Range of 9 bytes: X: y']]
  ])('%s', (_name, body, complaints) => {
    expect(read(body)).toEqual(complaints)
  })

  test('another type', () => {
    expect(read('', 'text/html')).toEqual(['Content-Type is text/html instead of multipart/byteranges'])
  })
})
