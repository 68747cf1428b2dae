/** What a peer that answers can do: be believed for as long as it keeps to the protocol, and then no more. */
import type { TLSSocket } from 'node:tls'
import { codeOf } from '@starling/shared/errors.ts'
import { KiB } from '@starling/shared/units.ts'
import { afterEach, describe, expect, test } from 'vitest'
import { createBulkLoopback, type BulkAgent } from '../../../test/doubles/bulk-on-loopback.ts'
import { until } from '../../../test/doubles/peers-on-loopback.ts'
import type { BulkReply } from '../ports.ts'
import { createQuestionReader, encodeAnswerHead, type BulkQuestion } from './frames.ts'

const net = createBulkLoopback()
afterEach(async () => {
  await net.endAll()
})

const transfer = 'ab'.repeat(32)
const never = new AbortController().signal

function fetch(
  from: BulkAgent,
  peer: string,
  chunk: number,
  target: Uint8Array,
  signal = never
): Promise<void> {
  return from.bulk.fetch({ peer, transfer, chunk, target, signal })
}

/** A peer with a good key whose answers are the test's: called with each question. */
async function liar(
  answer: (question: BulkQuestion, socket: TLSSocket) => void
): Promise<{ readonly id: string; readonly questions: BulkQuestion[]; readonly sockets: TLSSocket[] }> {
  const questions: BulkQuestion[] = []
  const sockets: TLSSocket[] = []
  const id = await net.liar(socket => {
    sockets.push(socket)
    const reader = createQuestionReader()
    socket.on('data', (piece: Buffer) => {
      for (const question of reader.take(piece)) {
        questions.push(question!)
        answer(question!, socket)
      }
    })
  })
  return { id, questions, sockets }
}

const data = (id: number, length: number, bytes = length): Buffer =>
  Buffer.concat([encodeAnswerHead({ kind: 'data', id, length }), Buffer.alloc(bytes, 7)])

describe('a peer that', () => {
  test.each<[string, string, (id: number, socket: TLSSocket) => void]>([
    ['sends more than it was asked for', 'too-long', (id, socket) => socket.write(data(id, 101))],
    [
      'sends more in its second frame',
      'too-long',
      (id, socket) => socket.write(Buffer.concat([data(id, 60), data(id, 41)]))
    ],
    ['answers what nobody asked', 'unasked', (id, socket) => socket.write(data(id + 1, 100))],
    [
      'goes on after its answer',
      'unasked',
      (id, socket) => socket.write(Buffer.concat([data(id, 60), data(id, 40), data(id, 40)]))
    ],
    ['answers with an unknown word', 'bad-frame', (_, socket) => socket.write(Buffer.alloc(9, 9))],
    [
      'sends frames without a byte',
      'bad-frame',
      (id, socket) => socket.write(Buffer.from([1, 0, 0, 0, id, 0, 0, 0, 0]))
    ]
  ])('%s is cut off, counted, and writes beside no target', async (_, reason, answer) => {
    const asker = await net.agent()
    const peer = await liar((question, socket) => answer(question.id, socket))
    const ground = Buffer.alloc(300, 1)
    const outcome = await fetch(asker, peer.id, 0, ground.subarray(100, 200)).then(() => 'fine', codeOf)
    // What came before the lie may have been a whole answer.
    expect(['fine', 'broken']).toContain(outcome)
    await until('it is cut off', () => peer.sockets[0]!.closed)
    expect([...asker.bulk.cuts()]).toEqual([[reason, 1]])
    expect([...ground.subarray(0, 100), ...ground.subarray(200)].every(byte => byte === 1)).toBe(true)
  })

  test('speaks while nothing is asked is cut off, and the next request is not taken in by it', async () => {
    const asker = await net.agent()
    const peer = await liar(({ id }, socket) => socket.write(data(id, 100)))
    await fetch(asker, peer.id, 0, Buffer.alloc(100))
    peer.sockets[0]!.write(Buffer.concat([data(2, 100).fill(9, 9)]))
    await until('it is cut off', () => peer.sockets[0]!.closed)
    expect([...asker.bulk.cuts()]).toEqual([['unasked', 1]])
    const target = Buffer.alloc(100)
    await fetch(asker, peer.id, 1, target)
    expect(target.every(byte => byte === 7)).toBe(true)
  })

  test('ends or resets in the middle fails what is in flight as broken', async () => {
    const asker = await net.agent()
    for (const end of [(socket: TLSSocket) => socket.end(), (socket: TLSSocket) => socket.destroy()]) {
      const peer = await liar((question, socket) => {
        if (question.id === 2) socket.write(data(1, 100, 50), () => end(socket))
      })
      const outcomes = await Promise.allSettled([
        fetch(asker, peer.id, 0, Buffer.alloc(100)),
        fetch(asker, peer.id, 1, Buffer.alloc(100))
      ])
      for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'broken' } })
    }
  })

  test('falls silent, before its answer or in the middle of it, is a timeout', async () => {
    const asker = await net.agent({ quietMs: 100 })
    for (const bytes of [0, 50]) {
      const peer = await liar(({ id }, socket) => socket.write(data(id, 100, bytes)))
      await expect(fetch(asker, peer.id, 0, Buffer.alloc(100))).rejects.toMatchObject({ code: 'timeout' })
    }
    expect([...asker.bulk.cuts()]).toEqual([['quiet', 2]])
  })

  test('answers in drips is a timeout in the end', async () => {
    const asker = await net.agent({ quietMs: 5000, answerMs: 300 })
    const dripping: NodeJS.Timeout[] = []
    const peer = await liar(({ id, kind }, socket) => {
      if (kind === 'request') dripping.push(setInterval(() => socket.write(data(id, 1)), 20))
    })
    await expect(fetch(asker, peer.id, 0, Buffer.alloc(1000))).rejects.toMatchObject({ code: 'timeout' })
    for (const timer of dripping) clearInterval(timer)
    await until('it is told', () => peer.questions.at(-1)?.kind === 'cancel')
  })

  test('is somebody else than the one dialled gets no word', async () => {
    const asker = await net.agent()
    const [peer, other] = [await liar(() => {}), await net.agent()]
    net.ports.set(other.id, net.ports.get(peer.id)!)
    await expect(fetch(asker, other.id, 0, Buffer.alloc(100))).rejects.toMatchObject({ code: 'broken' })
    expect(peer.questions).toEqual([])
    expect([...asker.bulk.cuts()]).toEqual([['wrong-identity', 1]])
  })

  test('speaks another protocol gets no word', async () => {
    const asker = await net.agent()
    const questions: Buffer[] = []
    const peer = await net.liar(socket => void socket.on('data', (piece: Buffer) => questions.push(piece)), {
      ALPNProtocols: []
    })
    await expect(fetch(asker, peer, 0, Buffer.alloc(100))).rejects.toMatchObject({ code: 'broken' })
    expect(questions).toEqual([])
    expect([...asker.bulk.cuts()]).toEqual([['other-protocol', 1]])
  })

  test('does not listen is broken, and all that waited for it', async () => {
    const asker = await net.agent()
    const peer = await net.agent()
    const port = net.ports.get(peer.id)!
    await net.end(peer)
    net.ports.set(peer.id, port)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, async (_, chunk) => await fetch(asker, peer.id, chunk, Buffer.alloc(100)))
    )
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'broken' } })
    expect(asker.bulk.sockets().asking).toBe(0)
  })
})

