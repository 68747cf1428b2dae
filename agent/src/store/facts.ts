/**
 * Small facts that outlive a restart: bans, serials, counters. They are truth, not index, and LevelDB opens without
 * an error after having lost records; so they lie in a log of their own, each synced before `remember` resolves, and
 * are held in memory. What was overwritten is cleaned out when it is most of the log: an agent is not started anew for months, and some
 * facts are written each minute.
 */
import { readFile } from 'node:fs/promises'
import { codeOf, StarlingError } from '@starling/shared/errors.ts'
import { MiB } from '@starling/shared/units.ts'
import { decodeFrames, encodeFrame } from './frames.ts'
import { openFile, replaceFile, setLength, writeAll } from './files.ts'

export interface Facts {
  /** JSON values; undefined forgets the name. */
  remember(name: string, value: unknown): Promise<void>
  recall(name: string): unknown
  close(): Promise<void>
}

/** `json` null: forgotten. */
interface FactFrame {
  readonly name: string
  readonly json: string | null
}

/** Put up with, beside as much again as is alive, before the log is written anew: some thousand facts are read in no time. */
const staleBytesMin = MiB

export async function openFacts(path: string): Promise<Facts> {
  const { values, goodBytes } = decodeFrames(await readOrEmpty(path))
  const facts = new Map<string, string>()
  for (const { name, json } of values as FactFrame[]) {
    if (json === null) facts.delete(name)
    else facts.set(name, json)
  }
  let size = goodBytes
  await setLength(path, size)
  let handle = await openFile(path)
  let tail: Promise<void> = Promise.resolve()

  const alive = (): Uint8Array => Buffer.concat([...facts].map(([name, json]) => encodeFrame({ name, json })))
  const cleanedOutAt = (aliveBytes: number): number => 2 * aliveBytes + staleBytesMin
  let cleanOutAt = cleanedOutAt(alive().length)

  async function append(fact: FactFrame): Promise<void> {
    const frame = encodeFrame(fact)
    await writeAll(handle, frame, size)
    await handle.datasync()
    size += frame.length
    if (size > cleanOutAt) await cleanOut()
  }

  /** What is there stays, should it fail: nothing is lost by trying again later. */
  async function cleanOut(): Promise<void> {
    const bytes = alive()
    cleanOutAt = size + cleanedOutAt(bytes.length)
    await handle.close()
    try {
      await replaceFile(path, bytes)
      size = bytes.length
      cleanOutAt = cleanedOutAt(size)
    } catch {
    } finally {
      handle = await openFile(path)
    }
  }

  if (size > cleanOutAt) await cleanOut()

  return {
    async remember(name, value) {
      const json = JSON.stringify(value) as string | undefined
      if (facts.get(name) === json) return await tail
      if (json === undefined) facts.delete(name)
      else facts.set(name, json)
      const written = tail
        .then(async () => await append({ name, json: json ?? null }))
        .catch(error => {
          throw new StarlingError(
            'fact-not-kept',
            `${JSON.stringify(name)} could not be written to ${path} and is ` +
              'only in memory: make room on the disk or check its rights',
            { cause: error }
          )
        })
      tail = written.catch(() => {})
      await written
    },
    recall(name) {
      const json = facts.get(name)
      return json === undefined ? undefined : JSON.parse(json)
    },
    async close() {
      await tail
      await handle.close()
    }
  }
}

async function readOrEmpty(path: string): Promise<Uint8Array> {
  return await readFile(path).catch(error => {
    if (codeOf(error) === 'ENOENT') return new Uint8Array()
    throw error
  })
}
