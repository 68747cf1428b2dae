/**
 * Files as a cabinet (MS-CAB) with MSZIP: blocks of 32 KiB, each a whole deflate stream that may look back into the block before it.
 * Debian's tools never look back, which costs a node.exe 1.4 MB, and so the cabinet is written here. Windows, Wine and gcab read it.
 */
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { deflateRaw } from 'node:zlib'
import { StarlingError } from '@starling/shared/errors.ts'
import type { Packed } from './files.ts'

const deflate = promisify(deflateRaw)

const blockBytes = 32_768
const headerBytes = 36
const folderBytes = 8
const mszip = 1
/** Of a block, with the two letters before it: 12 more than it holds. Windows reads no larger one. */
const packedBytesMax = blockBytes + 12
/** _A_ARCH */
const archive = 0x20

/** @param date stands at every file */
export async function cabinetOf(packed: readonly Packed[], date: Date): Promise<Buffer> {
  const contents = await Promise.all(packed.map(({ path }) => readFile(path)))
  const all = Buffer.concat(contents)
  let offset = 0
  const entries = packed.map(({ key }, index) => {
    const entry = fileEntry(key, contents[index]!.length, offset, date)
    offset += contents[index]!.length
    return entry
  })
  const entriesBytes = entries.reduce((sum, it) => sum + it.length, 0)
  const blocks = await blocksOf(all)
  const dataAt = headerBytes + folderBytes + entriesBytes

  const head = Buffer.alloc(headerBytes + folderBytes)
  head.write('MSCF', 'latin1')
  head.writeUInt32LE(
    blocks.reduce((sum, it) => sum + it.length, dataAt),
    8
  )
  head.writeUInt32LE(headerBytes + folderBytes, 16)
  head.writeUInt16LE(0x0103, 24)
  // One folder, as many files.
  head.writeUInt16LE(1, 26)
  head.writeUInt16LE(packed.length, 28)
  head.writeUInt32LE(dataAt, headerBytes)
  head.writeUInt16LE(blocks.length, headerBytes + 4)
  head.writeUInt16LE(mszip, headerBytes + 6)
  return Buffer.concat([head, ...entries, ...blocks])
}

function fileEntry(name: string, size: number, offset: number, date: Date): Buffer {
  const entry = Buffer.alloc(16 + name.length + 1)
  entry.writeUInt32LE(size, 0)
  entry.writeUInt32LE(offset, 4)
  // Days and seconds of DOS, which has no time zones.
  const day = ((date.getUTCFullYear() - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate()
  const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1)
  entry.writeUInt16LE(day, 10)
  entry.writeUInt16LE(time, 12)
  entry.writeUInt16LE(archive, 14)
  entry.write(name, 16, 'latin1')
  return entry
}

async function blocksOf(all: Buffer): Promise<readonly Buffer[]> {
  const starts = Array.from({ length: Math.ceil(all.length / blockBytes) }, (_, index) => index * blockBytes)
  return await Promise.all(
    starts.map(async start => {
      const plain = all.subarray(start, start + blockBytes)
      const before = start === 0 ? {} : { dictionary: all.subarray(start - blockBytes, start) }
      return dataBlock(await deflate(plain, { level: 9, memLevel: 9, ...before }), plain.length)
    })
  )
}

/** @throws StarlingError `block-too-large` */
export function dataBlock(deflated: Buffer, plainBytes: number): Buffer {
  if (2 + deflated.length > packedBytesMax)
    throw new StarlingError(
      'block-too-large',
      `a block of the cabinet has ${2 + deflated.length} bytes, and Windows reads ${packedBytesMax} at most: build with another version of Node`
    )
  const block = Buffer.alloc(8 + 2 + deflated.length)
  block.writeUInt16LE(2 + deflated.length, 4)
  block.writeUInt16LE(plainBytes, 6)
  block.write('CK', 8, 'latin1')
  deflated.copy(block, 10)
  block.writeUInt32LE(checksum(block.subarray(4, 8), checksum(block.subarray(8), 0)), 0)
  return block
}

/** Words of four bytes, one over the other; of the last ones, when they are fewer, the first weighs most. */
function checksum(bytes: Buffer, seed: number): number {
  let sum = seed
  const whole = bytes.length - (bytes.length % 4)
  for (let at = 0; at < whole; at += 4) sum ^= bytes.readUInt32LE(at)
  const rest = [...bytes.subarray(whole)].reduce((word, byte) => (word << 8) | byte, 0)
  return (sum ^ rest) >>> 0
}
