/**
 * Content is cut into chunks of 1 MiB aligned at 0 (the last one shorter), so that a chunk is what Delivery
 * Optimization calls a piece, and a chunk's SHA-256 is its piece hash. Four chunks are an extent, the unit of
 * one upstream fetch: large enough that a request's round trip vanishes, small enough to spread over a site.
 */
import { MiB, type Bytes } from './units.ts'

export const chunkBytesDefault: Bytes = MiB
export const chunksPerExtent = 4

/** Half-open: `start` is in, `end` is not. In bytes or in chunks, as the name of the variable says. */
export interface Span {
  readonly start: number
  readonly end: number
}

export function chunkCount(length: Bytes, chunkBytes: Bytes): number {
  return Math.ceil(length / chunkBytes)
}

export function extentCount(length: Bytes, chunkBytes: Bytes): number {
  return Math.ceil(chunkCount(length, chunkBytes) / chunksPerExtent)
}

/** Bytes of one chunk; shorter than `chunkBytes` only for the last. */
export function chunkLength(chunk: number, length: Bytes, chunkBytes: Bytes): Bytes {
  return Math.min(chunkBytes, length - chunk * chunkBytes)
}

export function extentOf(chunk: number): number {
  return Math.floor(chunk / chunksPerExtent)
}

/** The chunks of an extent. */
export function chunksOf(extent: number, chunks: number): Span {
  return { start: extent * chunksPerExtent, end: Math.min(chunks, (extent + 1) * chunksPerExtent) }
}

/** The chunks that a byte span touches. */
export function chunksTouching(bytes: Span, chunkBytes: Bytes): Span {
  if (bytes.end <= bytes.start) return { start: 0, end: 0 }
  return { start: Math.floor(bytes.start / chunkBytes), end: Math.ceil(bytes.end / chunkBytes) }
}

/** The bytes of a span of chunks. */
export function bytesOf(chunks: Span, length: Bytes, chunkBytes: Bytes): Span {
  return { start: chunks.start * chunkBytes, end: Math.min(length, chunks.end * chunkBytes) }
}
