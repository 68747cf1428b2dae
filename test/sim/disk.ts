/**
 * An agent's disk: which chunks it keeps, how full it is, and what the world alone knows of it: which of its bytes are
 * wrong. It counts its own peak, so that a checker need not believe anybody.
 */
import { Bitfield } from '@starling/shared/bitfield.ts'
import type { TransferId } from '@starling/shared/ids.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { Content } from './content.ts'

export class Disk {
  readonly kept = new Map<TransferId, Bitfield>()
  quotaBytes: Bytes
  /** Writes fail from now on, as with a full volume; what is kept stays readable. */
  full = false
  usedBytes: Bytes = 0
  peakBytes: Bytes = 0
  /** Chunks that lie here although their bytes are not those of the content. */
  readonly #wrong = new Map<TransferId, Set<number>>()
  /** Verified chunks in memory only, because the disk took them not. */
  readonly #held = new Map<TransferId, Set<number>>()

  constructor(quotaBytes: Bytes) {
    this.quotaBytes = quotaBytes
  }

  has(content: Content, chunk: number): boolean {
    return (
      this.kept.get(content.transfer)?.has(chunk) === true ||
      this.#held.get(content.transfer)?.has(chunk) === true
    )
  }

  isWrong(content: Content, chunk: number): boolean {
    return this.#wrong.get(content.transfer)?.has(chunk) === true
  }

  put(content: Content, chunk: number, right: boolean): 'kept' | 'held' {
    if (!right) setOf(this.#wrong, content.transfer).add(chunk)
    const bytes = content.bytesOf(chunk)
    if (this.full || this.usedBytes + bytes > this.quotaBytes) {
      setOf(this.#held, content.transfer).add(chunk)
      return 'held'
    }
    let have = this.kept.get(content.transfer)
    if (have === undefined) {
      have = new Bitfield(content.chunks)
      this.kept.set(content.transfer, have)
    }
    if (have.set(chunk)) {
      this.usedBytes += bytes
      if (this.usedBytes > this.peakBytes) this.peakBytes = this.usedBytes
    }
    return 'kept'
  }

  /** A kept chunk turned out unreadable, and is given up. */
  drop(content: Content, chunk: number): void {
    if (this.kept.get(content.transfer)?.clear(chunk) === true) this.usedBytes -= content.bytesOf(chunk)
  }

  evict(content: Content): void {
    const have = this.kept.get(content.transfer)
    if (have !== undefined) for (const chunk of have.indices()) this.usedBytes -= content.bytesOf(chunk)
    this.kept.delete(content.transfer)
    this.#held.delete(content.transfer)
    this.#wrong.delete(content.transfer)
  }

  /** Forgets what lies in memory only and is not needed. @returns which chunks. */
  release(content: Content, needed: (chunk: number) => boolean): number[] {
    const held = this.#held.get(content.transfer)
    if (held === undefined || held.size === 0) return []
    const dropped = [...held].filter(chunk => !needed(chunk))
    for (const chunk of dropped) held.delete(chunk)
    return dropped
  }

  powerOff(): void {
    this.#held.clear()
  }
}

function setOf(sets: Map<TransferId, Set<number>>, transfer: TransferId): Set<number> {
  let set = sets.get(transfer)
  if (set === undefined) sets.set(transfer, (set = new Set()))
  return set
}
