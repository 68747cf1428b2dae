/** Where bytes land, whatever the network makes of them: a small model of node's `onread` drives the receiver. */
import { randomBytes } from 'node:crypto'
import { Prng } from '@starling/shared/prng.ts'
import { expect, test } from 'vitest'
import { encodeAnswerHead } from './frames.ts'
import { createReceiver, type Answer, type Expected, type Receiver } from './receiver.ts'

interface Order extends Expected {
  readonly content: Buffer
  readonly ground: Buffer
  answer: Answer | null
}

const margin = 100

function orderOf(length: number): Order {
  const ground = Buffer.alloc(length + 2 * margin, 0xee)
  const target = ground.subarray(margin, margin + length)
  return { content: randomBytes(length), ground, target, filled: 0, isGivenUp: false, answer: null }
}

function isGroundClean({ ground, target }: Order): boolean {
  const around = [...ground.subarray(0, margin), ...ground.subarray(margin + target.length)]
  return around.every(byte => byte === 0xee)
}

/** As node does it: what was given last is written to, then the callback, and at once the next buffer. */
function feed(receiver: Receiver<Order>, bytes: Buffer, lent: Uint8Array, most: number): Uint8Array {
  let room = lent
  for (let at = 0; at < bytes.length;) {
    expect(room.length).toBeGreaterThan(0)
    const count = Math.min(room.length, bytes.length - at, most)
    room.set(bytes.subarray(at, at + count))
    at += count
    receiver.took(count)
    room = receiver.room()
  }
  return room
}

test('frames of many answers, alternating and cut anywhere, land each in its target', () => {
  for (let seed = 0; seed < 200; seed++) {
    const prng = new Prng(seed)
    const orders = new Map<number, Order>()
    for (let id = 1; id <= 6; id++) orders.set(id, orderOf(1 + prng.below(5000)))
    const all = [...orders]
    const receiver = createReceiver<Order>({
      expected: id => orders.get(id),
      answered(id, answer) {
        orders.get(id)!.answer = answer
        orders.delete(id)
      },
      violated: reason => expect.fail(`seed ${seed}: ${reason}`)
    })
    const sent = new Map(all.map(([id]) => [id, 0]))
    let lent = receiver.room()
    while (sent.size > 0) {
      const id = prng.pick([...sent.keys()])
      const { content } = all[id - 1]![1]
      const at = sent.get(id)!
      if (prng.below(20) === 0) {
        lent = feed(receiver, encodeAnswerHead({ kind: 'gone', id }), lent, 1 + prng.below(9))
        sent.delete(id)
        continue
      }
      const piece = content.subarray(at, at + 1 + prng.below(2000))
      const head = encodeAnswerHead({ kind: 'data', id, length: piece.length })
      const cutAt = prng.below(piece.length)
      lent = feed(receiver, Buffer.concat([head, piece.subarray(0, cutAt)]), lent, 1 + prng.below(3000))
      // Some are given up, also in the middle of a frame.
      const order = all[id - 1]![1]
      if (prng.below(30) === 0) order.isGivenUp = true
      lent = feed(receiver, piece.subarray(cutAt), lent, 1 + prng.below(3000))
      if (at + piece.length < content.length) sent.set(id, at + piece.length)
      else sent.delete(id)
    }
    for (const [, order] of all) {
      expect(isGroundClean(order), `seed ${seed}`).toBe(true)
      expect(order.answer, `seed ${seed}`).not.toBeNull()
      const isWhole = order.content.equals(order.target)
      const mustBe = order.answer?.kind === 'data' && !order.isGivenUp
      expect(isWhole || !mustBe, `seed ${seed}`).toBe(true)
    }
  }
})

test('a target that node holds is told to be held until the next read, and not written to after it', () => {
  const order = orderOf(1000)
  const receiver = createReceiver<Order>({
    expected: () => order,
    answered: (_, answer) => void (order.answer = answer),
    violated: reason => expect.fail(reason)
  })
  let lent = receiver.room()
  expect(receiver.holds(order)).toBe(false)
  lent = feed(receiver, encodeAnswerHead({ kind: 'data', id: 1, length: 1000 }), lent, 9)
  expect(receiver.holds(order)).toBe(true)
  order.isGivenUp = true
  lent = feed(receiver, Buffer.alloc(10, 1), lent, 10)
  expect(receiver.holds(order)).toBe(false)
  order.ground.fill(0xee)
  feed(receiver, Buffer.alloc(990, 1), lent, 100)
  expect(order.ground.every(byte => byte === 0xee)).toBe(true)
  expect(order.answer).toEqual({ kind: 'data' })
})

test.each([
  ['unasked', encodeAnswerHead({ kind: 'data', id: 2, length: 1 })],
  ['unasked', encodeAnswerHead({ kind: 'gone', id: 2 })],
  ['too-long', encodeAnswerHead({ kind: 'data', id: 1, length: 1001 })],
  ['bad-frame', Buffer.from([9, 0, 0, 0, 1, 0, 0, 0, 1])]
])('what is not an answer (%s) is told once, and nothing after it counts', (reason, frame) => {
  const order = orderOf(1000)
  const violations: string[] = []
  const receiver = createReceiver<Order>({
    expected: id => (id === 1 ? order : undefined),
    answered: () => expect.fail('this is no answer'),
    violated: told => violations.push(told)
  })
  const good = Buffer.concat([encodeAnswerHead({ kind: 'data', id: 1, length: 1000 }), Buffer.alloc(1000, 1)])
  feed(receiver, Buffer.concat([frame, frame, good]), receiver.room(), 50)
  expect(violations).toEqual([reason])
  expect(order.ground.every(byte => byte === 0xee)).toBe(true)
})
