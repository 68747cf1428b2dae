/**
 * A real process writes, drops and removes as fast as it can and is killed with SIGKILL in the middle, many times
 * over the same folder. What it had acknowledged must be there, and nothing that is there may be wrong.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { Prng } from '@starling/shared/prng.ts'
import { madeTransfer } from '../../../test/doubles/made-transfer.ts'
import { rightChunks, storeFolder } from '../../../test/doubles/store-folder.ts'

const rounds = 12
const names = ['a', 'b', 'c', 'd']

const writer = (folder: string, round: number): string => `
  import { createStore } from ${JSON.stringify(import.meta.resolve('./store.ts'))}
  import { createLog } from ${JSON.stringify(import.meta.resolve('../log.ts'))}
  import { madeTransfer } from ${JSON.stringify(import.meta.resolve('../../../test/doubles/made-transfer.ts'))}
  const store = await createStore({ log: createLog('silent', 'writer') },
    { folder: ${JSON.stringify(folder)}, quotaBytes: 1e9, floorBytes: 0, syncDelayMs: 5 })
  const say = async (...words) => await new Promise(said => process.stdout.write(words.join(' ') + '\\n', said))
  async function work (name, turn) {
    const made = madeTransfer({ name, chunkBytes: 100_000, length: 3_950_000 })
    for (;; turn++) {
      await store.open(made.head())
      const chunk = turn * 7 % made.chunks
      if (turn % 97 === 96) { await say('removing', name); await store.remove(made.id); await say('removed', name); continue }
      if (turn % 13 === 12) { await say('dropping', name, chunk); await store.drop(made.id, chunk); await say('dropped', name, chunk); continue }
      await store.put(made.id, chunk, made.digest(chunk), made.chunk(chunk))
      await say('kept', name, chunk)
    }
  }
  await Promise.all(${JSON.stringify(names)}.map((name, at) => work(name, ${round} * 31 + at * 5)))`

it(
  'loses nothing that was acknowledged and keeps nothing wrong, whenever it is killed',
  { timeout: 120_000 },
  async () => {
    const seed = 20_261
    const prng = new Prng(seed)
    const folder = await storeFolder()
    const made = new Map(
      names.map(name => [name, madeTransfer({ name, chunkBytes: 100_000, length: 3_950_000 })])
    )
    const kept = new Map(names.map(name => [name, new Set<number>()]))
    /** Neither there nor gone for sure: said to begin, not said to be done. */
    const between = new Map(names.map(name => [name, new Set<number>()]))
    let acknowledged = 0
    try {
      for (let round = 0; round < rounds; round++) {
        const child = spawn(process.execPath, ['--input-type=module', '-e', writer(folder.path, round)], {
          stdio: ['ignore', 'pipe', 'inherit']
        })
        const ended = once(child, 'exit')
        let linesLeft = 1 + prng.below(120)
        for await (const line of createInterface(child.stdout)) {
          if (linesLeft-- === 0) child.kill('SIGKILL')
          acknowledged++
          const [what, name = '', chunk = ''] = line.split(' ')
          const chunks = kept.get(name)!
          if (what === 'kept') chunks.add(Number(chunk))
          if (what === 'dropping') between.get(name)!.add(Number(chunk))
          if (what === 'dropped') {
            chunks.delete(Number(chunk))
            between.get(name)!.delete(Number(chunk))
          }
          if (what === 'removing') for (const each of chunks) between.get(name)!.add(each)
          if (what === 'removed') {
            chunks.clear()
            between.get(name)!.clear()
          }
        }
        const [, signal] = await ended
        expect(signal).toBe('SIGKILL')

        const store = await folder.open()
        for (const name of names) {
          const right = await rightChunks(store, made.get(name)!)
          const missing = [...kept.get(name)!].filter(
            chunk => !right.includes(chunk) && !between.get(name)!.has(chunk)
          )
          expect({ seed, round, name, missing }).toEqual({ seed, round, name, missing: [] })
          kept.set(name, new Set(right))
          between.get(name)!.clear()
        }
        await store.close()
      }
      expect(acknowledged).toBeGreaterThan(rounds * 20)
    } finally {
      await folder.end()
    }
  }
)
