/**
 * A transfer for tests of what keeps or moves chunks: a head, chunks out of a seed, their digests, signed batches.
 * The signatures are right in shape only: whoever checks them needs a real signer instead.
 */
import { createHash } from 'node:crypto'
import { chunkCount, chunkLength } from '@starling/shared/chunking.ts'
import type { TransferId } from '@starling/shared/ids.ts'
import {
  transferIdOf,
  type Digest,
  type Head,
  type SignedDigests,
  type SignedHead
} from '@starling/shared/manifest.ts'
import { KiB, type Bytes } from '@starling/shared/units.ts'

export interface MadeTransfer {
  readonly id: TransferId
  readonly chunks: number
  /** A greater serial is a newer signature of the same head. */
  head(serial?: number): SignedHead
  chunk(index: number): Uint8Array
  digest(index: number): Digest
  batch(first: number, end: number): SignedDigests
}

export interface MadeTransferShape {
  readonly name?: string
  readonly length?: Bytes
  /** Small, so that many chunks are quick; nothing in a store knows 1 MiB. */
  readonly chunkBytes?: Bytes
}

const issuer = '12D3KooWAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

export function madeTransfer(shape: MadeTransferShape = {}): MadeTransfer {
  const { name = 'one', chunkBytes = 16 * KiB, length = 10 * chunkBytes - 100 } = shape
  const key = `updates.example/${name}.cab`
  const head: Head = {
    key,
    length,
    validator: '"1"',
    chunkBytes,
    contentClass: 'test',
    headers: [['x', 'y']],
    promised: null
  }
  const id = transferIdOf(head)
  const signed = (what: string, serial: number) => ({
    issuer,
    issuedAt: 1,
    expiresAt: 2 ** 41,
    serial,
    bytes: new Uint8Array(createHash('sha512').update(`${id} ${what} ${serial}`).digest())
  })

  function chunk(index: number): Uint8Array {
    const bytes = new Uint8Array(chunkLength(index, length, chunkBytes))
    const block = createHash('sha256').update(`${id} ${index}`).digest()
    for (let at = 0; at < bytes.length; at += block.length)
      bytes.set(block.subarray(0, bytes.length - at), at)
    return bytes
  }
  const digest = (index: number) => new Uint8Array(createHash('sha256').update(chunk(index)).digest())

  return {
    id,
    chunks: chunkCount(length, chunkBytes),
    head: (serial = 1) => ({ transfer: id, head, signed: signed('head', serial) }),
    chunk,
    digest,
    batch: (first, end) => ({
      transfer: id,
      entries: Array.from({ length: end - first }, (_, at) => [first + at, digest(first + at)] as const),
      signed: signed(`digests ${first} ${end}`, 1)
    })
  }
}
