/**
 * Whom the coordinator last handed out, on disk: a machine that is switched on while no coordinator answers still finds the
 * agents of its site that mDNS does not reach (another subnet). Only addresses to dial; who is there proves himself as ever.
 */
import { decode, encode } from '@ipld/dag-cbor'
import { handoutMax, handoutShape, type HandedOut } from '@starling/shared/coordinator-api.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'
import { join } from 'node:path'
import type { MembershipFiles } from './membership.ts'

/** Hand-outs differ a little each time; a list that is ten minutes old does as well. */
const writeEveryMs: Millis = 10 * minuteMs

export interface HandoutMemory {
  /** Nobody when there is no list, or one that cannot be read: the coordinator hands out anew. */
  recall(): Promise<readonly HandedOut[]>
  /** Keeps the newest, and of those before as many as there is room for. */
  note(handout: readonly HandedOut[], now: Millis): Promise<void>
}

export function createHandoutMemory(
  folder: string,
  files: Pick<MembershipFiles, 'readFile' | 'writeFile'>
): HandoutMemory {
  const path = join(folder, 'handout.cbor')
  const known = new Map<AgentId, HandedOut>()
  let writtenAt: Millis | null = null

  return {
    async recall() {
      const bytes = await files.readFile(path)
      if (bytes === null) return []
      try {
        const list = handoutShape.parse(decode(bytes))
        for (const one of list) known.set(one.id, one)
        return list
      } catch {
        return []
      }
    },
    async note(handout, now) {
      for (const one of handout) {
        known.delete(one.id)
        known.set(one.id, one)
      }
      for (const oldest of [...known.keys()].slice(0, Math.max(0, known.size - handoutMax)))
        known.delete(oldest)
      if (writtenAt !== null && now < writtenAt + writeEveryMs) return
      writtenAt = now
      await files.writeFile(path, encode([...known.values()]))
    }
  }
}
