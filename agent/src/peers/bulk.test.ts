/** Chunks between real hosts on loopback, and what a lying or dying sender can do: nothing but fail the fetch. */
import { createHash, randomBytes } from 'node:crypto'
import { multiaddr } from '@multiformats/multiaddr'
import type { Stream } from '@libp2p/interface'
import { afterEach, describe, expect, test } from 'vitest'
import { KiB, MiB } from '@starling/shared/units.ts'
import { swarmProtocol } from '@starling/shared/wire.ts'
import type { BulkHandler } from '../ports.ts'
import {
  createLoopback,
  introduce,
  isJoined,
  memberBelow,
  until,
  type LoopbackAgent
} from '../../../test/doubles/peers-on-loopback.ts'
import { bulkProtocol, encodeAnswer, encodeRequest } from './bulk-frames.ts'
import { createBareHosts, helloFrame } from '../../../test/doubles/bare-libp2p.ts'
import { encodeFrame } from './control-stream.ts'
import { peersLimitsDefault } from './limits.ts'

const loopback = createLoopback()
const bare = createBareHosts()
afterEach(async () => {
  await bare.stopAll()
  await loopback.stopAll()
})

/** What a chunk is does not matter to bulk; small ones keep the tests quick. */
const chunkBytes = 256 * KiB
const transfer = 'ab'.repeat(32)

async function join(a: LoopbackAgent, b: LoopbackAgent): Promise<void> {
  introduce(a, b)
  await until('they have joined', () => isJoined(a, b))
}

function fetch(
  from: LoopbackAgent,
  peer: string,
  chunk: number,
  target: Uint8Array,
  signal = new AbortController().signal
): Promise<void> {
  return from.bulk.fetch({ peer, transfer, chunk, target, signal })
}

