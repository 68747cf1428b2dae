/** Reads chunks from the disk and hashes them, some at a time: WebCrypto's threads are busy while the disk is. */
import { codeOf } from '@starling/shared/errors.ts'
import { equalBytes, sha256 } from './hash.ts'
import type { KeptTransfer } from './kept-transfer.ts'

/** Libuv's pool has four threads; more would only hold more memory. */
const checksAtOnce = 4

/** @returns the chunks that are not what their digest says, or cannot be read; sorted. */
export async function badChunks(kept: KeptTransfer, chunks: readonly number[]): Promise<number[]> {
  const bad: number[] = []
  const left = chunks.values()
  async function check(): Promise<void> {
    for (const chunk of left) if (!(await isGood(kept, chunk))) bad.push(chunk)
  }
  await Promise.all(Array.from({ length: checksAtOnce }, check))
  return bad.sort((one, other) => one - other)
}

async function isGood(kept: KeptTransfer, chunk: number): Promise<boolean> {
  const digest = kept.digestOf(chunk)
  const bytes = new Uint8Array(kept.bytesOf(chunk))
  try {
    await kept.read(chunk, 0, bytes)
  } catch (error) {
    // Dropped or removed in the meantime is not bad; what cannot be read is.
    if (codeOf(error) === 'not-kept' || codeOf(error) === 'store-closed') return true
    return false
  }
  return digest !== undefined && equalBytes(await sha256(bytes), digest)
}
