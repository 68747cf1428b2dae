/**
 * The lines of a series of files from the newest to the oldest, block by block, so that a page of the newest requests costs one
 * read whatever lies behind it. A place between two lines is a number of a file and an offset in it: files only grow at
 * their end and are never renamed, so it stays the same place however much is written meanwhile.
 */
import { open, type FileHandle } from 'node:fs/promises'
import { codeOf } from '@starling/shared/errors.ts'
import { KiB, type Bytes } from '@starling/shared/units.ts'
import { numbersOf, pathOf } from './log-files.ts'

export interface Place {
  readonly number: number
  readonly offset: Bytes
}

export interface LineAt {
  readonly text: string
  /** Where it begins: what is before it is older. */
  readonly at: Place
}

const blockBytes: Bytes = 64 * KiB
/** No line of ours is nearly as long; a damaged file may be one line. */
const lineBytesMax: Bytes = 64 * KiB

/** @param before null: from the end on */
export async function* linesBackwards(
  folder: string,
  name: string,
  before: Place | null
): AsyncGenerator<LineAt, void, undefined> {
  const numbers = (await numbersOf(folder, name)).filter(one => before === null || one <= before.number)
  for (const number of numbers.toReversed()) {
    const end = before?.number === number ? before.offset : null
    let file: FileHandle
    try {
      file = await open(pathOf(folder, name, number))
    } catch (error) {
      // It was the oldest, and has gone meanwhile.
      if (codeOf(error) === 'ENOENT') continue
      throw error
    }
    try {
      yield* linesOf(file, number, end)
    } finally {
      await file.close()
    }
  }
}

async function* linesOf(
  file: FileHandle,
  number: number,
  before: Bytes | null
): AsyncGenerator<LineAt, void, undefined> {
  const { size } = await file.stat()
  let end = before === null ? size : Math.min(before, size)
  /** The bytes from `end` on of a line whose beginning is not read yet. */
  let rest: Buffer<ArrayBufferLike> = Buffer.alloc(0)
  while (end > 0) {
    const start = Math.max(0, end - blockBytes)
    const block = Buffer.alloc(end - start)
    await file.read(block, 0, block.length, start)
    let bytes = Buffer.concat([block, rest])
    for (;;) {
      // The last byte is the line's own end.
      const newline = bytes.lastIndexOf(0x0a, bytes.length - 2)
      if (newline < 0 || bytes.length < 2) break
      yield {
        text: bytes.toString('utf8', newline + 1).trimEnd(),
        at: { number, offset: start + newline + 1 }
      }
      bytes = bytes.subarray(0, newline + 1)
    }
    rest = bytes.length > lineBytesMax ? Buffer.alloc(0) : bytes
    end = start
  }
  if (rest.length > 0) yield { text: rest.toString('utf8').trimEnd(), at: { number, offset: 0 } }
}
