import { expect, it } from 'vitest'
import { decodeFrames, encodeFrame } from './frames.ts'

const values = [{ a: 1 }, ['two', new Uint8Array([1, 2, 3])], 'three']
const whole = Buffer.concat(values.map(encodeFrame))

it('gives back what was appended', () => {
  expect(decodeFrames(whole)).toEqual({ values, goodBytes: whole.length })
  expect(decodeFrames(new Uint8Array())).toEqual({ values: [], goodBytes: 0 })
})

it('takes all whole frames before a tail torn at any byte', () => {
  const ends = [0]
  for (const value of values) ends.push(ends.at(-1)! + encodeFrame(value).length)
  for (let cut = 0; cut < whole.length; cut++) {
    const frames = ends.filter(end => end <= cut).length - 1
    expect(decodeFrames(whole.subarray(0, cut))).toEqual({
      values: values.slice(0, frames),
      goodBytes: ends[frames]
    })
  }
})

it('stops at the frame in which any one bit is flipped', () => {
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const damaged = Uint8Array.from(whole)
    damaged[bit >> 3]! ^= 1 << (bit & 7)
    const { values: read, goodBytes } = decodeFrames(damaged)
    expect(goodBytes).toBeLessThanOrEqual(bit >> 3)
    expect(read).toEqual(values.slice(0, read.length))
  }
})

it('does not take the zeros that power loss leaves for frames', () => {
  const { values: read, goodBytes } = decodeFrames(Buffer.concat([whole, Buffer.alloc(4096)]))
  expect([read.length, goodBytes]).toEqual([3, whole.length])
})
