/**
 * Gives a client the bytes it asked for, as they become available: from the store, from memory, or out of a chunk
 * that is arriving from the origin just now, so that the first byte does not wait for a whole chunk.
 *
 * Only the last of these is not verified yet, and it must never lead to a wrong byte:
 *
 * - bytes given out of an arriving chunk are remembered until that chunk is verified. If it breaks off, whatever brings
 *   the chunk later must begin with the very same bytes, else the read fails. If it turns out corrupt, the read fails.
 * - the last slice of a read is given only when everything before it is settled, and, where a signed digest is known,
 *   only out of a verified chunk: a response that is complete cannot be cut any more.
 * - where a digest over the whole is promised, a read of the whole is hashed on the way, and its last chunk is
 *   kept back until the digest was found right. A read of a part cannot be checked so, its chunks are; but when the content is
 *   complete with it, as with the last of a client's ranges, it waits until the whole was looked at (completion.ts).
 *
 * A slice is the consumer's until it asks for the next one, which comes in the same buffer: with a fresh one each, a
 * quarter of an agent's CPU went into clearing pages and collecting garbage. Who writes a slice to a socket waits for the
 * write's callback.
 */
import { codeOf, messageOf, StarlingError } from '@starling/shared/errors.ts'
import type { TransferId } from '@starling/shared/ids.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { Emit, StorePort } from '../ports.ts'
import type { Counters } from './counters.ts'
import { createPromiseCheck, sameBytes } from './hashing.ts'
import type { Keeper } from './keeper.ts'
import {
  lengthOf,
  promiserOf,
  type Filling,
  type Transfer,
  type TransferReader,
  type Transfers
} from './transfers.ts'

export interface ReadersParts {
  readonly store: StorePort
  readonly transfers: Transfers
  readonly keeper: Keeper
  readonly counters: Counters
  readonly emit: Emit
  readonly now: () => Millis
  /** A read has ended. */
  readonly left: (transfer: Transfer) => void
}

export type Read = (
  id: TransferId,
  start: Bytes,
  end: Bytes,
  signal: AbortSignal,
  isBackground?: boolean
) => AsyncGenerator<Uint8Array, void, undefined>

/** Bytes given out of an arriving chunk, from `start` in the content on. */
interface Prefix {
  readonly chunk: number
  readonly start: Bytes
  readonly slices: Uint8Array[]
  from: Filling
}

interface Reader extends TransferReader {
  readonly transfer: Transfer
  /** It looks itself whether the promise of the name is kept. */
  readonly hashes: boolean
  readonly signal: AbortSignal
  /** Chunks that arrived up to here were there when the reader came. */
  readonly since: number
  /** What slices come in; made with the first. */
  buffer: Uint8Array | null
  /** Of the chunk at `position`, if bytes of it were given out before it was verified. */
  prefix: Prefix | null
  /** Arriving chunks that it has read to their end, and that are not verified yet. */
  readonly unsettled: Set<Filling>
}

