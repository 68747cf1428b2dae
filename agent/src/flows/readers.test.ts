import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SignedHead } from '@starling/shared/manifest.ts'
import { KiB } from '@starling/shared/units.ts'
import { bytesOf, dataPlane, end, settled, type DataPlane } from '../../../test/doubles/data-plane.ts'
import { madeTransfer } from '../../../test/doubles/made-transfer.ts'
import { createMemoryBulk } from '../../../test/doubles/memory-bulk.ts'
import { createMemoryStore } from '../../../test/doubles/memory-store.ts'
import { createMemoryUpstream, type MemoryUpstream } from '../../../test/doubles/memory-upstream.ts'

const url = 'http://updates.example/one.cab'
const chunkBytes = 256 * KiB
const pieceBytes = 64 * KiB
const made = madeTransfer({ chunkBytes, length: 4 * chunkBytes - 100 })
const whole = Buffer.concat(Array.from({ length: made.chunks }, (_, chunk) => made.chunk(chunk)))
const peer = `12D3KooW${'P'.repeat(44)}`

let upstream: MemoryUpstream
let plane: DataPlane
let head: SignedHead
let stop: AbortController
beforeEach(() => {
  upstream = createMemoryUpstream()
  upstream.put(url, { bytes: whole })
  const net = createMemoryBulk()
  net.portOf(peer).onRequest(({ chunk }, reply) => void reply.send(made.chunk(chunk)))
  plane = dataPlane({ upstream, bulk: net.portOf('me') })
  head = made.head()
  plane.flows.openTransfer(head)
  stop = new AbortController()
})
afterEach(async () => {
  await end(plane)
})

function fetchUpstream(firstChunk: number, endChunk: number, flow = 1): void {
  plane.flows.fetchUpstream({ flow, transfer: made.id, url, firstChunk, endChunk })
}

async function fromPeer(chunk: number, fetch = 100 + chunk): Promise<void> {
  plane.flows.fetchChunk({ fetch, transfer: made.id, chunk, digest: made.digest(chunk), peer })
  await plane.event('chunk-stored', event => event.fetch === fetch)
}

function read(start = 0, end = whole.length): AsyncIterator<Uint8Array> {
  return plane.flows.read(made.id, start, end, stop.signal)[Symbol.asyncIterator]()
}

/** Reads so many bytes and looks at each. */
async function take(reader: AsyncIterator<Uint8Array>, from: number, bytes: number): Promise<number> {
  let at = from
  while (at < from + bytes) {
    const { value, done } = await reader.next()
    if (done === true) throw new Error(`ended at ${at}`)
    expect(Buffer.compare(value, whole.subarray(at, at + value.length)), `bytes at ${at}`).toBe(0)
    at += value.length
  }
  return at
}

