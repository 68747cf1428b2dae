/**
 * Who has what: one bit a chunk, chunk 0 being the highest bit of the first byte, as in BitTorrent. The count
 * of set bits is kept, because `full` is asked far more often than bits change.
 */
export class Bitfield {
  readonly size: number
  readonly #bytes: Uint8Array
  #count = 0

  constructor(size: number) {
    this.size = size
    this.#bytes = new Uint8Array(Math.ceil(size / 8))
  }

  /** @returns null when the bytes do not fit the size, or a bit beyond it is set. */
  static fromBytes(bytes: Uint8Array, size: number): Bitfield | null {
    if (bytes.length !== Math.ceil(size / 8)) return null
    const field = new Bitfield(size)
    for (let index = 0; index < bytes.length * 8; index++) {
      if ((bytes[index >> 3]! & (0x80 >> (index & 7))) === 0) continue
      if (index >= size) return null
      field.set(index)
    }
    return field
  }

  static full(size: number): Bitfield {
    const field = new Bitfield(size)
    for (let index = 0; index < size; index++) field.set(index)
    return field
  }

  get count(): number {
    return this.#count
  }
  get full(): boolean {
    return this.#count === this.size
  }
  get empty(): boolean {
    return this.#count === 0
  }

  has(index: number): boolean {
    return index >= 0 && index < this.size && (this.#bytes[index >> 3]! & (0x80 >> (index & 7))) !== 0
  }

  /** @returns whether the bit was clear before. */
  set(index: number): boolean {
    if (index < 0 || index >= this.size) throw new RangeError(`bit ${index} of a bitfield of ${this.size}`)
    if (this.has(index)) return false
    this.#bytes[index >> 3]! |= 0x80 >> (index & 7)
    this.#count++
    return true
  }

  /** @returns whether the bit was set before. */
  clear(index: number): boolean {
    if (!this.has(index)) return false
    this.#bytes[index >> 3]! &= ~(0x80 >> (index & 7))
    this.#count--
    return true
  }

  /** The first clear bit at or after `from`; `size` when there is none. */
  nextClear(from: number): number {
    let index = from
    while (index < this.size && this.has(index)) index++
    return index
  }

  *indices(): Generator<number> {
    for (let index = 0; index < this.size; index++) if (this.has(index)) yield index
  }

  copy(): Bitfield {
    const field = new Bitfield(this.size)
    field.#bytes.set(this.#bytes)
    field.#count = this.#count
    return field
  }

  /** A copy, for the wire or the disk. */
  toBytes(): Uint8Array {
    return this.#bytes.slice()
  }
}
