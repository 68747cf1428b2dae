/**
 * Small facts that outlive a restart: bans, serials, counters. They are truth, not index, and LevelDB opens without
 * an error after having lost records; so they lie in a log of their own, each synced before `remember` resolves, and
 * are held in memory. Names that were overwritten are cleaned out at start.
 */
import { readFile } from 'node:fs/promises'
import { codeOf, StarlingError } from '@starling/shared/errors.ts'
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

/** Overwritten frames that are put up with before the log is written anew: some hundred are read in no time. */
const staleFramesMax = 512

export async function openFacts(path: string): Promise<Facts> {
  const { values, goodBytes } = decodeFrames(await readOrEmpty(path))
  const facts = new Map<string, string>()
  for (const { name, json } of values as FactFrame[]) {
    if (json === null) facts.delete(name)
    else facts.set(name, json)
  }
  let size = goodBytes
  if (values.length > facts.size + staleFramesMax) {
    const bytes = Buffer.concat([...facts].map(([name, json]) => encodeFrame({ name, json })))
    await replaceFile(path, bytes)
    size = bytes.length
  }
  await setLength(path, size)
  const handle = await openFile(path)
  let tail: Promise<void> = Promise.resolve()

  async function append(fact: FactFrame): Promise<void> {
    const frame = encodeFrame(fact)
    await writeAll(handle, frame, size)
    await handle.datasync()
    size += frame.length
  }

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