describe('a read', () => {
  it('gives first bytes before a chunk is complete, when they come from the origin itself', async () => {
    upstream.letThrough(pieceBytes)
    fetchUpstream(0, made.chunks)
    const reader = read()
    expect(await take(reader, 0, 1)).toBe(pieceBytes)
    expect(plane.of('chunk-stored')).toEqual([])
    upstream.letThrough(Infinity)
    await take(reader, pieceBytes, whole.length - pieceBytes)
    expect(await reader.next()).toMatchObject({ done: true })
  })

  it('tells the core where it waits, at each chunk, and when it is done', async () => {
    fetchUpstream(0, made.chunks)
    const all = await bytesOf(plane.flows.read(made.id, 10, 3 * chunkBytes, stop.signal))
    expect(Buffer.compare(all, whole.subarray(10, 3 * chunkBytes))).toBe(0)
    const told = plane.events.filter(({ type }) => type.startsWith('range-'))
    expect(told).toEqual([
      {
        type: 'range-wanted',
        reader: 1,
        transfer: made.id,
        start: 10,
        end: 3 * chunkBytes,
        background: false
      },
      { type: 'range-moved', reader: 1, position: chunkBytes },
      { type: 'range-moved', reader: 1, position: 2 * chunkBytes },
      { type: 'range-done', reader: 1 }
    ])
  })

  it('mixes what is kept, what peers bring and what the origin brings', async () => {
    await fromPeer(2)
    const reader = read()
    const all = take(reader, 0, whole.length)
    await fromPeer(0)
    fetchUpstream(1, 4)
    await all
    expect(plane.flows.totals()).toMatchObject({ toClients: whole.length, fromCache: chunkBytes })
  })

  it('gives slices that stay as they are until the next is asked for, and no buffer for each', async () => {
    fetchUpstream(0, made.chunks)
    await plane.event('flow-ended')
    const reader = read()
    const memory = new Set<ArrayBufferLike>()
    for (let at = 0; at < whole.length;) {
      const { value } = await reader.next()
      fetchUpstream(0, made.chunks, 2 + at)
      await plane.event('flow-ended', event => event.flow === 2 + at)
      expect(Buffer.compare(value, whole.subarray(at, at + value.length)), `bytes at ${at}`).toBe(0)
      memory.add(value.buffer)
      at += value.length
    }
    expect(memory.size).toBe(1)
  })

  it('does not hold up the flow when its client is slow', async () => {
    const reader = read()
    const first = reader.next()
    fetchUpstream(0, made.chunks)
    await first
    expect((await plane.event('flow-ended')).reason).toBe('done')
    expect(plane.of('chunk-stored')).toHaveLength(made.chunks)
  })

  it('ends when its client goes away', async () => {
    const waiting = read().next()
    stop.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' })
    expect(plane.of('range-done')).toHaveLength(1)
    await expect(read().next()).rejects.toMatchObject({ code: 'aborted' })
  })

  it('ends when its consumer stops', async () => {
    fetchUpstream(0, made.chunks)
    for await (const _ of plane.flows.read(made.id, 0, whole.length, stop.signal)) break
    expect(plane.of('range-done')).toHaveLength(1)
  })

  it('fails when the core says that the transfer has failed', async () => {
    const waiting = read().next()
    plane.flows.failTransfer(made.id, 'nobody has it')
    await expect(waiting).rejects.toMatchObject({ code: 'transfer-failed', message: 'nobody has it' })
  })

  it('fails when the transfer is forgotten, which is gone at once and can be opened anew at once', async () => {
    const reader = read()
    const next = reader.next()
    next.catch(() => {})
    plane.flows.forget(made.id)
    await expect(read().next()).rejects.toMatchObject({ code: 'transfer-failed' })
    await expect(next).rejects.toMatchObject({ code: 'transfer-failed' })
    plane.flows.openTransfer(head)
    fetchUpstream(0, 1)
    await take(read(0, chunkBytes), 0, chunkBytes)
    // The core knows: it has said so.
    expect(plane.of('transfer-forgotten')).toEqual([])
  })

  it('fails at once for a transfer that is not known', async () => {
    const reader = plane.flows.read('0'.repeat(64), 0, 1, stop.signal)[Symbol.asyncIterator]()
    await expect(reader.next()).rejects.toMatchObject({ code: 'transfer-failed' })
  })

  it('fetches again what the disk lost', async () => {
    await fromPeer(0)
    const store = plane.store as { read: unknown }
    const rightRead = store.read
    store.read = async () => {
      store.read = rightRead
      throw Object.assign(new Error('the disk is broken'), { code: 'EIO' })
    }
    plane.core = event => {
      if (event.type === 'chunk-dropped') fetchUpstream(event.chunk, event.chunk + 1)
    }
    await take(read(), 0, chunkBytes)
    expect(plane.of('chunk-dropped')).toHaveLength(1)
    expect(upstream.bodyBytes()).toBe(chunkBytes)
  })
})

