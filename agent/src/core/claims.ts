/**
 * The book of claims of one transfer: who of the site fetches which extent over the WAN, and whether that still
 * goes on. Nobody hands out work and nothing is locked: everyone keeps this book from what is said, and as all keep
 * it by the same rules, two agents rarely start the same extent, and when they do, both know who yields.
 *
 * A claim lives by progress, not by a fixed time, and progress counts only as far as chunks really show up at the
 * site: a claimant that only says that it works is found out.
 */
import type { AgentId } from '@starling/shared/ids.ts'
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'
import type { Claim } from '@starling/shared/wire.ts'
import { claimStallChunks, claimStallMs, patienceFactorMax } from './limits.ts'

export interface ClaimRecord {
  readonly extent: number
  readonly claimant: AgentId
  sequence: number
  bytesDone: Bytes
  readonly since: Millis
  progressAt: Millis
}

export class Claims {
  readonly #byExtent = new Map<number, ClaimRecord>()
  readonly #chunkBytes: Bytes
  /** Recomputed when a claim has changed since it was asked for last. */
  #patience: Millis | null = null
  #patienceFactor = 1
  #stallMs = claimStallMs
  /** The median of the flows when it was last known. */
  #lastRate: BytesPerSecond | null = null
  /** Claimants whose claims were declared void, by extent, and whether they were heard of again. */
  readonly #voided = new Map<
    number,
    { readonly claimant: AgentId; readonly times: number; isHeard: boolean }
  >()

  constructor(chunkBytes: Bytes) {
    this.#chunkBytes = chunkBytes
  }

  get size(): number {
    return this.#byExtent.size
  }
  of(extent: number): ClaimRecord | undefined {
    return this.#byExtent.get(extent)
  }
  all(): IterableIterator<ClaimRecord> {
    return this.#byExtent.values()
  }

  /** Notes a claim; the caller has settled any conflict. */
  set(claim: Claim, now: Millis): void {
    this.#patience = null
    this.#byExtent.set(claim.extent, { ...claim, since: now, progressAt: now })
  }

  /**
   * Progress of a claim that is in the book. `seen` counts the claimant's chunks of that extent that are known to be
   * at the site. Haves may be late on a busy network, so a few chunks are believed beyond those, but not the whole.
   */
  progress(claim: Claim, seen: number, now: Millis): void {
    const record = this.#byExtent.get(claim.extent)
    if (record === undefined || record.claimant !== claim.claimant || claim.sequence <= record.sequence)
      return
    record.sequence = claim.sequence
    this.#patience = null
    const credible = Math.min(claim.bytesDone, (seen + 3) * this.#chunkBytes)
    if (credible > record.bytesDone) {
      record.bytesDone = credible
      record.progressAt = now
    }
  }

  /** Word of a claim that may not be in the book: a claimant that we had given up is alive, only slow. */
  heardOf(claim: Claim): void {
    const voided = this.#voided.get(claim.extent)
    if (claim.bytesDone === 0 || voided?.claimant !== claim.claimant || voided.isHeard) return
    voided.isHeard = true
    this.morePatience()
  }

  /** A claim of his on this extent was void, and he has brought nothing of it since. */
  wasVoid(extent: number, claimant: AgentId): boolean {
    return this.#voided.get(extent)?.claimant === claimant
  }

  /** ... more than once: it is not the line alone. */
  isHopeless(extent: number, claimant: AgentId): boolean {
    return this.wasVoid(extent, claimant) && this.#voided.get(extent)!.times > 1
  }

  /** He was the first at the site to have a chunk of the extent. */
  brought(extent: number, claimant: AgentId): void {
    if (this.wasVoid(extent, claimant)) this.#voided.delete(extent)
  }

  /** What was done because others seemed dead was in vain. */
  morePatience(): void {
    this.#patienceFactor = Math.min(patienceFactorMax, this.#patienceFactor * 2)
    this.#patience = null
  }

  /** No claim is void sooner. */
  stallsAfter(ms: Millis): void {
    this.#stallMs = ms
    this.#patience = null
  }

  get patienceFactor(): number {
    return this.#patienceFactor
  }

  /** We were late ourselves: nobody's silence in that time counts. */
  forgive(latenessMs: Millis): void {
    for (const record of this.#byExtent.values()) record.progressAt += latenessMs
  }

  /** A chunk of the extent showed up at the site: the surest sign of progress. */
  showed(extent: number, now: Millis): void {
    const record = this.#byExtent.get(extent)
    if (record !== undefined) record.progressAt = now
  }

  release(extent: number, claimant: AgentId): boolean {
    if (this.#byExtent.get(extent)?.claimant !== claimant) return false
    this.#patience = null
    return this.#byExtent.delete(extent)
  }

  /** @returns the extents that became free because their claimant is gone. */
  dropClaimant(claimant: AgentId): number[] {
    const freed: number[] = []
    for (const record of this.#byExtent.values()) {
      if (record.claimant === claimant) freed.push(record.extent)
    }
    for (const extent of freed) this.#byExtent.delete(extent)
    this.#patience = null
    return freed
  }

  /** When the claim becomes void if nothing more is heard of it. */
  deadline(record: ClaimRecord): Millis {
    return record.progressAt + this.#patienceMs()
  }

  /** Whether chunks come so fast that more flows do not make any of them look dead. */
  get swift(): boolean {
    return this.#lastRate !== null && this.#patienceMs() <= this.#stallMs * 2 * this.#patienceFactor
  }

  /** Takes void claims of others out of the book, and those of the `doubted`, and gives them back. */
  expire(self: AgentId, doubted: (claimant: AgentId) => boolean, now: Millis): ClaimRecord[] {
    const patienceMs = this.#patienceMs()
    const expired: ClaimRecord[] = []
    for (const record of this.#byExtent.values()) {
      if (record.claimant === self) continue
      if (now >= record.progressAt + patienceMs || doubted(record.claimant)) expired.push(record)
    }
    for (const record of expired) {
      this.#byExtent.delete(record.extent)
      const { claimant, extent } = record
      const before = this.wasVoid(extent, claimant) ? this.#voided.get(extent)!.times : 0
      this.#voided.set(extent, { claimant, times: before + 1, isHeard: false })
    }
    return expired
  }

  /** On a slow line a chunk takes long without anything being wrong: patience grows with the chunk's time. */
  #patienceMs(): Millis {
    this.#patience ??= this.#measurePatience() * this.#patienceFactor
    return this.#patience
  }

  #measurePatience(): Millis {
    const now = this.#medianRate()
    this.#lastRate = now ?? this.#lastRate
    // Nothing of the present claims has come yet: the last ones tell how fast the line is.
    const least = now === null ? this.#stallMs * 2 : this.#stallMs
    if (this.#lastRate === null) return least
    return Math.max(least, Math.ceil((claimStallChunks * this.#chunkBytes * 1000) / this.#lastRate))
  }

  #medianRate(): BytesPerSecond | null {
    const rates: number[] = []
    for (const record of this.#byExtent.values()) {
      const tookMs = record.progressAt - record.since
      if (record.bytesDone > 0 && tookMs > 0) rates.push((record.bytesDone * 1000) / tookMs)
    }
    rates.sort((one, other) => one - other)
    return rates[rates.length >> 1] ?? null
  }
}
