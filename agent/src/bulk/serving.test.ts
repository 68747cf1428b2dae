/** What a peer that asks can do: get chunks, and lose its socket. Nobody else notices. */
import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import { KiB, MiB } from '@starling/shared/units.ts'
import { afterEach, describe, expect, test } from 'vitest'
import { createBulkLoopback, type BulkAgent } from '../../../test/doubles/bulk-on-loopback.ts'
import { until } from '../../../test/doubles/peers-on-loopback.ts'
import type { BulkReply } from '../ports.ts'
import { answerHeadBytes, decodeAnswerHead, encodeCancel, encodeRequest, type AnswerHead } from './frames.ts'
import type { BulkLimits } from './limits.ts'

const net = createBulkLoopback()
afterEach(async () => {
  await net.endAll()
})

const transfer = 'ab'.repeat(32)
const ask = (id: number, more: Partial<Parameters<typeof encodeRequest>[0]> = {}): Buffer =>
  encodeRequest({ id, transfer, chunk: id, offset: 0, length: 1000, ...more })

interface Asker {
  readonly socket: TLSSocket
  /** The answers so far: heads, and how many bytes of data came with them. */
  readonly heads: AnswerHead[]
  readonly data: Buffer
}

async function asker(server: BulkAgent): Promise<Asker & { readonly id: string }> {
  const { id, tls } = await net.agent()
  const socket = await net.dial(server, tls)
  let pending: Buffer = Buffer.alloc(0)
  const made = { id, socket, heads: [] as AnswerHead[], data: Buffer.alloc(0) }
  socket.on('data', (piece: Buffer) => {
    pending = Buffer.concat([pending, piece])
    while (pending.length >= answerHeadBytes) {
      const head = decodeAnswerHead(pending)!
      const end = answerHeadBytes + (head.kind === 'data' ? head.length : 0)
      if (pending.length < end) return
      made.heads.push(head)
      made.data = Buffer.concat([made.data, pending.subarray(answerHeadBytes, end)])
      pending = pending.subarray(end)
    }
  })
  return made
}

/** A server that holds its replies until the test lets go. */
async function server(
  limits: Partial<BulkLimits> = {}
): Promise<BulkAgent & { readonly replies: BulkReply[]; readonly asked: number[] }> {
  const agent = await net.agent(limits)
  const [replies, asked]: [BulkReply[], number[]] = [[], []]
  agent.bulk.onRequest(({ chunk }, reply) => {
    asked.push(chunk)
    replies.push(reply)
  })
  return { ...agent, replies, asked }
}

async function cutFor(reason: string, serving: BulkAgent, { socket }: Asker): Promise<void> {
  if (!socket.closed) await once(socket, 'close')
  expect([...serving.bulk.cuts()]).toEqual([[reason, 1]])
}

describe('is cut off and counted', () => {
  test('for garbage', async () => {
    const serving = await server()
    const one = await asker(serving)
    one.socket.write(Buffer.concat([ask(1), Buffer.from('GET / HTTP/1.1\r\n\r\n')]))
    await cutFor('bad-frame', serving, one)
    // Whoever answers later does no harm.
    expect(await serving.replies[0]!.send(Buffer.alloc(1000))).toBe(0)
  })

  test('for an id that is still in use', async () => {
    const serving = await server()
    const one = await asker(serving)
    one.socket.write(Buffer.concat([ask(1), ask(1)]))
    await cutFor('bad-frame', serving, one)
    expect(serving.asked).toEqual([1])
  })

  test('for more requests than may wait, given up or not', async () => {
    const serving = await server({ requestsPerLane: 4, queuedMax: 4 })
    const one = await asker(serving)
    for (let id = 1; id <= 5; id++) one.socket.write(Buffer.concat([ask(id), encodeCancel(id)]))
    await cutFor('flood', serving, one)
    expect(serving.asked).toEqual([1, 2, 3, 4])
  })

  test('for more frames than anybody needs', async () => {
    const serving = await server({ framesPerSecond: 10, framesAtOnce: 100 })
    const one = await asker(serving)
    one.socket.write(Buffer.concat(Array.from({ length: 200 }, (_, id) => encodeCancel(id))))
    await cutFor('flood', serving, one)
  })

  test('for asking without reading', async () => {
    const serving = await server({ quietMs: 200 })
    const one = await asker(serving)
    one.socket.pause()
    one.socket.write(ask(1, { length: 64 * MiB }))
    await until('it asked', () => serving.replies.length === 1)
    const sent = await serving.replies[0]!.send(Buffer.alloc(64 * MiB))
    // What the two sockets' buffers took.
    expect(sent).toBeLessThan(32 * MiB)
    one.socket.resume()
    await cutFor('too-slow', serving, one)
  })

  test('for taking an answer in drips', async () => {
    const serving = await server({ quietMs: 5000, answerMs: 300, frameBytes: 64 * KiB })
    const one = await asker(serving)
    let isDripping = true
    one.socket.on('data', () => {
      if (!isDripping) return
      one.socket.pause()
      setTimeout(() => one.socket.resume(), 5)
    })
    one.socket.write(ask(1, { length: 256 * MiB }))
    await until('it asked', () => serving.replies.length === 1)
    expect(await serving.replies[0]!.send(Buffer.alloc(256 * MiB))).toBeLessThan(256 * MiB)
    isDripping = false
    await cutFor('too-slow', serving, one)
  })

  test('when its credential runs out between two requests', async () => {
    const serving = await server()
    const one = await asker(serving)
    one.socket.write(ask(1))
    await until('it asked', () => serving.replies.length === 1)
    await serving.replies[0]!.send(Buffer.alloc(1000))
    await until('it was answered', () => one.heads.length === 1)
    net.accepted.delete(one.id)
    one.socket.write(ask(2))
    await cutFor('not-accepted', serving, one)
    expect(serving.asked).toEqual([1])
  })

  test('when its credential runs out in the middle of a chunk', async () => {
    const serving = await server()
    const one = await asker(serving)
    one.socket.write(ask(1, { length: 64 * MiB }))
    await until('it asked', () => serving.replies.length === 1)
    const sent = serving.replies[0]!.send(Buffer.alloc(64 * MiB))
    await until('it has some of it', () => one.heads.length > 0)
    net.accepted.delete(one.id)
    expect(await sent).toBeLessThan(64 * MiB)
    await cutFor('not-accepted', serving, one)
  })
})

