/**
 * Two ends of a connection in memory, like node:stream's duplexPair, which hands on what was written as it is. Our server's
 * buffers are its own again once a write is told to be done (see `write` in exchange.ts), so here each part is copied.
 */
import { Duplex } from 'node:stream'

class End extends Duplex {
  #other: End | null = null
  /** Of a write that the other end has not asked for yet. */
  #written: (() => void) | null = null

  static pair(): [Duplex, Duplex] {
    const [one, other] = [new End(), new End()]
    one.#other = other
    other.#other = one
    return [one, other]
  }

  override _read(): void {
    const written = this.#written
    this.#written = null
    written?.()
  }

  override _write(part: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const other = this.#other!
    if (part.length === 0 || other.destroyed) return process.nextTick(done)
    other.#written = done
    other.push(Buffer.from(part))
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#other!.push(null)
    done()
  }

  /** A connection that ends is an end for both. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    process.nextTick(() => this.#other!.destroy())
    done(error)
  }
}

export const copyingPair = (): [Duplex, Duplex] => End.pair()
