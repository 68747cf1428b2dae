/**
 * Batches what has to reach the disk: items are marked, and after a while all marked ones are written together, one
 * batch at a time. A mark that is more urgent than those before it brings the batch forward.
 */
import type { Millis } from '@starling/shared/units.ts'

export interface Flusher<Item> {
  mark(item: Item, delayMs: Millis): void
  /** Writes what is marked now; resolves when it is done. Never rejects: `write` deals with its failures. */
  flush(): Promise<void>
}

export function createFlusher<Item>(write: (items: readonly Item[]) => Promise<void>): Flusher<Item> {
  const marked = new Set<Item>()
  let running: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let dueAt = Infinity

  async function writeMarked(): Promise<void> {
    clearTimeout(timer)
    dueAt = Infinity
    if (marked.size === 0) return
    const items = [...marked]
    marked.clear()
    await write(items)
  }

  function flush(): Promise<void> {
    running = running.then(writeMarked)
    return running
  }

  return {
    mark(item, delayMs) {
      marked.add(item)
      const wantedAt = performance.now() + delayMs
      if (wantedAt >= dueAt) return
      clearTimeout(timer)
      dueAt = wantedAt
      // What is marked does not keep a process alive; `close` flushes.
      timer = setTimeout(() => {
        void flush()
      }, delayMs).unref()
    },
    flush
  }
}
