/**
 * The bytes on a bulk socket. The side that dialled asks, the other answers; all numbers are big-endian.
 *
 *   request   1, id u32, transfer 32 bytes, chunk u32, offset u32, length u32
 *   cancel    2, id u32
 *
 *   data      1, id u32, length u32, that many bytes
 *   busy      2, id u32, retryAfterMs u32
 *   gone      3, id u32, 0 u32
 *
 * An answer is one or more `data` frames that add up to the length asked for, or `busy`, or `gone` (also after some
 * data). Answers come in any order, and frames of several may alternate. Each request gets exactly one answer, a
 * cancelled one too: the rest of its data, or `gone`; so both sides always agree on which ids are alive, and skipping
 * what nobody wants any more is counting. Ids are chosen by the asker, and not used again on the same socket.
 *
 * `length` is what the asker takes the chunk to hold from `offset` on. Who knows better says `gone`: the two do not
 * speak of the same bytes. (Ranges that end inside of a chunk would blur whose fault a bad digest is.)
 *
 * A chunk is named by transfer and index only, so nothing a peer sends can become a path.
 */
import type { TransferId } from '@starling/shared/ids.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'

export const bulkAlpn = 'starling/bulk/1'
export const requestBytes: Bytes = 49
export const cancelBytes: Bytes = 5
export const answerHeadBytes: Bytes = 9

export interface BulkRequest {
  readonly id: number
  readonly transfer: TransferId
  readonly chunk: number
  readonly offset: Bytes
  readonly length: Bytes
}

export type BulkQuestion =
  | ({ readonly kind: 'request' } & BulkRequest)
  | { readonly kind: 'cancel'; readonly id: number }

export type AnswerHead =
  | { readonly kind: 'data'; readonly id: number; readonly length: Bytes }
  | { readonly kind: 'busy'; readonly id: number; readonly retryAfterMs: Millis }
  | { readonly kind: 'gone'; readonly id: number }

const u32Max = 0xffff_ffff
const requestCode = 1
const cancelCode = 2
const dataCode = 1
const busyCode = 2
const goneCode = 3

export function encodeRequest({ id, transfer, chunk, offset, length }: BulkRequest): Buffer {
  const bytes = Buffer.allocUnsafe(requestBytes)
  bytes[0] = requestCode
  bytes.writeUInt32BE(id, 1)
  bytes.write(transfer, 5, 'hex')
  bytes.writeUInt32BE(chunk, 37)
  bytes.writeUInt32BE(offset, 41)
  bytes.writeUInt32BE(length, 45)
  return bytes
}

export function encodeCancel(id: number): Buffer {
  const bytes = Buffer.allocUnsafe(cancelBytes)
  bytes[0] = cancelCode
  bytes.writeUInt32BE(id, 1)
  return bytes
}

export function encodeAnswerHead(head: AnswerHead): Buffer {
  const bytes = Buffer.allocUnsafe(answerHeadBytes)
  bytes.writeUInt32BE(head.id, 1)
  switch (head.kind) {
    case 'data':
      bytes[0] = dataCode
      bytes.writeUInt32BE(head.length, 5)
      break
    case 'busy':
      bytes[0] = busyCode
      bytes.writeUInt32BE(Math.min(Math.max(0, Math.ceil(head.retryAfterMs)), u32Max), 5)
      break
    case 'gone':
      bytes[0] = goneCode
      bytes.writeUInt32BE(0, 5)
      break
  }
  return bytes
}

/** @returns null for anything else: the socket is of no use then. */
export function decodeAnswerHead(bytes: Buffer): AnswerHead | null {
  const id = bytes.readUInt32BE(1)
  const value = bytes.readUInt32BE(5)
  switch (bytes.readUInt8()) {
    case dataCode:
      return value > 0 ? { kind: 'data', id, length: value } : null
    case busyCode:
      return { kind: 'busy', id, retryAfterMs: value }
    case goneCode:
      return value === 0 ? { kind: 'gone', id } : null
    default:
      return null
  }
}

/** Reads questions out of pieces of any size. Holds no more than one question. */
export interface QuestionReader {
  /** The questions that this piece completes; a last null: what follows is none, and reading is over. */
  take(piece: Uint8Array): Array<BulkQuestion | null>
}

export function createQuestionReader(): QuestionReader {
  const pending = Buffer.alloc(requestBytes)
  let filled = 0

  return {
    take(piece) {
      const questions: Array<BulkQuestion | null> = []
      for (let at = 0; at < piece.length;) {
        const wanted = sizeOf(filled > 0 ? pending[0] : piece[at])
        if (wanted === 0) return [...questions, null]
        const part = piece.subarray(at, at + wanted - filled)
        pending.set(part, filled)
        filled += part.length
        at += part.length
        if (filled < wanted) break
        questions.push(decodeQuestion(pending))
        filled = 0
      }
      return questions
    }
  }
}

function sizeOf(code: number | undefined): Bytes {
  return code === requestCode ? requestBytes : code === cancelCode ? cancelBytes : 0
}

function decodeQuestion(bytes: Buffer): BulkQuestion {
  const id = bytes.readUInt32BE(1)
  if (bytes[0] === cancelCode) return { kind: 'cancel', id }
  return {
    kind: 'request',
    id,
    transfer: bytes.toString('hex', 5, 37),
    chunk: bytes.readUInt32BE(37),
    offset: bytes.readUInt32BE(41),
    length: bytes.readUInt32BE(45)
  }
}