describe('fetch', () => {
  test('64 chunks from two peers, several at a time, arrive byte for byte; the last is short', async () => {
    const [asker, one, two] = [await loopback.agent(), await loopback.agent(), await loopback.agent()]
    const content = randomBytes(63 * chunkBytes + 12_345)
    const asked = { one: new Set<number>(), two: new Set<number>() }
    const serve =
      (seen: Set<number>): BulkHandler =>
      ({ peer, transfer: of, chunk }, reply) => {
        expect([peer, of]).toEqual([asker.peers.self, transfer])
        seen.add(chunk)
        void reply.send(content.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes))
      }
    one.bulk.onRequest(serve(asked.one))
    two.bulk.onRequest(serve(asked.two))
    await Promise.all([join(asker, one), join(asker, two)])
    const got = Buffer.alloc(content.length)
    await Promise.all(
      Array.from({ length: 64 }, async (_, chunk) =>
        fetch(
          asker,
          (chunk % 2 === 0 ? one : two).peers.self,
          chunk,
          got.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes)
        )
      )
    )
    expect(sha256(got)).toBe(sha256(content))
    expect(asked.one.size + asked.two.size).toBe(64)
    expect(asked.one.size).toBe(32)
  })

  test('busy says when to ask again, gone says so, and the next request is served', async () => {
    const [asker, peer] = [await loopback.agent(), await loopback.agent()]
    const chunk = randomBytes(1000)
    peer.bulk.onRequest((request, reply) => {
      if (request.chunk === 0) reply.busy(1234)
      else if (request.chunk === 1) reply.gone()
      else void reply.send(chunk)
    })
    await join(asker, peer)
    const target = new Uint8Array(1000)
    for (let round = 0; round < 3; round++) {
      await expect(fetch(asker, peer.peers.self, 0, target)).rejects.toMatchObject({
        code: 'busy',
        retryAfterMs: 1234
      })
      await expect(fetch(asker, peer.peers.self, 1, target)).rejects.toMatchObject({ code: 'gone' })
    }
    expect(target.every(byte => byte === 0)).toBe(true)
    await fetch(asker, peer.peers.self, 2, target)
    expect(chunk.equals(target)).toBe(true)
  })

  test('cancelled, it fails at once, the sender learns that it was given up, and others go on', async () => {
    const [asker, peer] = [await loopback.agent({ limits: { bulkLanes: 1 } }), await loopback.agent()]
    const chunk = randomBytes(MiB)
    let waiting = 0
    let given: Promise<number> | null = null
    peer.bulk.onRequest((request, reply) => {
      if (request.chunk === 0) waiting++
      // More than fits in all the buffers on the way, so that it cannot just be handed over.
      else if (request.chunk === 1) given = reply.send(Buffer.alloc(32 * MiB))
      else void reply.send(chunk)
    })
    await join(asker, peer)

    const [never, queued, large] = [new AbortController(), new AbortController(), new AbortController()]
    const target = new Uint8Array(MiB)
    const first = fetch(asker, peer.peers.self, 0, target, never.signal)
    const second = fetch(asker, peer.peers.self, 2, new Uint8Array(MiB), queued.signal)
    await until('the first is asked', () => waiting === 1)
    queued.abort()
    await expect(second).rejects.toMatchObject({ code: 'aborted' })
    never.abort()
    await expect(first).rejects.toMatchObject({ code: 'aborted' })

    const whole = new Uint8Array(32 * MiB)
    const third = fetch(asker, peer.peers.self, 1, whole, large.signal)
    await until('some of it has come', () => whole[0] === 0 && given !== null)
    large.abort()
    await expect(third).rejects.toMatchObject({ code: 'aborted' })
    expect(await given!).toBeLessThan(32 * MiB)

    await fetch(asker, peer.peers.self, 2, target)
    expect(chunk.equals(target)).toBe(true)
    await expect(fetch(asker, peer.peers.self, 2, target, AbortSignal.abort())).rejects.toMatchObject({
      code: 'aborted'
    })
  })

  test('from a peer that is not connected, or dies in the middle, is broken', async () => {
    const [asker, peer] = [await loopback.agent(), await loopback.agent()]
    await expect(fetch(asker, peer.peers.self, 0, new Uint8Array(10))).rejects.toMatchObject({
      code: 'broken'
    })
    let asked = 0
    peer.bulk.onRequest(() => {
      asked++
    })
    await join(asker, peer)
    const fetches = Array.from({ length: 10 }, async (_, chunk) =>
      fetch(asker, peer.peers.self, chunk, new Uint8Array(MiB))
    )
    const outcomes = Promise.allSettled(fetches)
    await until('the lanes are full', () => asked === peersLimitsDefault.bulkLanes)
    await peer.peers.stop()
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'broken' } })
  })

  test('times out when no byte comes', async () => {
    const [asker, peer] = [await loopback.agent({ limits: { bulkQuietMs: 100 } }), await loopback.agent()]
    peer.bulk.onRequest(() => {})
    await join(asker, peer)
    await expect(fetch(asker, peer.peers.self, 0, new Uint8Array(10))).rejects.toMatchObject({
      code: 'timeout'
    })
  })
})

