import { Prng } from '@starling/shared/prng.ts'
import { describe, expect, test } from 'vitest'
import {
  createQuestionReader,
  decodeAnswerHead,
  encodeAnswerHead,
  encodeCancel,
  encodeRequest,
  type AnswerHead,
  type BulkQuestion
} from './frames.ts'

const u32Max = 0xffff_ffff
const request = { id: 7, transfer: 'c0'.repeat(32), chunk: u32Max, offset: 5, length: 1 }

describe('questions', () => {
  test('arrive whole however the network cuts them', () => {
    const questions: BulkQuestion[] = Array.from({ length: 50 }, (_, id) =>
      id % 3 === 2 ? { kind: 'cancel', id } : { kind: 'request', ...request, id }
    )
    const bytes = Buffer.concat(
      questions.map(one => (one.kind === 'cancel' ? encodeCancel(one.id) : encodeRequest(one)))
    )
    for (let seed = 0; seed < 50; seed++) {
      const prng = new Prng(seed)
      const reader = createQuestionReader()
      const read: Array<BulkQuestion | null> = []
      for (let at = 0; at < bytes.length;) {
        const end = at + 1 + prng.below(120)
        read.push(...reader.take(bytes.subarray(at, end)))
        at = end
      }
      expect(read, `seed ${seed}`).toEqual(questions)
    }
  })

  test('end at the first byte that begins none', () => {
    const bytes = Buffer.concat([encodeRequest(request), encodeCancel(9), Buffer.from([3, 0, 0])])
    expect(createQuestionReader().take(bytes)).toEqual([
      { kind: 'request', ...request },
      { kind: 'cancel', id: 9 },
      null
    ])
  })
})

describe('heads of answers', () => {
  test('are read as they were written', () => {
    const heads: AnswerHead[] = [
      { kind: 'data', id: u32Max, length: u32Max },
      { kind: 'busy', id: 0, retryAfterMs: 1234 },
      { kind: 'gone', id: 1 }
    ]
    for (const head of heads) expect(decodeAnswerHead(encodeAnswerHead(head))).toEqual(head)
  })

  test('carry any waiting time, as whole milliseconds', () => {
    const told = (retryAfterMs: number): unknown =>
      decodeAnswerHead(encodeAnswerHead({ kind: 'busy', id: 1, retryAfterMs }))
    expect(told(0.2)).toMatchObject({ retryAfterMs: 1 })
    expect(told(-5)).toMatchObject({ retryAfterMs: 0 })
    expect(told(1e12)).toMatchObject({ retryAfterMs: u32Max })
  })

  test('are refused with an unknown code, for data of no byte, and with a value where none belongs', () => {
    for (const bytes of [
      [0, 0, 0, 0, 1, 0, 0, 0, 1],
      [4, 0, 0, 0, 1, 0, 0, 0, 1],
      [1, 0, 0, 0, 1, 0, 0, 0, 0],
      [3, 0, 0, 0, 1, 0, 0, 0, 1]
    ]) {
      expect(decodeAnswerHead(Buffer.from(bytes))).toBeNull()
    }
  })
})
