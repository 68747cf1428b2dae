import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AgentId } from '@starling/shared/ids.ts'
import { bytesOf, dataPlane, end, type DataPlane } from '../../../test/doubles/data-plane.ts'
import { madeTransfer } from '../../../test/doubles/made-transfer.ts'
import { createMemoryBulk, type MemoryBulk } from '../../../test/doubles/memory-bulk.ts'
import { createMemoryStore } from '../../../test/doubles/memory-store.ts'
import type { BulkHandler } from '../ports.ts'

const made = madeTransfer()
const [me, peer, gateway] = ['M', 'P', 'G'].map(letter => `12D3KooW${letter.repeat(44)}`) as [
  AgentId,
  AgentId,
  AgentId
]
const chunkBytes = made.chunk(0).length

let net: MemoryBulk
let plane: DataPlane
beforeEach(() => {
  net = createMemoryBulk()
  plane = dataPlane({ bulk: net.portOf(me), roleOf: id => (id === gateway ? 'gateway' : 'agent') })
  plane.flows.openTransfer(made.head())
})
afterEach(async () => {
  await end(plane)
})

const answering =
  (handler: (chunk: number, reply: Parameters<BulkHandler>[1]) => void): BulkHandler =>
  ({ chunk }, reply) =>
    handler(chunk, reply)

function fetchChunk(chunk: number, from: AgentId = peer, fetch = chunk): void {
  plane.flows.fetchChunk({ fetch, transfer: made.id, chunk, digest: made.digest(chunk), peer: from })
}

describe('a chunk from a peer', () => {
  it('is verified, kept, told and counted by who brought it', async () => {
    for (const id of [peer, gateway]) {
      net.portOf(id).onRequest(answering((chunk, reply) => void reply.send(made.chunk(chunk))))
    }
    fetchChunk(3)
    fetchChunk(9, gateway)
    expect(await plane.event('chunk-stored', ({ chunk }) => chunk === 3)).toEqual({
      type: 'chunk-stored',
      transfer: made.id,
      chunk: 3,
      digest: made.digest(3),
      source: { kind: 'peer', peer },
      kept: true,
      fetch: 3
    })
    await plane.event('chunk-stored', ({ chunk }) => chunk === 9)
    expect(plane.flows.totals()).toMatchObject({
      fromPeers: chunkBytes,
      fromGateway: chunkBytes - 100,
      wasted: 0
    })
    const [view] = plane.flows.views()
    expect(view).toMatchObject({ keptBytes: 2 * chunkBytes - 100, complete: false, peers: 2, readers: 0 })
  })

  it('that is corrupt is kept nowhere, readable by nobody, and blamed', async () => {
    const bad = made.chunk(0).slice()
    bad[0]! ^= 1
    net.portOf(peer).onRequest(answering((_, reply) => void reply.send(bad)))
    const reading = plane.flows.read(made.id, 0, chunkBytes, new AbortController().signal)
    const first = bytesOf(reading)
    fetchChunk(0)
    expect(await plane.event('fetch-failed')).toEqual({
      type: 'fetch-failed',
      fetch: 0,
      reason: 'corrupt',
      retryAfterMs: 0
    })
    expect(plane.store.has(made.id, 0)).toBe(false)
    expect(plane.flows.totals()).toMatchObject({ wasted: chunkBytes, toClients: 0 })
    net.portOf(gateway).onRequest(answering((chunk, reply) => void reply.send(made.chunk(chunk))))
    fetchChunk(0, gateway, 50)
    expect(Buffer.compare(await first, made.chunk(0))).toBe(0)
  })

  it('that does not come is told with the reason', async () => {
    net.portOf(peer).onRequest(answering((chunk, reply) => (chunk === 1 ? reply.busy(70) : reply.gone())))
    net.portOf(gateway).onRequest(answering((_, reply) => void reply.send(new Uint8Array(5))))
    fetchChunk(1)
    fetchChunk(2)
    fetchChunk(3, gateway)
    fetchChunk(4, 'nobody')
    plane.flows.fetchChunk({ fetch: 5, transfer: made.id, chunk: made.chunks, digest: made.digest(0), peer })
    const reasons = [1, 2, 3, 4, 5].map(fetch => plane.event('fetch-failed', event => event.fetch === fetch))
    expect((await Promise.all(reasons)).map(({ reason, retryAfterMs }) => [reason, retryAfterMs])).toEqual([
      ['busy', 70],
      ['gone', 0],
      ['broken', 0],
      ['broken', 0],
      ['broken', 0]
    ])
  })

  it('that is cancelled is not told of, and its memory is free at once', async () => {
    let asked: () => void
    const seen = new Promise<void>(resolve => (asked = resolve))
    net.portOf(peer).onRequest(answering(() => asked()))
    fetchChunk(0)
    await seen
    expect(plane.flows.buffersTaken()).toBe(1)
    plane.flows.cancelFetch(0)
    await end(plane)
    expect(plane.events).toEqual([])
  })

  it('that comes twice is kept once, and both are told', async () => {
    for (const id of [peer, gateway]) {
      net.portOf(id).onRequest(answering((chunk, reply) => void reply.send(made.chunk(chunk))))
    }
    fetchChunk(0, peer, 1)
    fetchChunk(0, gateway, 2)
    await plane.event('chunk-stored', ({ fetch }) => fetch === 1)
    expect(await plane.event('chunk-stored', ({ fetch }) => fetch === 2)).toMatchObject({ kept: true })
    expect(plane.flows.totals().wasted).toBe(chunkBytes)
  })

  it('waits for memory when much is under way, and never takes more', async () => {
    plane = dataPlane({ bulk: net.portOf(me) }, { buffersMax: 4, heldPauseAt: 1, heldMax: 2 })
    plane.flows.openTransfer(made.head())
    let most = 0
    net.portOf(peer).onRequest(
      answering((chunk, reply) => {
        most = Math.max(most, plane.flows.buffersTaken())
        setImmediate(() => void reply.send(made.chunk(chunk)))
      })
    )
    for (let chunk = 0; chunk < made.chunks; chunk++) fetchChunk(chunk)
    for (let chunk = 0; chunk < made.chunks; chunk++)
      await plane.event('chunk-stored', event => event.chunk === chunk)
    expect(most).toBe(4)
  })
})