describe('a given-up request', () => {
  test('whose peer stalls in the middle of it lets go of its target soon, by losing the socket', async () => {
    const asker = await net.agent({ releaseMs: 100 })
    const peer = await liar(({ id, kind }, socket) => {
      if (kind === 'request') socket.write(data(id, 1000, 500))
    })
    const stop = new AbortController()
    const target = Buffer.alloc(1000)
    const given = fetch(asker, peer.id, 0, target, stop.signal)
    await until('half of it is there', () => target[499] === 7)
    stop.abort()
    await expect(given).rejects.toMatchObject({ code: 'aborted' })
    expect([...asker.bulk.cuts()]).toEqual([['stalled', 1]])
  })

  test('does not touch its target when late bytes come, and the socket goes on', async () => {
    const asker = await net.agent()
    const waiting: TLSSocket[] = []
    const peer = await liar((question, socket) => {
      if (question.kind === 'cancel') return
      if (question.id === 1) {
        waiting.push(socket)
        socket.write(data(1, 100_000, 50_000))
      } else socket.write(data(question.id, 100))
    })
    const stop = new AbortController()
    const target = Buffer.alloc(100_000)
    const given = fetch(asker, peer.id, 0, target, stop.signal)
    await until('half of it is there', () => target[49_999] === 7)
    stop.abort()
    // It lets go with the next bytes; everything after them is skipped.
    waiting[0]!.write(Buffer.alloc(1, 7))
    await expect(given).rejects.toMatchObject({ code: 'aborted' })
    target.fill(1)
    waiting[0]!.write(Buffer.alloc(49_999, 7))
    const next = Buffer.alloc(100)
    await fetch(asker, peer.id, 1, next)
    expect([next.every(byte => byte === 7), target.every(byte => byte === 1)]).toEqual([true, true])
    expect(peer.sockets).toHaveLength(1)
    expect(asker.bulk.cuts().size).toBe(0)
  })

  test('that is never ended by the peer takes no place for ever', async () => {
    const asker = await net.agent({ requestsPerLane: 1, lanesPerPeer: 1, quietMs: 100 })
    const peer = await liar((question, socket) => {
      if (question.kind === 'request' && question.chunk > 0) socket.write(data(question.id, 100))
    })
    const stop = new AbortController()
    const given = fetch(asker, peer.id, 0, Buffer.alloc(100), stop.signal)
    await until('it is asked', () => peer.questions.length === 1)
    stop.abort()
    await expect(given).rejects.toMatchObject({ code: 'aborted' })
    await fetch(asker, peer.id, 1, Buffer.alloc(100))
    expect(peer.sockets).toHaveLength(2)
  })
})

