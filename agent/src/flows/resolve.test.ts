import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keyHashOf, type Head } from '@starling/shared/manifest.ts'
import { MiB } from '@starling/shared/units.ts'
import { dataPlane, end, signHead, type DataPlane } from '../../../test/doubles/data-plane.ts'
import { createMemoryUpstream, type MemoryUpstream } from '../../../test/doubles/memory-upstream.ts'
import type { UpstreamRange, Wish, WishRange } from '../ports.ts'

const url = 'http://updates.example/a'
const otherUrl = 'http://updates.example/other'
const bytes = new Uint8Array(6 * MiB + 10).map((_, at) => (at * 31) >> 8)
const flow = 7

let upstream: MemoryUpstream
let plane: DataPlane
beforeEach(() => {
  upstream = createMemoryUpstream()
  upstream.put(url, { bytes })
  plane = dataPlane({ upstream })
  plane.core = event => {
    if (event.type === 'content-wanted') plane.flows.resolve(event.key, event.url, flow)
    if (event.type === 'resolved') plane.flows.openTransfer(event.head)
  }
})
afterEach(async () => {
  await end(plane)
  if (upstream.openBodies() > 0) throw new Error('a response was left open')
})

const headOf = (length: number): Head => ({
  key: 'updates.example/a',
  length,
  validator: '',
  chunkBytes: MiB,
  contentClass: 'test',
  headers: [],
  promised: null
})

/** Wishes, and resolves as the core does; the wish itself stays unanswered. */
function want(more: Partial<Wish> = {}): AbortController {
  const abort = new AbortController()
  plane.flows.want(plane.wish(url, { signal: abort.signal, ...more })).catch(() => {})
  return abort
}

