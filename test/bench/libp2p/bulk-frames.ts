/**
 * The bytes of a bulk stream: one request, one answer, then the next request. A chunk is named by transfer and
 * index only, so nothing a peer sends can become a path.
 *
 *   request   transfer 32 bytes, chunk u32
 *   answer    1 data, length u32, that many bytes
 *             2 busy, retryAfterMs u32
 *             3 gone, 0 u32
 */
import type { TransferId } from '@starling/shared/ids.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'

export const bulkProtocol = '/starling/bulk/1'
export const requestBytes: Bytes = 36
export const answerBytes: Bytes = 5

export interface BulkRequest {
  readonly transfer: TransferId
  readonly chunk: number
}
export type BulkAnswer =
  | { readonly kind: 'data'; readonly length: Bytes }
  | { readonly kind: 'busy'; readonly retryAfterMs: Millis }
  | { readonly kind: 'gone' }

const dataCode = 1
const busyCode = 2
const goneCode = 3

export function encodeRequest({ transfer, chunk }: BulkRequest): Uint8Array {
  const bytes = Buffer.alloc(requestBytes)
  bytes.write(transfer, 'hex')
  bytes.writeUInt32BE(chunk, 32)
  return bytes
}

export function decodeRequest(bytes: Uint8Array): BulkRequest {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, requestBytes)
  return { transfer: view.toString('hex', 0, 32), chunk: view.readUInt32BE(32) }
}

export function encodeAnswer(answer: BulkAnswer): Uint8Array {
  const bytes = Buffer.alloc(answerBytes)
  bytes[0] = answer.kind === 'data' ? dataCode : answer.kind === 'busy' ? busyCode : goneCode
  bytes.writeUInt32BE(
    answer.kind === 'data'
      ? answer.length
      : answer.kind === 'busy'
        ? Math.min(answer.retryAfterMs, 0xffff_ffff)
        : 0,
    1
  )
  return bytes
}

/** @returns null for anything else: the stream is of no use then. */
export function decodeAnswer(bytes: Uint8Array): BulkAnswer | null {
  const value = Buffer.from(bytes.buffer, bytes.byteOffset, answerBytes).readUInt32BE(1)
  if (bytes[0] === dataCode) return { kind: 'data', length: value }
  if (bytes[0] === busyCode) return { kind: 'busy', retryAfterMs: value }
  return bytes[0] === goneCode ? { kind: 'gone' } : null
}

/** Collects a head of fixed length out of pieces; `take` returns what of the piece comes after it. */
export function createHead(length: Bytes): {
  readonly bytes: Uint8Array
  full(): boolean
  take(piece: Uint8Array): Uint8Array
  reset(): void
} {
  const bytes = new Uint8Array(length)
  let filled = 0
  return {
    bytes,
    full: () => filled === length,
    take(piece) {
      const part = piece.subarray(0, length - filled)
      bytes.set(part, filled)
      filled += part.length
      return piece.subarray(part.length)
    },
    reset() {
      filled = 0
    }
  }
}