describe('sockets', () => {
  /** A peer that holds its replies. */
  async function holding(): Promise<{ readonly peer: BulkAgent; readonly replies: BulkReply[] }> {
    const peer = await net.agent()
    const replies: BulkReply[] = []
    peer.bulk.onRequest((_, reply) => replies.push(reply))
    return { peer, replies }
  }

  test('are opened only when those there are busy, four to a peer at most, and requests wait for them', async () => {
    const asker = await net.agent({ requestsPerLane: 2 })
    const { peer, replies } = await holding()
    const fetches: Array<Promise<void>> = []
    const ask = async (count: number, held: number): Promise<void> => {
      for (let more = 0; more < count; more++) fetches.push(fetch(asker, peer.id, 0, Buffer.alloc(KiB)))
      await until(`${held} are asked`, () => replies.length === held)
    }
    await ask(1, 1)
    await ask(1, 2)
    expect(asker.bulk.sockets().asking).toBe(1)
    await ask(1, 3)
    expect(asker.bulk.sockets().asking).toBe(2)
    await ask(9, 8)
    expect(asker.bulk.sockets().asking).toBe(4)
    while (replies.length > 0 || asker.bulk.sockets().asking === 0) {
      for (const reply of replies.splice(0)) void reply.send(Buffer.alloc(KiB, 1))
      await Promise.race([Promise.all(fetches), until('more are asked', () => replies.length > 0)])
    }
    await Promise.all(fetches)
    expect(peer.bulk.sockets().serving).toBe(4)
  })

  test('without requests are closed after a while, and opened again', async () => {
    const asker = await net.agent({ idleMs: 50 })
    const { peer, replies } = await holding()
    for (let round = 0; round < 2; round++) {
      const one = fetch(asker, peer.id, 0, Buffer.alloc(10))
      await until('it is asked', () => replies.length === 1)
      replies.pop()!.gone()
      await expect(one).rejects.toMatchObject({ code: 'gone' })
      await until('the socket is closed', () => asker.bulk.sockets().asking === 0)
      await until('on both sides', () => peer.bulk.sockets().serving === 0)
    }
    expect([asker.bulk.cuts().size, peer.bulk.cuts().size]).toEqual([0, 0])
  })

  test('are bounded in total: an idle one makes room, and when there is none the peer counts as busy', async () => {
    const asker = await net.agent({ lanesMax: 1 })
    const [one, two] = [await holding(), await holding()]
    const first = fetch(asker, one.peer.id, 0, Buffer.alloc(10))
    await until('it is asked', () => one.replies.length === 1)
    await expect(fetch(asker, two.peer.id, 0, Buffer.alloc(10))).rejects.toMatchObject({ code: 'busy' })
    void one.replies[0]!.send(Buffer.alloc(10))
    await first
    const second = fetch(asker, two.peer.id, 0, Buffer.alloc(10))
    await until('it is asked', () => two.replies.length === 1)
    void two.replies[0]!.send(Buffer.alloc(10))
    await second
    expect(asker.bulk.sockets().asking).toBe(1)
  })

  test('of a peer that left are closed, and what was asked on them is broken', async () => {
    const asker = await net.agent({ requestsPerLane: 1, lanesPerPeer: 1 })
    const { peer, replies } = await holding()
    const fetches = [1, 2, 3].map(async chunk => await fetch(asker, peer.id, chunk, Buffer.alloc(10)))
    const outcomes = Promise.allSettled(fetches)
    await until('one is asked', () => replies.length === 1)
    asker.bulk.forget(peer.id)
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: 'broken' } })
    expect(asker.bulk.sockets().asking).toBe(0)
    expect(asker.bulk.cuts().size).toBe(0)
  })

  test('are all closed when the agent stops, and nothing is asked after it', async () => {
    const asker = await net.agent()
    const { peer, replies } = await holding()
    const one = fetch(asker, peer.id, 0, Buffer.alloc(10)).then(
      () => 'fine',
      (error: unknown) => error
    )
    await until('it is asked', () => replies.length === 1)
    await asker.bulk.close()
    expect(await one).toMatchObject({ code: 'broken' })
    await expect(fetch(asker, peer.id, 0, Buffer.alloc(10))).rejects.toMatchObject({ code: 'broken' })
    await until('the other side has seen it', () => peer.bulk.sockets().serving === 0)
  })
})

test('a peer that has gone and come back is found at its new port', async () => {
  const asker = await net.agent()
  let served = 0
  const peer = await net.agent()
  peer.bulk.onRequest((_, reply) => void reply.send(Buffer.alloc(10, ++served)))
  await fetch(asker, peer.id, 0, Buffer.alloc(10))
  await peer.bulk.close()
  await until('its socket is gone', () => asker.bulk.sockets().asking === 0)
  const target = Buffer.alloc(10)
  await expect(fetch(asker, peer.id, 0, target)).rejects.toMatchObject({ code: 'broken' })
  const back = await liar(({ id }, socket) => socket.write(data(id, 10)))
  await fetch(asker, back.id, 0, target)
  expect(target.every(byte => byte === 7)).toBe(true)
})
