/**
 * SHA-256 off the main thread: WebCrypto runs in libuv's pool, so that an agent that checks its cache still answers
 * its clients. createHash would be 10 % faster and block the loop for 2.5 ms a chunk.
 */
import { webcrypto } from 'node:crypto'
import type { Digest } from '@starling/shared/manifest.ts'

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Digest> {
  return new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes))
}

export function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