describe('cancelling a flow after the chunk', () => {
  it('brings that chunk, and no byte of the next', async () => {
    upstream.letThrough(chunkBytes + pieceBytes)
    fetchUpstream(0, made.chunks)
    await plane.event('chunk-stored')
    await settled()
    plane.flows.cancelFlow(1, true)
    upstream.letThrough(Infinity)
    expect((await plane.event('flow-ended')).reason).toBe('cancelled')
    expect(plane.of('chunk-stored').map(({ chunk }) => chunk)).toEqual([0, 1])
    expect(upstream.bodyBytes()).toBe(2 * chunkBytes)
  })

  it('stops at once between two chunks', async () => {
    upstream.letThrough(chunkBytes)
    fetchUpstream(0, made.chunks)
    await plane.event('chunk-stored')
    plane.flows.cancelFlow(1, true)
    expect((await plane.event('flow-ended')).reason).toBe('cancelled')
    expect(upstream.bodyBytes()).toBe(chunkBytes)
  })
})

describe('bytes that were given before they were verified', () => {
  const wrong = Buffer.from(whole)
  wrong[pieceBytes + 5]! ^= 1

  it('are followed by no more when the chunk turns out corrupt', async () => {
    upstream.put(url, { bytes: wrong })
    plane.flows.keepDigests(made.batch(0, made.chunks))
    upstream.letThrough(2 * pieceBytes)
    fetchUpstream(0, made.chunks)
    const reader = read()
    expect((await reader.next()).value!.length).toBeGreaterThan(0)
    upstream.letThrough(Infinity)
    expect((await plane.event('flow-ended')).reason).toBe('corrupt')
    const rest = (async () => {
      for (;;) if ((await reader.next()).done === true) return
    })()
    await expect(rest).rejects.toMatchObject({ code: 'content-untrusted' })
    expect(plane.store.has(made.id, 0)).toBe(false)
    expect(plane.flows.totals().toClients).toBeLessThan(chunkBytes)
  })

  it('are never all there is: a read ends only with verified bytes where a digest is known', async () => {
    upstream.put(url, { bytes: wrong })
    plane.flows.keepDigests(made.batch(0, made.chunks))
    fetchUpstream(0, 1)
    const reader = read(0, chunkBytes)
    const rest = bytesOf({ [Symbol.asyncIterator]: () => reader })
    await expect(rest).rejects.toMatchObject({ code: 'content-untrusted' })
  })

  it('end no read where a digest is known, and do where none is', async () => {
    upstream.letThrough(2 * pieceBytes)
    fetchUpstream(0, made.chunks)
    await take(read(0, pieceBytes), 0, pieceBytes)
    plane.flows.keepDigests(made.batch(0, made.chunks))
    const reader = read(0, pieceBytes)
    let given = false
    const first = reader.next().then(() => (given = true))
    await settled()
    expect(given).toBe(false)
    upstream.letThrough(Infinity)
    await first
  })

  it('are continued by another source that begins with the very same bytes', async () => {
    upstream.letThrough(2 * pieceBytes)
    fetchUpstream(0, made.chunks)
    const reader = read()
    const at = await take(reader, 0, 2 * pieceBytes)
    upstream.breakOff()
    expect((await plane.event('flow-ended')).reason).toBe('failed')
    expect(plane.store.has(made.id, 0)).toBe(false)
    await fromPeer(0)
    const rest = take(reader, at, whole.length - at)
    upstream.letThrough(Infinity)
    fetchUpstream(1, made.chunks, 2)
    await rest
  })

  it('are continued by a second answer of the origin, even before that one is complete', async () => {
    upstream.letThrough(pieceBytes)
    fetchUpstream(0, made.chunks)
    const reader = read()
    const at = await take(reader, 0, pieceBytes)
    upstream.breakOff()
    await plane.event('flow-ended')
    upstream.letThrough(2 * pieceBytes)
    fetchUpstream(0, made.chunks, 2)
    expect(await take(reader, at, 1)).toBe(2 * pieceBytes)
    expect(plane.of('chunk-stored')).toEqual([])
  })

  it.each(['memory', 'disk'])(
    'are not joined to others: the read fails when the chunk is another (from %s)',
    async where => {
      upstream.put(url, { bytes: wrong })
      upstream.letThrough(2 * pieceBytes)
      fetchUpstream(0, made.chunks)
      const reader = read()
      for (let at = 0; at < 2 * pieceBytes;) at += (await reader.next()).value!.length
      upstream.breakOff()
      await plane.event('flow-ended')
      if (where === 'disk') await fromPeer(0)
      const next = reader.next()
      if (where === 'memory') await fromPeer(0)
      await expect(next).rejects.toMatchObject({ code: 'content-untrusted' })
      expect(plane.flows.views()[0]!.problems.join()).toMatch(/turned out to be wrong/)
    }
  )
})

