/**
 * A file of frames that is only ever appended to: `length (u32) | crc32 (u32) | dag-cbor`. A process that dies while
 * it appends leaves a torn tail; readers take the frames before it and say where the good part ends, so that the
 * next append goes there. One rule for manifests, facts and index records: what does not check is not there.
 */
import { crc32 } from 'node:zlib'
import { decode, encode } from '@ipld/dag-cbor'

const headBytes = 8

export function encodeFrame(value: unknown): Uint8Array {
  const body = encode(value)
  const frame = new Uint8Array(headBytes + body.length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, body.length)
  view.setUint32(4, crc32(body))
  frame.set(body, headBytes)
  return frame
}

export interface Frames {
  readonly values: unknown[]
  /** Where the next frame belongs; less than the file's size when the tail is torn. */
  readonly goodBytes: number
}

export function decodeFrames(bytes: Uint8Array): Frames {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values: unknown[] = []
  let at = 0
  while (at + headBytes <= bytes.length) {
    const length = view.getUint32(at)
    const body = bytes.subarray(at + headBytes, at + headBytes + length)
    // Length 0: power loss leaves a tail of zeros, whose (empty) checksum would even be right.
    if (length === 0 || body.length < length || crc32(body) !== view.getUint32(at + 4)) break
    try {
      values.push(decode(body))
    } catch {
      break
    }
    at += headBytes + length
  }
  return { values, goodBytes: at }
}
