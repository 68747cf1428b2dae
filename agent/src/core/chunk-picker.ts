/**
 * Which chunk is asked of peers next. Chunks that could be asked for now (wanted, somebody has them, their digest is
 * known, not under way) lie in a bag with constant-time insert and remove, so that a pick never scans the content.
 *
 * A waiting client's window comes in order. Everything else comes rarest first, drawn from a sample: in a large
 * swarm that is as good as sorting, and ties fall at random by nature.
 */
import type { Prng } from '@starling/shared/prng.ts'
import { rarestSample } from './limits.ts'

export class ChunkPicker {
  readonly #ready: number[] = []
  readonly #placeOf: Int32Array

  constructor(chunks: number) {
    this.#placeOf = new Int32Array(chunks).fill(-1)
  }

  get size(): number {
    return this.#ready.length
  }
  isReady(chunk: number): boolean {
    return this.#placeOf[chunk] !== -1 && this.#placeOf[chunk] !== undefined
  }

  add(chunk: number): void {
    if (this.isReady(chunk)) return
    this.#placeOf[chunk] = this.#ready.length
    this.#ready.push(chunk)
  }

  remove(chunk: number): void {
    const place = this.#placeOf[chunk]
    if (place === undefined || place === -1) return
    const last = this.#ready.pop()!
    if (last !== chunk) {
      this.#ready[place] = last
      this.#placeOf[last] = place
    }
    this.#placeOf[chunk] = -1
  }

  /** The first ready chunk of [first, end), for a client that waits there. */
  nextInWindow(first: number, end: number): number | null {
    for (let chunk = first; chunk < end; chunk++) if (this.isReady(chunk)) return chunk
    return null
  }

  /** The rarest of a random sample; null when nothing is ready. */
  rarest(holders: (chunk: number) => number, prng: Prng): number | null {
    if (this.#ready.length === 0) return null
    if (this.#ready.length <= rarestSample) return this.#rarestOf(this.#ready, holders, prng)
    const sample: number[] = []
    for (let draw = 0; draw < rarestSample; draw++) sample.push(prng.pick(this.#ready))
    return this.#rarestOf(sample, holders, prng)
  }

  #rarestOf(chunks: readonly number[], holders: (chunk: number) => number, prng: Prng): number {
    let best = chunks[prng.below(chunks.length)]!
    let fewest = holders(best)
    for (const chunk of chunks) {
      const count = holders(chunk)
      if (count < fewest) {
        best = chunk
        fewest = count
      }
    }
    return best
  }
}
