/**
 * What the origin serves: bytes that can be read from any offset, with a name for their version.
 *
 * Made-up content is the key stream of AES-128-CTR under a key made of its seed: as random as real updates are
 * (nothing on the way can compress it), the same on every machine, readable from any offset, and never in memory.
 */
import { createCipheriv, createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { MiB, type Bytes } from '@starling/shared/units.ts'

export interface Content {
  readonly length: Bytes
  /** Strong, quotes included. */
  readonly etag: string
  readonly lastModified: Date
  /** The bytes [start, end), which must lie in the content. */
  read(start: Bytes, end: Bytes): Promise<Uint8Array>
  close(): Promise<void>
}

const aesBlockBytes = 16
/** Made-up content was "last modified" then; any fixed past second would do. */
const longAgo = new Date('2026-01-02T03:04:05Z')

/** Content of any length out of a seed; another seed is another version. */
export function seededContent(seed: string, length: Bytes): Content {
  const key = createHash('sha256').update(`starling test content ${seed}`).digest().subarray(0, aesBlockBytes)
  return {
    length,
    etag: `"${createHash('sha256').update(`${seed} ${length}`).digest('hex').slice(0, 16)}"`,
    lastModified: longAgo,
    async read(start, end) {
      const block = Math.floor(start / aesBlockBytes)
      const counter = Buffer.alloc(aesBlockBytes)
      counter.writeBigUInt64BE(BigInt(block), 8)
      const skip = start - block * aesBlockBytes
      const stream = createCipheriv('aes-128-ctr', key, counter).update(Buffer.alloc(skip + end - start))
      return stream.subarray(skip)
    },
    async close() {}
  }
}

/** Just these bytes. */
export function bytesContent(bytes: Uint8Array): Content {
  return {
    length: bytes.length,
    etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`,
    lastModified: longAgo,
    read: async (start, end) => bytes.subarray(start, end),
    async close() {}
  }
}

/** A file of this machine, kept open until `close`. */
export async function fileContent(path: string): Promise<Content> {
  const file = await open(path, 'r')
  const { size, mtimeMs } = await file.stat()
  return {
    length: size,
    etag: `"${createHash('sha256').update(`${path}\n${size}\n${mtimeMs}`).digest('hex').slice(0, 16)}"`,
    lastModified: new Date(mtimeMs),
    async read(start, end) {
      const bytes = Buffer.allocUnsafe(end - start)
      let filled = 0
      while (filled < bytes.length) {
        const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled)
        if (bytesRead === 0) throw new Error(`${path} has become shorter than the ${size} bytes it had`)
        filled += bytesRead
      }
      return bytes
    },
    close: () => file.close()
  }
}

export async function writeContent(content: Content, path: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (let at = 0; at < content.length; at += MiB)
      await file.writeFile(await content.read(at, Math.min(content.length, at + MiB)))
  } finally {
    await file.close()
  }
}

/** SHA-256 over all of it (or over [start, end)), in lower-case hex. */
export async function sha256Of(
  content: Content,
  start: Bytes = 0,
  end: Bytes = content.length
): Promise<string> {
  return digestOf('sha256', content, start, end)
}

/** In lower-case hex. */
export async function sha1Of(content: Content): Promise<string> {
  return digestOf('sha1', content, 0, content.length)
}

async function digestOf(algorithm: string, content: Content, start: Bytes, end: Bytes): Promise<string> {
  const hash = createHash(algorithm)
  for (let at = start; at < end; at += MiB) hash.update(await content.read(at, Math.min(end, at + MiB)))
  return hash.digest('hex')
}
