/**
 * What has to come from upstream: chunks that are wanted, that nobody at the site can give us, and that are not under
 * way. Extents with such chunks are open to be claimed, those before a waiting client first, then in order.
 */
import { chunksOf, extentOf, type Span } from '@starling/shared/chunking.ts'
import type { Claims } from './claims.ts'
import type { Wants } from './wants.ts'

export interface Surroundings {
  readonly chunks: number
  readonly wants: Wants
  /** This agent has the chunk, or is getting it from a peer. */
  underWay(chunk: number): boolean
  /** Somebody has it who can be asked for it: not merely one who fails us or lied to us. */
  heldByOthers(chunk: number): boolean
  /** What others have of it counts: somebody whose word we take has signed its digest. */
  vouched(chunk: number): boolean
  /** With a full disk nothing is fetched but what clients wait for: so many chunks ahead of each; null: no such limit. */
  onlyAhead(): number | null
}

export class OpenExtents {
  readonly #around: Surroundings
  readonly #claims: Claims

  constructor(around: Surroundings, claims: Claims) {
    this.#around = around
    this.#claims = claims
  }

  /** The first extents that are wanted and that nobody has or fetches. */
  first(most: number): number[] {
    const { wants } = this.#around
    const open: number[] = []
    const look = (start: number, end: number): void => {
      for (let extent = extentOf(start); chunksOf(extent, end).start < end && open.length < most; extent++) {
        if (this.#claims.of(extent) === undefined && !open.includes(extent) && this.firstRun(extent) !== null)
          open.push(extent)
      }
    }
    const ahead = this.#around.onlyAhead()
    for (const { chunk, endChunk } of wants.readers.values()) {
      look(chunk, ahead === null ? endChunk : Math.min(endChunk, chunk + ahead))
    }
    if (ahead === null) for (const span of wants.spans) look(span.start, span.end)
    return open
  }

  /** Some chunk of the extent is nowhere at the site. */
  isMissing(extent: number): boolean {
    const { start, end } = chunksOf(extent, this.#around.chunks)
    for (let chunk = start; chunk < end; chunk++) if (this.#isMissing(chunk)) return true
    return false
  }

  /** The first chunks of the extent, one after the other, that are wanted here and nowhere at the site. */
  firstRun(extent: number): Span | null {
    const { start: first, end: last } = chunksOf(extent, this.#around.chunks)
    const isOpen = (chunk: number): boolean => this.#around.wants.isWanted(chunk) && this.#isMissing(chunk)
    let start = first
    while (start < last && !isOpen(start)) start++
    if (start === last) return null
    let end = start + 1
    while (end < last && isOpen(end)) end++
    return { start, end }
  }

  /** This agent lacks some chunk of the extent, and it is not on its way here. */
  isMissingHere(extent: number): boolean {
    const { start, end } = chunksOf(extent, this.#around.chunks)
    for (let chunk = start; chunk < end; chunk++) if (!this.#around.underWay(chunk)) return true
    return false
  }

  /** Something that is wanted of [start, end) is not here. */
  anyMissingHere(start: number, end: number): boolean {
    for (let chunk = start; chunk < end; chunk++)
      if (this.#around.wants.isWanted(chunk) && !this.#around.underWay(chunk)) return true
    return false
  }

  #isMissing(chunk: number): boolean {
    const around = this.#around
    return (
      this.#neededNow(chunk) &&
      !around.underWay(chunk) &&
      (!around.heldByOthers(chunk) || !around.vouched(chunk))
    )
  }

  /** With a full disk, what a client has read is gone again, and must not be fetched for nobody. */
  #neededNow(chunk: number): boolean {
    const ahead = this.#around.onlyAhead()
    if (ahead === null) return true
    for (const reader of this.#around.wants.readers.values()) {
      if (
        chunk >= reader.chunk &&
        chunk < reader.endChunk &&
        extentOf(chunk) <= extentOf(reader.chunk + ahead)
      )
        return true
    }
    return false
  }
}
