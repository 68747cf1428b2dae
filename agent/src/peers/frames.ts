/**
 * Length-prefixed frames (unsigned varint, then so many bytes) out of a stream of pieces. A frame is copied out
 * of the piece it came in: a digest that the core keeps would otherwise pin a whole network buffer.
 */
import { StarlingError } from '@starling/shared/errors.ts'
import type { Bytes } from '@starling/shared/units.ts'

/** 64 KiB needs three bytes of varint; a fourth can only be an attack or another protocol. */
const prefixBytesMax = 3

export function framed(payload: Uint8Array): Uint8Array {
  const prefix: number[] = []
  let rest = payload.length
  while (rest >= 0x80) {
    prefix.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  prefix.push(rest)
  const frame = new Uint8Array(prefix.length + payload.length)
  frame.set(prefix)
  frame.set(payload, prefix.length)
  return frame
}

/**
 * @returns a function that takes pieces as they arrive and calls `onFrame` for each complete frame.
 * It throws StarlingError `bad-frame` for a length over the limit; the stream is of no use after that.
 */
export function createFrameReader(
  frameBytesMax: Bytes,
  onFrame: (frame: Uint8Array) => void
): (piece: Uint8Array) => void {
  let length = 0
  let prefixBytes = 0
  let payload: Uint8Array | null = null
  let filled = 0

  return piece => {
    let at = 0
    while (at < piece.length) {
      if (payload === null) {
        const byte = piece[at++]!
        length |= (byte & 0x7f) << (7 * prefixBytes++)
        if (prefixBytes > prefixBytesMax || length > frameBytesMax) {
          throw new StarlingError('bad-frame', `a frame announced as longer than ${frameBytesMax} bytes`)
        }
        if ((byte & 0x80) !== 0) continue
        payload = new Uint8Array(length)
      }
      const taken = piece.subarray(at, at + payload.length - filled)
      payload.set(taken, filled)
      filled += taken.length
      at += taken.length
      if (filled < payload.length) return
      const frame = payload
      payload = null
      length = prefixBytes = filled = 0
      onFrame(frame)
    }
  }
}
