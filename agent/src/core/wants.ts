/**
 * Which chunks are wanted, and which first. Local readers want what they read, from their position on; a gateway
 * also wants what the site's agents are after. Wants are rounded to extents, the unit of an upstream fetch, unless that
 * would fetch more than one extent beyond what is asked for, or bytes before the end of a content whose end is looked at.
 */
import { chunksPerExtent, chunksTouching, type Span } from '@starling/shared/chunking.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { ReaderId } from './events.ts'

export interface Reader {
  /** The chunk that it waits for or reads in, and the end of what it wants, in chunks. */
  chunk: number
  readonly endChunk: number
  readonly byExtents: boolean
  /** Nobody waits for it. */
  readonly background: boolean
  movedAt: Millis
}

/** Stands for nobody: a content that is finished although its last client has left. */
export const finisher: ReaderId = 0

export class Wants {
  readonly readers = new Map<ReaderId, Reader>()
  readonly #chunks: number
  readonly #chunkBytes: Bytes
  readonly #wanted: Uint8Array
  #spans: readonly Span[] = []

  constructor(chunks: number, chunkBytes: Bytes) {
    this.#chunks = chunks
    this.#chunkBytes = chunkBytes
    this.#wanted = new Uint8Array(chunks)
  }

  get any(): boolean {
    return this.#spans.length > 0
  }
  /** Sorted, merged, in chunks. */
  get spans(): readonly Span[] {
    return this.#spans
  }
  isWanted(chunk: number): boolean {
    return this.#wanted[chunk] === 1
  }

  /** Somebody at this agent waits. */
  get foreground(): boolean {
    for (const reader of this.readers.values()) if (!reader.background) return true
    return false
  }

  addReader(id: ReaderId, bytes: Span, background: boolean, now: Millis): void {
    const touched = chunksTouching(bytes, this.#chunkBytes)
    this.readers.set(id, {
      chunk: touched.start,
      endChunk: Math.min(this.#chunks, touched.end),
      byExtents: this.#roundsWell(bytes, touched),
      background,
      movedAt: now
    })
  }

  /** All of it, and nobody waits. */
  finish(now: Millis): void {
    this.readers.set(finisher, {
      chunk: 0,
      endChunk: this.#chunks,
      byExtents: true,
      background: true,
      movedAt: now
    })
  }

  /** @returns whether the reader went on to another chunk. */
  moveReader(id: ReaderId, position: Bytes, now: Millis): boolean {
    const reader = this.readers.get(id)
    if (reader === undefined) return false
    const chunk = Math.floor(position / this.#chunkBytes)
    if (chunk === reader.chunk) return false
    reader.chunk = chunk
    reader.movedAt = now
    return true
  }

  /** Readers that stood at this chunk are beyond it. */
  passed(chunk: number): void {
    for (const reader of this.readers.values()) if (reader.chunk === chunk) reader.chunk++
  }

  /** @returns the chunks whose being wanted changed. */
  recompute(ofOthers: Iterable<readonly Span[]>): number[] {
    const before = this.#wanted.slice()
    this.#wanted.fill(0)
    for (const { chunk, endChunk, byExtents } of this.readers.values())
      this.#mark(byExtents ? extentsAround(chunk, endChunk) : { start: chunk, end: endChunk })
    for (const spans of ofOthers) for (const span of spans) this.#mark(span)
    const changed: number[] = []
    const spans: Span[] = []
    let start = -1
    for (let chunk = 0; chunk <= this.#chunks; chunk++) {
      const wanted = chunk < this.#chunks && this.#wanted[chunk] === 1
      if (wanted && start === -1) start = chunk
      if (!wanted && start !== -1) {
        spans.push({ start, end: chunk })
        start = -1
      }
      if (chunk < this.#chunks && before[chunk] !== this.#wanted[chunk]) changed.push(chunk)
    }
    this.#spans = spans
    return changed
  }

  #mark({ start, end }: Span): void {
    const last = Math.min(this.#chunks, end)
    if (start < last) this.#wanted.fill(1, Math.max(0, start), last)
  }

  #roundsWell(bytes: Span, touched: Span): boolean {
    const askedBytes = bytes.end - bytes.start
    if (touched.end >= this.#chunks && bytes.start > 0 && askedBytes < this.#chunkBytes) return false
    const { start, end } = extentsAround(touched.start, touched.end)
    const addedBytes = (Math.min(this.#chunks, end) - start) * this.#chunkBytes - askedBytes
    return addedBytes <= chunksPerExtent * this.#chunkBytes
  }
}

function extentsAround(start: number, end: number): Span {
  return {
    start: Math.floor(start / chunksPerExtent) * chunksPerExtent,
    end: Math.ceil(end / chunksPerExtent) * chunksPerExtent
  }
}