test('a socket without requests is closed after a while, and nobody is blamed', async () => {
  const serving = await server({ idleMs: 50, quietMs: 50, servedIdleMs: 100 })
  const one = await asker(serving)
  one.socket.write(ask(1))
  await until('it asked', () => serving.replies.length === 1)
  // Longer than it may be idle, but it is not: an answer is due.
  const due = performance.now() + 300
  await until('time has passed', () => performance.now() > due)
  serving.replies[0]!.gone()
  await once(one.socket, 'close')
  expect(one.heads).toEqual([{ kind: 'gone', id: 1 }])
  expect(serving.bulk.cuts().size).toBe(0)
})

test('a peer that is cut off harms no other', async () => {
  const serving = await server()
  const [bad, good] = [await asker(serving), await asker(serving)]
  good.socket.write(ask(1))
  bad.socket.write(Buffer.alloc(100))
  await cutFor('bad-frame', serving, bad)
  await until('it asked', () => serving.replies.length === 1)
  await serving.replies[0]!.send(Buffer.alloc(1000, 3))
  await until('it was answered', () => good.data.length === 1000)
})

test('a cancel stops an answer at the next frame, and each request gets exactly one end', async () => {
  const serving = await server({ frameBytes: 64 * KiB })
  const one = await asker(serving)
  one.socket.write(Buffer.concat([ask(1, { length: 64 * MiB }), ask(2)]))
  await until('it asked', () => serving.replies.length === 2)
  const [large, small] = [
    serving.replies[0]!.send(Buffer.alloc(64 * MiB)),
    serving.replies[1]!.send(Buffer.alloc(1000, 2))
  ]
  await until('it has some of it', () => one.heads.length > 1)
  // Twice, and one that was never there: cancels cross answers.
  one.socket.write(Buffer.concat([encodeCancel(1), encodeCancel(1), encodeCancel(9)]))
  expect(await small).toBe(1000)
  expect(await large).toBeLessThan(64 * MiB)
  await until('the second was answered', () => one.heads.at(-1)!.id === 2)
  expect(one.heads.slice(-2)).toEqual([
    { kind: 'gone', id: 1 },
    { kind: 'data', id: 2, length: 1000 }
  ])
})

test('a given-up request that nobody has answered yet ends when it is', async () => {
  const serving = await server()
  const one = await asker(serving)
  one.socket.write(Buffer.concat([ask(1), encodeCancel(1)]))
  await until('it asked', () => serving.replies.length === 1)
  expect(one.heads).toEqual([])
  expect(await serving.replies[0]!.send(Buffer.alloc(1000))).toBe(0)
  await until('it was answered', () => one.heads.length === 1)
  expect(one.heads).toEqual([{ kind: 'gone', id: 1 }])
})

test("the rest of a chunk can be had, and a length that is not the chunk's is gone", async () => {
  const serving = await server()
  const one = await asker(serving)
  const chunk = Buffer.from(Array.from({ length: 1000 }, (_, at) => at % 251))
  const wanted = [
    ask(1, { offset: 600, length: 400 }),
    ask(2, { offset: 0, length: 999 }),
    ask(3, { offset: 999, length: 2 }),
    ask(4, { offset: 1000, length: 0 }),
    ask(5, { offset: 0xffff_ffff, length: 0xffff_ffff })
  ]
  one.socket.write(Buffer.concat(wanted))
  await until('it asked', () => serving.replies.length === 5)
  for (const reply of serving.replies) await reply.send(chunk)
  await until('all are answered', () => one.heads.length === 5)
  expect(one.heads.toSorted((a, b) => a.id - b.id)).toEqual([
    { kind: 'data', id: 1, length: 400 },
    ...[2, 3, 4, 5].map(id => ({ kind: 'gone', id }))
  ])
  expect(one.data.equals(chunk.subarray(600))).toBe(true)
})

test('without anybody to answer, everything is gone', async () => {
  const serving = await net.agent()
  const one = await asker(serving)
  one.socket.write(ask(1))
  await until('it was answered', () => one.heads.length === 1)
  expect(one.heads).toEqual([{ kind: 'gone', id: 1 }])
})

test('to answer twice is a bug of ours, and said to be', async () => {
  const serving = await server()
  const one = await asker(serving)
  one.socket.write(ask(1))
  await until('it asked', () => serving.replies.length === 1)
  serving.replies[0]!.gone()
  expect(() => serving.replies[0]!.busy(1)).toThrow('bug')
})

test('a peer that left loses its sockets, and is not blamed', async () => {
  const serving = await server()
  const one = await asker(serving)
  one.socket.write(ask(1))
  await until('it asked', () => serving.replies.length === 1)
  serving.bulk.forget(one.id)
  await once(one.socket, 'close')
  await until('nothing is served', () => serving.bulk.sockets().serving === 0)
  expect(serving.bulk.cuts().size).toBe(0)
})