export function createRead(parts: ReadersParts, { sliceBytes }: { sliceBytes: Bytes }): Read {
  const { store, transfers, keeper, counters, emit } = parts
  let lastReader = 0

  return async function* read(id, start, end, signal, background = false) {
    const transfer = transfers.get(id)
    if (transfer === undefined) throw failed('the content is not kept here any more: ask for it again')
    if (signal.aborted) throw aborted()
    const last = Math.min(end, transfer.length)
    if (start >= last) return
    const reader: Reader = {
      transfer,
      hashes: start === 0 && last === transfer.length && !transfer.promiseKept,
      signal,
      position: start,
      end: last,
      failure: null,
      wake: null,
      since: transfers.arrivals(),
      buffer: null,
      prefix: null,
      unsettled: new Set()
    }
    const number = ++lastReader
    const abort = () => reader.wake?.()
    signal.addEventListener('abort', abort)
    transfer.readers.add(reader)
    store.touch(id, parts.now())
    keeper.review(transfer)
    emit({ type: 'range-wanted', reader: number, transfer: id, start, end: last, background })
    try {
      const slices = slicesOf(reader, position => emit({ type: 'range-moved', reader: number, position }))
      for await (const slice of reader.hashes ? checked(transfer, slices) : slices) {
        counters.add(transfer.bytes, 'toClients', slice.length)
        yield slice
      }
    } finally {
      signal.removeEventListener('abort', abort)
      transfer.readers.delete(reader)
      emit({ type: 'range-done', reader: number })
      keeper.review(transfer)
      parts.left(transfer)
    }
  }

  async function* slicesOf(reader: Reader, moved: (position: Bytes) => void): AsyncGenerator<Uint8Array> {
    const { transfer } = reader
    while (reader.position < reader.end) {
      const slice = await next(reader)
      const before = chunkAt(transfer, reader.position)
      reader.position += slice.length
      yield slice
      if (reader.position >= reader.end || chunkAt(transfer, reader.position) === before) continue
      if (reader.prefix !== null) reader.unsettled.add(reader.prefix.from)
      reader.prefix = null
      moved(reader.position)
      keeper.review(transfer)
    }
  }

  /** Keeps the last chunk back until the whole was found to be what was promised. */
  async function* checked(transfer: Transfer, slices: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const check = createPromiseCheck(transfer.promised!)
    const lastChunk = (transfer.chunks - 1) * transfer.chunkBytes
    const keptBack: Uint8Array[] = []
    let position = 0
    for await (const slice of slices) {
      check.add(slice)
      position += slice.length
      if (position <= lastChunk) yield slice
      else keptBack.push(new Uint8Array(slice))
    }
    if (!check.fits()) {
      const sentence = `the content is not what its ${promiserOf(transfer)} promises`
      transfers.problem(transfer, sentence)
      throw untrusted(sentence)
    }
    yield* keptBack
  }

  /** The next bytes that may be given, as soon as there are some. */
  async function next(reader: Reader): Promise<Uint8Array> {
    const { transfer } = reader
    for (;;) {
      if (reader.signal.aborted) throw aborted()
      if (reader.failure !== null) throw reader.failure
      if (transfer.closing.signal.aborted)
        throw failed('the content was taken from the cache: ask for it again')
      settle(reader)
      let slice = fromMemory(reader)
      if (slice === null && keeper.isKept(transfer, chunkAt(transfer, reader.position))) {
        slice = await fromStore(reader)
        // Much may have happened during a read that failed. Only who has just looked at everything may wait.
        if (slice === null) continue
      }
      slice ??= fromFilling(reader)
      if (slice !== null && mayGive(reader, slice.length)) return slice
      await changed(reader)
    }
  }

  /** A slice that ends the read waits for what is not settled. */
  function mayGive(reader: Reader, length: Bytes): boolean {
    settle(reader)
    if (reader.position + length < reader.end) return true
    return reader.unsettled.size === 0 && !awaitsVerdict(reader)
  }

  function awaitsVerdict({ transfer, hashes }: Reader): boolean {
    if (hashes || transfer.promiseKept || transfer.judged) return false
    for (let chunk = 0; chunk < transfer.chunks; chunk++) if (!keeper.has(transfer, chunk)) return false
    return true
  }

  function settle(reader: Reader): void {
    const corrupt = () => untrusted('what the origin sent does not match the signed digest')
    if (reader.prefix?.from.state === 'corrupt') throw corrupt()
    if (reader.prefix?.from.state === 'verified') reader.prefix = null
    for (const filling of reader.unsettled) {
      if (filling.state === 'corrupt') throw corrupt()
      if (filling.state !== 'filling') reader.unsettled.delete(filling)
    }
  }

  function fromMemory(reader: Reader): Uint8Array | null {
    const { transfer, position } = reader
    const chunk = chunkAt(transfer, position)
    const held = transfer.held.get(chunk)
    if (held === undefined) return null
    comparePrefix(reader, held.bytes)
    const size = sizeOf(reader, held.bytes.length)
    return cut(reader, held.bytes, roomFor(reader, size))
  }

  async function fromStore(reader: Reader): Promise<Uint8Array | null> {
    const { transfer } = reader
    const chunk = chunkAt(transfer, reader.position)
    try {
      if (reader.prefix !== null) {
        const begin = Buffer.allocUnsafeSlow(reader.position - chunk * transfer.chunkBytes)
        await readAll(transfer, chunk, 0, begin)
        comparePrefix(reader, begin)
      }
      const offset = reader.position - chunk * transfer.chunkBytes
      const slice = roomFor(reader, sizeOf(reader, lengthOf(transfer, chunk)))
      await readAll(transfer, chunk, offset, slice)
      const cached = (transfer.arrivedAs[chunk] ?? 0) <= reader.since
      if (cached && mayGive(reader, slice.length)) counters.add(transfer.bytes, 'fromCache', slice.length)
      return slice
    } catch (error) {
      if (codeOf(error) === 'content-untrusted') throw error
      // Not kept any more (dropped or evicted meanwhile): whoever did that says so.
      if (keeper.isKept(transfer, chunk)) await keeper.lost(transfer, chunk, error)
      if (keeper.isKept(transfer, chunk)) throw failed(`the cache cannot be read: ${messageOf(error)}`)
      return null
    }
  }

  async function readAll(
    transfer: Transfer,
    chunk: number,
    offset: Bytes,
    target: Uint8Array
  ): Promise<void> {
    const count = await store.read(transfer.id, chunk, offset, target)
    if (count < target.length) throw new Error(`${count} bytes instead of ${target.length}`)
  }

  function fromFilling(reader: Reader): Uint8Array | null {
    const { transfer, position, prefix } = reader
    const chunk = chunkAt(transfer, position)
    const offset = position - chunk * transfer.chunkBytes
    for (const filling of transfer.fillings) {
      if (filling.chunk !== chunk || filling.state !== 'filling' || filling.filled <= offset) continue
      const size = Math.min(sizeOf(reader, lengthOf(transfer, chunk)), filling.filled - offset)
      if (position + size === reader.end && (transfer.digests.has(chunk) || reader.unsettled.size > 0))
        continue
      if (filling !== prefix?.from) comparePrefix(reader, filling.bytes.subarray(0, filling.filled))
      // Remembered as it was given, so not in the buffer that the next slice comes in.
      const slice = cut(reader, filling.bytes, Buffer.allocUnsafeSlow(size))
      if (reader.prefix === null) reader.prefix = { chunk, start: position, slices: [slice], from: filling }
      else {
        reader.prefix.slices.push(slice)
        reader.prefix.from = filling
      }
      return slice
    }
    return null
  }

  /** What was given before must be how this chunk begins. `begin` reaches at least to the reader's position. */
  function comparePrefix(reader: Reader, begin: Uint8Array): void {
    if (reader.prefix === null) return
    let at = reader.prefix.start - reader.prefix.chunk * reader.transfer.chunkBytes
    for (const slice of reader.prefix.slices) {
      if (!sameBytes(slice, begin.subarray(at, at + slice.length))) {
        const sentence = 'bytes given to a client before they were verified turned out to be wrong'
        transfers.problem(reader.transfer, sentence)
        throw untrusted(sentence)
      }
      at += slice.length
    }
  }

  /** How much to give now of a chunk of which so much is there. */
  function sizeOf(reader: Reader, chunkLength: Bytes): Bytes {
    const offset = reader.position - chunkAt(reader.transfer, reader.position) * reader.transfer.chunkBytes
    return Math.min(sliceBytes, chunkLength - offset, reader.end - reader.position)
  }

  function roomFor(reader: Reader, size: Bytes): Uint8Array {
    reader.buffer ??= new Uint8Array(Math.min(sliceBytes, reader.end - reader.position))
    return reader.buffer.subarray(0, size)
  }

  function cut(reader: Reader, bytes: Uint8Array, slice: Uint8Array): Uint8Array {
    const offset = reader.position - chunkAt(reader.transfer, reader.position) * reader.transfer.chunkBytes
    slice.set(bytes.subarray(offset, offset + slice.length))
    return slice
  }
}

function chunkAt(transfer: Transfer, position: Bytes): number {
  return Math.floor(position / transfer.chunkBytes)
}

function changed(reader: Reader): Promise<void> {
  return new Promise(resolve => {
    reader.wake = () => {
      reader.wake = null
      resolve()
    }
  })
}

/** Some of what was given is wrong: nothing good may be joined to it. */
function untrusted(sentence: string): StarlingError {
  return new StarlingError('content-untrusted', sentence)
}

function failed(sentence: string): StarlingError {
  return new StarlingError('transfer-failed', sentence)
}

function aborted(): StarlingError {
  return new StarlingError('aborted', 'the reader went away')
}
