import { describe, expect, test } from 'vitest'
import { createFrameReader, framed } from './frames.ts'

const lengths = [0, 1, 127, 128, 300, 16_383, 16_384, 65_536]

describe('frames', () => {
  test.each([1, 2, 7, 1000, 1_000_000])('come out as they went in, in pieces of %d bytes', pieceBytes => {
    const payloads = lengths.map((length, index) => Buffer.alloc(length, index + 1))
    const wire = Buffer.concat(payloads.map(framed))
    const got: Uint8Array[] = []
    const read = createFrameReader(65_536, frame => {
      got.push(frame)
    })
    for (let at = 0; at < wire.length; at += pieceBytes) read(wire.subarray(at, at + pieceBytes))
    expect(got.map(frame => Buffer.from(frame))).toEqual(payloads)
  })

  test('do not hold on to the buffer they came in', () => {
    const wire = Buffer.from(framed(Buffer.from('digest')))
    let got: Uint8Array = new Uint8Array()
    createFrameReader(100, frame => {
      got = frame
    })(wire)
    wire.fill(0)
    expect(Buffer.from(got).toString()).toBe('digest')
  })

  test('over the limit are refused at their prefix, before memory is set aside', () => {
    const read = (prefix: number[]) => () => createFrameReader(65_536, () => {})(Uint8Array.from(prefix))
    expect(read([0x81, 0x80, 0x04])).toThrow(expect.objectContaining({ code: 'bad-frame' }))
    expect(read([0xff, 0xff, 0xff, 0xff, 0x0f])).toThrow(expect.objectContaining({ code: 'bad-frame' }))
    expect(read([0x80, 0x80, 0x80, 0x00])).toThrow(expect.objectContaining({ code: 'bad-frame' }))
  })
})