describe('a chunk for a peer', () => {
  let theirs: DataPlane
  beforeEach(() => {
    theirs = dataPlane({ bulk: net.portOf(peer) })
    theirs.flows.openTransfer(made.head())
    plane.core = event => {
      if (event.type === 'chunk-asked') plane.flows.serve(event.upload)
    }
  })
  afterEach(async () => {
    await end(theirs)
  })

  async function ask(chunk: number): Promise<void> {
    theirs.flows.fetchChunk({ fetch: chunk, transfer: made.id, chunk, digest: made.digest(chunk), peer: me })
    await plane.event('chunk-asked', event => event.chunk === chunk)
  }

  it('is asked of the core, read from the store and counted', async () => {
    await plane.store.open(made.head())
    await plane.store.put(made.id, 2, made.digest(2), made.chunk(2))
    await ask(2)
    await theirs.event('chunk-stored')
    expect(plane.of('chunk-asked')).toEqual([
      { type: 'chunk-asked', upload: 1, peer, transfer: made.id, chunk: 2 }
    ])
    expect(await plane.event('upload-ended')).toEqual({ type: 'upload-ended', upload: 1, bytes: chunkBytes })
    expect(plane.flows.totals().toPeers).toBe(chunkBytes)
  })

  it('that is not there is gone', async () => {
    await ask(2)
    expect(await theirs.event('fetch-failed')).toMatchObject({ reason: 'gone' })
    expect(await plane.event('upload-ended')).toMatchObject({ bytes: 0 })
  })

  it('that cannot be read is gone, dropped, and told to the core', async () => {
    const store = createMemoryStore()
    store.read = async () => {
      throw Object.assign(new Error('the disk is broken'), { code: 'EIO' })
    }
    plane = dataPlane({ bulk: net.portOf(me), store })
    plane.flows.openTransfer(made.head())
    await store.open(made.head())
    await store.put(made.id, 2, made.digest(2), made.chunk(2))
    plane.core = event => {
      if (event.type === 'chunk-asked') plane.flows.serve(event.upload)
    }
    await ask(2)
    expect(await theirs.event('fetch-failed')).toMatchObject({ reason: 'gone' })
    expect(plane.of('chunk-dropped')).toEqual([{ type: 'chunk-dropped', transfer: made.id, chunk: 2 }])
    expect(store.has(made.id, 2)).toBe(false)
  })

  it('is refused as the core says', async () => {
    plane.core = event => {
      if (event.type === 'chunk-asked')
        plane.flows.refuse(event.upload, event.chunk === 1 ? 'busy' : 'gone', 40)
    }
    await ask(1)
    await ask(2)
    expect(await theirs.event('fetch-failed', ({ fetch }) => fetch === 1)).toMatchObject({
      reason: 'busy',
      retryAfterMs: 40
    })
    expect(await theirs.event('fetch-failed', ({ fetch }) => fetch === 2)).toMatchObject({ reason: 'gone' })
    expect(plane.of('upload-ended')).toEqual([])
  })
})
