/**
 * Lines in numbered files, of which the oldest go: `access-000017.jsonl`. Nothing is ever renamed, since Windows does not let
 * one rename what another program has open; the next file simply has the next number.
 *
 * A line never waits for the disk and nobody waits for a line: lines are collected while the disk is at work and written
 * together, and when more of them wait than is reasonable, new ones are dropped and counted. A library (rotating-file-stream,
 * pino-roll) would rotate; the dropping, the counting and the numbers that a cursor can name would still be ours.
 */
import { mkdir, open, readdir, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '@starling/shared/errors.ts'
import { MiB, type Bytes } from '@starling/shared/units.ts'

export interface LogSizes {
  readonly fileBytes: Bytes
  readonly filesMax: number
}

export interface LogFilesOptions extends LogSizes {
  readonly folder: string
  /** `access` */
  readonly name: string
  /** The disk does not take lines; told once until it does again. */
  troubled(error: unknown): void
}

export interface LogFiles {
  write(line: string): void
  /** Resolves when all that was written before is on its way to the disk or lost. */
  flushed(): Promise<void>
  /** Lines that were dropped. */
  lost(): number
  /** From the next line on. */
  follow(sizes: LogSizes): void
  /** What was written is on the disk, and no file is open any more; the next line opens one again. */
  close(): Promise<void>
}

const newline = 0x0a

/** Some thousand lines: a disk that is that far behind does not catch up with a burst, it is too slow. */
const waitingBytesMax: Bytes = MiB

/** The numbers of the files that there are, the oldest first. */
export async function numbersOf(folder: string, name: string): Promise<number[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  })
  const shape = new RegExp(`^${name}-(\\d{6,})\\.jsonl$`)
  return names
    .flatMap(one => shape.exec(one)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b)
}

export function pathOf(folder: string, name: string, number: number): string {
  return join(folder, `${name}-${String(number).padStart(6, '0')}.jsonl`)
}

export function createLogFiles(options: LogFilesOptions): LogFiles {
  const { folder, name } = options
  let { fileBytes, filesMax } = options
  let waiting: string[] = []
  let waitingBytes: Bytes = 0
  let lost = 0
  let isTroubled = false
  let current: { readonly file: FileHandle; readonly number: number; bytes: Bytes } | null = null
  let writing: Promise<void> | null = null

  async function openNext(): Promise<NonNullable<typeof current>> {
    // Only the agent's own user may read who fetched what; on Windows what the folder allows.
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const numbers = await numbersOf(folder, name)
    const newest = numbers.at(-1) ?? 0
    const newestBytes = newest === 0 ? fileBytes : (await stat(pathOf(folder, name, newest))).size
    const number = newestBytes < fileBytes ? newest : newest + 1
    const file = await open(pathOf(folder, name, number), 'a+', 0o600)
    const kept = number === newest ? numbers : [...numbers, number]
    for (const old of kept.slice(0, -filesMax))
      // Somebody reads it on Windows: then the next time.
      await rm(pathOf(folder, name, old)).catch(() => {})
    if (number !== newest) return { file, number, bytes: 0 }
    // A line that was cut off, by a crash or a full disk, must not spoil the next one.
    const last = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, newestBytes - 1))
    if (newestBytes > 0 && last.buffer[0] !== newline) await file.appendFile('\n')
    return { file, number, bytes: newestBytes }
  }

  async function append(text: Buffer): Promise<void> {
    if (current !== null && current.bytes >= fileBytes) {
      await current.file.close()
      current = null
    }
    current ??= await openNext()
    await current.file.appendFile(text)
    current.bytes += text.length
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const lines = waiting
      waiting = []
      waitingBytes = 0
      try {
        await append(Buffer.from(lines.join('')))
        isTroubled = false
      } catch (error) {
        lost += lines.length
        await current?.file.close().catch(() => {})
        current = null
        if (!isTroubled) options.troubled(error)
        isTroubled = true
      }
    }
  }

  function begin(): void {
    writing ??= new Promise(resolve => {
      // All that comes in this turn goes in one write.
      setImmediate(() => {
        void writeAll().finally(() => {
          writing = null
          resolve()
        })
      })
    })
  }

  return {
    write(line) {
      if (waitingBytes > waitingBytesMax) return void lost++
      waiting.push(`${line}\n`)
      waitingBytes += line.length
      begin()
    },
    async flushed() {
      while (writing !== null) await writing
    },
    lost: () => lost,
    follow(sizes) {
      fileBytes = sizes.fileBytes
      filesMax = sizes.filesMax
    },
    async close() {
      while (writing !== null) await writing
      const closing = current
      current = null
      await closing?.file.close()
    }
  }
}