describe('what is to be shared', () => {
  it('is told with its first flow, and the body of a plain request brings all chunks', async () => {
    want()
    expect(await plane.event('resolved')).toMatchObject({
      key: keyHashOf('updates.example/a'),
      head: { head: { key: 'updates.example/a', length: bytes.length, validator: '"1"' } },
      flow: { id: flow, firstChunk: 0, endChunk: 7 }
    })
    expect(upstream.requests[0]!.range).toBeNull()
    expect(await plane.event('flow-ended')).toMatchObject({ flow, reason: 'done' })
    expect(plane.of('chunk-stored').map(({ chunk, kept }) => [chunk, kept])).toEqual(
      [0, 1, 2, 3, 4, 5, 6].map(chunk => [chunk, true])
    )
  })

  it('is asked for by its first extent where the class is one of downloads', async () => {
    want({ rangeFirst: true })
    expect((await plane.event('resolved')).flow).toEqual({ id: flow, firstChunk: 0, endChunk: 4 })
    await plane.event('flow-ended')
    expect(upstream.requests[0]!.range).toEqual({ start: 0, end: 4 * MiB })
    expect(upstream.bodyBytes()).toBe(4 * MiB)
  })

  it('is asked for from the extent that the client wants', async () => {
    want({ range: { kind: 'from', start: 5 * MiB + 1, end: null } })
    expect((await plane.event('resolved')).flow).toEqual({ id: flow, firstChunk: 4, endChunk: 7 })
    expect((await plane.event('flow-ended')).reason).toBe('done')
    expect(upstream.requests[0]!.range).toEqual({ start: 4 * MiB, end: 8 * MiB })
    expect(plane.of('chunk-stored').map(({ chunk }) => chunk)).toEqual([4, 5, 6])
  })

  it.each<[string, WishRange, UpstreamRange, { firstChunk: number; endChunk: number }]>([
    [
      'two bytes on both sides of a border',
      { kind: 'from', start: 4 * MiB - 1, end: 4 * MiB + 1 },
      { start: 3 * MiB, end: 5 * MiB },
      { firstChunk: 3, endChunk: 5 }
    ],
    ['its last byte', { kind: 'suffix', length: 1 }, { suffix: MiB + 1 }, { firstChunk: 6, endChunk: 7 }],
    [
      'more of its end than an extent',
      { kind: 'suffix', length: 5 * MiB },
      { start: 0, end: 4 * MiB },
      { firstChunk: 0, endChunk: 4 }
    ]
  ])('is asked for by no more than it takes for %s', async (_what, range, asked, chunks) => {
    want({ range })
    expect((await plane.event('resolved')).flow).toMatchObject(chunks)
    await plane.event('flow-ended')
    expect(upstream.requests[0]!.range).toEqual(asked)
  })

  it('is found even if the client wants what lies behind its end', async () => {
    want({ range: { kind: 'from', start: 50 * MiB, end: null } })
    expect((await plane.event('resolved')).flow).toEqual({ id: flow, firstChunk: 0, endChunk: 4 })
    await plane.event('flow-ended')
    expect(upstream.requests.map(({ range }) => range)).toEqual([
      { start: 48 * MiB, end: 52 * MiB },
      { start: 0, end: 4 * MiB }
    ])
  })

  it('is not read before the core has said yes', async () => {
    plane.core = event => {
      if (event.type === 'content-wanted') plane.flows.resolve(event.key, event.url, flow)
      if (event.type === 'resolved') plane.flows.cancelFlow(flow, false)
    }
    want()
    expect((await plane.event('flow-ended')).reason).toBe('cancelled')
    expect(upstream.bodyBytes()).toBe(0)
  })

  it('is not read, either, if the core has it already', async () => {
    want()
    await plane.event('flow-ended')
    const bodyBytes = upstream.bodyBytes()
    plane.core = event => {
      if (event.type === 'resolved') plane.flows.cancelFlow(9, false)
    }
    plane.flows.resolve(keyHashOf('updates.example/a'), url, 9)
    expect((await plane.event('flow-ended', event => event.flow === 9)).reason).toBe('cancelled')
    expect(upstream.bodyBytes()).toBe(bodyBytes)
  })

  it('is not read if the core does not care to open it', async () => {
    plane.core = event => {
      if (event.type === 'content-wanted') plane.flows.resolve(event.key, event.url, flow)
    }
    want()
    expect((await plane.event('flow-ended')).reason).toBe('cancelled')
    expect(upstream.bodyBytes()).toBe(0)
  })

  it('is found for a peer, too, with headers that name nobody', async () => {
    plane.flows.resolve(keyHashOf('updates.example/a'), url, flow)
    expect((await plane.event('resolved')).flow).not.toBeNull()
    await plane.event('flow-ended')
    expect(upstream.requests[0]!.headers).toEqual({ accept: '*/*', 'accept-encoding': 'identity' })
  })

  it("is asked for with the client's own headers, and for the rest with those that name nobody", async () => {
    const headers = {
      'User-Agent': 'WU/1',
      cookie: 'a=b',
      range: 'bytes=5-',
      'if-none-match': '"x"',
      'accept-encoding': 'gzip'
    }
    want({ headers, rangeFirst: true })
    const { head } = await plane.event('resolved')
    await plane.event('flow-ended')
    expect(upstream.requests[0]!.headers).toEqual({
      accept: '*/*',
      'user-agent': 'WU/1',
      cookie: 'a=b',
      'accept-encoding': 'identity'
    })
    plane.flows.fetchUpstream({ flow: 8, transfer: head.transfer, url, firstChunk: 4, endChunk: 7 })
    expect((await plane.event('flow-ended', event => event.flow === 8)).reason).toBe('done')
    expect(upstream.requests[1]).toMatchObject({
      headers: { accept: '*/*', 'user-agent': 'WU/1', 'accept-encoding': 'identity' },
      range: { start: 4 * MiB, end: bytes.length },
      ifRange: '"1"'
    })
    expect(upstream.requests[1]!.headers).not.toHaveProperty('cookie')
  })
})