describe('with a full disk', () => {
  it('a reader gets chunks that were fetched ahead of it, in bounded memory', async () => {
    const net = createMemoryBulk()
    net.portOf(peer).onRequest(({ chunk }, reply) => void reply.send(made.chunk(chunk)))
    plane = dataPlane(
      { upstream, bulk: net.portOf('me'), store: createMemoryStore({ quotaBytes: 0 }) },
      { buffersMax: 6, heldPauseAt: 1, heldMax: 2 }
    )
    plane.flows.openTransfer(head)
    const reader = read()
    const first = take(reader, 0, chunkBytes)
    // Three chunks ahead, room for two: the farthest goes.
    for (const chunk of [1, 2, 3]) await fromPeer(chunk)
    expect(plane.of('chunk-dropped').map(({ chunk }) => chunk)).toEqual([3])
    // What the reader waits for is never held up by what is held ahead of it.
    fetchUpstream(0, 1)
    await first
    await take(reader, chunkBytes, 2 * chunkBytes)
    const rest = take(reader, 3 * chunkBytes, chunkBytes - 100)
    await fromPeer(3, 999)
    await rest
    expect(await reader.next()).toMatchObject({ done: true })
    expect(plane.of('chunk-stored').every(({ kept }) => !kept)).toBe(true)
    expect(plane.flows.views()[0]).toMatchObject({ keptBytes: 0, passesThrough: true })
    expect(plane.flows.views()[0]!.problems.join()).toMatch(/full/)
  })

  it('a reader that goes away leaves nothing in memory', async () => {
    const net = createMemoryBulk()
    net.portOf(peer).onRequest(({ chunk }, reply) => void reply.send(made.chunk(chunk)))
    plane = dataPlane({ bulk: net.portOf('me'), store: createMemoryStore({ quotaBytes: 0 }) })
    plane.flows.openTransfer(head)
    const waiting = read().next()
    await fromPeer(1)
    await fromPeer(2)
    expect(plane.flows.buffersTaken()).toBe(2)
    stop.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' })
    expect(plane.flows.buffersTaken()).toBe(0)
    expect(plane.of('chunk-dropped').map(({ chunk }) => chunk)).toEqual([1, 2])
  })

  it('a flow that runs ahead of the reader pauses, and goes on with it', async () => {
    plane = dataPlane(
      { upstream, store: createMemoryStore({ quotaBytes: 0 }) },
      { buffersMax: 6, heldPauseAt: 1, heldMax: 3 }
    )
    plane.flows.openTransfer(head)
    const reader = read()
    const first = reader.next()
    fetchUpstream(0, made.chunks)
    await first
    await plane.event('chunk-stored', ({ chunk }) => chunk === 1)
    await settled()
    expect(upstream.bodyBytes()).toBeLessThanOrEqual(2 * chunkBytes + pieceBytes)
    const given = (await first).value!.length
    await take(reader, given, whole.length - given)
    expect((await plane.event('flow-ended')).reason).toBe('done')
    expect(plane.of('chunk-dropped').map(({ chunk }) => chunk)).toEqual([0, 1, 2, 3])
  })
})