describe('a peer that cannot count', () => {
  /** A member of bare libp2p that says hello and answers each bulk request with `bytes`, then perhaps closes. */
  async function liar(
    asker: LoopbackAgent,
    answer: (stream: Stream, control: Stream) => void
  ): Promise<string> {
    const { identity, proof } = memberBelow(asker.peers.self)
    const host = await bare.host(identity)
    await host.handle(bulkProtocol, stream => {
      stream.addEventListener('message', () => answer(stream, control))
    })
    const control = await host.dialProtocol(multiaddr(asker.peers.addresses()[0]), swarmProtocol)
    control.send(helloFrame(proof))
    await until('it has joined', () => asker.of('peer-joined').length === 1)
    return identity.agentId
  }
  const data = (length: number, bytes: number): Uint8Array =>
    Buffer.concat([encodeAnswer({ kind: 'data', length }), Buffer.alloc(bytes, 7)])

  test.each<[string, (stream: Stream) => void]>([
    [
      'announces too few bytes',
      stream => {
        stream.send(data(99, 99))
      }
    ],
    [
      'announces too many bytes',
      stream => {
        stream.send(data(101, 101))
      }
    ],
    [
      'sends more than it announced',
      stream => {
        stream.send(data(100, 101))
      }
    ],
    [
      'closes in the middle',
      stream => {
        stream.send(data(100, 50))
        void stream.close()
      }
    ],
    [
      'resets in the middle',
      stream => {
        stream.send(data(100, 50))
        stream.abort(new Error('reset'))
      }
    ],
    [
      'answers with an unknown code',
      stream => {
        stream.send(new Uint8Array(5))
      }
    ]
  ])('and %s fails the fetch as broken, and only that', async (_, answer) => {
    const asker = await loopback.agent()
    const peer = await liar(asker, answer)
    const guard = new Uint8Array(300).fill(1)
    await expect(fetch(asker, peer, 0, guard.subarray(100, 200))).rejects.toMatchObject({ code: 'broken' })
    expect([...guard.subarray(0, 100), ...guard.subarray(200)].every(byte => byte === 1)).toBe(true)
    expect(asker.peers.list()).toHaveLength(1)
  })

  test('sends bytes that nobody asked for, and the next fetch does not take them for its own', async () => {
    const asker = await loopback.agent({ limits: { bulkLanes: 1 } })
    let answers = 0
    const peer = await liar(asker, (stream, control) => {
      stream.send(data(100, 100))
      if (++answers > 1) return
      setImmediate(() => {
        stream.send(Buffer.from(data(100, 100)).fill(9, 5))
        // On the same connection, so when it has arrived, so have they.
        control.send(encodeFrame({ type: 'unknown-key', key: transfer }))
      })
    })
    const target = new Uint8Array(100)
    await fetch(asker, peer, 0, target)
    await until('the bytes have arrived', () => asker.of('peer-said').length === 1)
    await expect(fetch(asker, peer, 1, target)).rejects.toMatchObject({ code: 'broken' })
    await fetch(asker, peer, 1, target)
    expect(target.every(byte => byte === 7)).toBe(true)
  })
})

describe('serving', () => {
  /** A member of bare libp2p with an open bulk stream. */
  async function member(server: LoopbackAgent): Promise<Stream> {
    const { identity, proof } = memberBelow(server.peers.self)
    const host = await bare.host(identity)
    const connection = await host.dial(multiaddr(server.peers.addresses()[0]))
    const control = await connection.newStream(swarmProtocol)
    control.send(helloFrame(proof))
    await until('it has joined', () => server.of('peer-joined').length === 1)
    return connection.newStream(bulkProtocol)
  }

  test('a peer that does not take its bytes holds no more memory than the pace, and is given up', async () => {
    const server = await loopback.agent({ limits: { bulkQuietMs: 300 } })
    let sent: number | null = null
    server.bulk.onRequest((_, reply) => {
      void reply.send(Buffer.alloc(64 * MiB)).then(bytes => {
        sent = bytes
      })
    })
    const stream = await member(server)
    stream.pause()
    stream.send(encodeRequest({ transfer, chunk: 0 }))
    await until('the sender gave up', () => sent !== null)
    // A yamux window, the sockets' buffers and one slice.
    expect(sent!).toBeLessThan(8 * MiB)
    expect(sent!).toBeGreaterThan(0)
  })

  test('a peer that asks again before its answer loses the stream', async () => {
    const server = await loopback.agent()
    let asked = 0
    server.bulk.onRequest(() => {
      asked++
    })
    const stream = await member(server)
    stream.send(Buffer.concat([encodeRequest({ transfer, chunk: 0 }), encodeRequest({ transfer, chunk: 1 })]))
    await until('the stream is reset', () => stream.status !== 'open')
    expect(asked).toBeLessThanOrEqual(1)
  })

  test('more streams than agreed are reset', async () => {
    const [asker, server] = [
      await loopback.agent({ limits: { bulkLanes: 12 } }),
      await loopback.agent({ limits: { bulkInboundStreams: 3 } })
    ]
    let held = 0
    server.bulk.onRequest(() => {
      held++
    })
    await join(asker, server)
    const stop = new AbortController()
    const outcomes = Promise.allSettled(
      Array.from({ length: 12 }, async (_, chunk) =>
        fetch(asker, server.peers.self, chunk, new Uint8Array(10), stop.signal)
      )
    )
    await until('three are held', () => held === 3)
    stop.abort()
    await outcomes
    expect(held).toBe(3)
  })
})

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