describe('what is not to be shared', () => {
  const privately = { bytes, headers: [['cache-control', 'private']] as const }

  it('goes, still open, to the very wish that caused the request', async () => {
    upstream.put(url, privately)
    plane.core = event => {
      if (event.type === 'content-wanted' && event.wish === 1) plane.flows.resolve(event.key, event.url, flow)
      if (event.type !== 'not-resolved') return
      plane.flows.passWish(2, event.reason)
      plane.flows.passWish(1, event.reason)
    }
    const [mine, other] = await Promise.all([
      plane.flows.want(plane.wish(url)),
      plane.flows.want(plane.wish(url))
    ])
    expect(mine).toMatchObject({
      kind: 'pass',
      reason: 'the response says private',
      response: { status: 200 }
    })
    expect(other).toEqual({ kind: 'pass', reason: 'the response says private', response: null })
    expect(plane.of('not-resolved')).toMatchObject([{ failed: false }])
    if (mine.kind !== 'pass' || mine.response === null) throw new Error('no response')
    const pieces: Uint8Array[] = []
    for await (const piece of mine.response.body) pieces.push(Uint8Array.from(piece))
    expect(Buffer.compare(Buffer.concat(pieces), bytes)).toBe(0)
  })

  it('is not given to a client in part, when it asked for everything', async () => {
    upstream.put(url, privately)
    plane.core = event => {
      if (event.type === 'content-wanted') plane.flows.resolve(event.key, event.url, flow)
      if (event.type === 'not-resolved') plane.flows.passWish(1, event.reason)
    }
    expect(await plane.flows.want(plane.wish(url, { rangeFirst: true }))).toMatchObject({
      kind: 'pass',
      response: null
    })
  })

  it('is let go when nobody takes it', async () => {
    upstream.put(url, privately)
    want()
    await plane.event('not-resolved')
    await new Promise(setImmediate)
    expect(upstream.openBodies()).toBe(0)
    expect(upstream.bodyBytes()).toBe(0)
  })

  it('includes what this agent may not vouch for', async () => {
    plane = dataPlane({ upstream, signer: { signHead: () => null } })
    plane.flows.resolve(keyHashOf('updates.example/a'), url, flow)
    expect(await plane.event('not-resolved')).toMatchObject({
      failed: false,
      reason: expect.stringMatching(/vouch/)
    })
  })
})

describe('what cannot be had', () => {
  it('is told as failed', async () => {
    want({ url: otherUrl, keyHash: keyHashOf('updates.example/other') })
    expect(await plane.event('not-resolved')).toMatchObject({
      failed: true,
      reason: expect.stringMatching(/nobody answers/)
    })
  })

  it('is told when the core itself gives up', async () => {
    plane.flows.resolve(keyHashOf('updates.example/a'), url, flow)
    plane.flows.cancelFlow(flow, false)
    expect(await plane.event('not-resolved')).toMatchObject({ failed: true })
  })

  it('is a URL that does not make the key: a peer cannot put one thing in the place of another', async () => {
    plane.flows.resolve(keyHashOf('updates.example/other'), url, flow)
    expect(await plane.event('not-resolved')).toMatchObject({ failed: false })
    plane.flows.resolve(keyHashOf('x'), 'not a url', flow)
    expect(await plane.event('not-resolved', event => event.failed)).toBeDefined()
    expect(upstream.requests).toEqual([])
  })
})

describe('a wish', () => {
  it('is answered with the head of a transfer', async () => {
    plane.core = event => {
      if (event.type === 'content-wanted') plane.flows.resolve(event.key, event.url, flow)
      if (event.type !== 'resolved') return
      plane.flows.openTransfer(event.head)
      plane.flows.answerWish(1, event.head.transfer)
    }
    expect(await plane.flows.want(plane.wish(url))).toMatchObject({
      kind: 'transfer',
      head: { head: { length: bytes.length } }
    })
  })

  it('is not answered with a head that leaves out what the name promises, or promises something else', async () => {
    const promised = { algorithm: 'sha1', hex: 'ab'.repeat(20) } as const
    for (const told of [null, { ...promised, hex: 'cd'.repeat(20) }]) {
      plane = dataPlane({ upstream })
      const head = signHead({ ...headOf(bytes.length), promised: told })
      plane.core = event => {
        if (event.type !== 'content-wanted') return
        plane.flows.openTransfer(head)
        plane.flows.answerWish(event.wish, head.transfer)
      }
      expect(await plane.flows.want(plane.wish(url, { promised }))).toMatchObject({
        kind: 'pass',
        reason: expect.stringContaining('what its name promises'),
        response: null
      })
      // Without a promise in the name whatever the head says is checked, and is fine.
      expect(await plane.flows.want(plane.wish(url))).toMatchObject({ kind: 'transfer' })
      await end(plane)
    }
  })

  it('that its client drops is told to the core, once', async () => {
    const abort = want()
    abort.abort()
    plane.flows.passWish(1, 'too late')
    expect(plane.of('wish-dropped')).toEqual([{ type: 'wish-dropped', wish: 1 }])
    await expect(plane.flows.want(plane.wish(url, { signal: abort.signal }))).rejects.toMatchObject({
      code: 'aborted'
    })
    await plane.event('flow-ended')
  })

  it('is passed when the agent stops', async () => {
    plane.core = () => {}
    const outcome = plane.flows.want(plane.wish(url))
    await plane.flows.close()
    expect(await outcome).toMatchObject({ kind: 'pass', response: null })
  })
})
