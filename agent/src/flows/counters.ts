/**
 * Bytes by source, of each transfer and in total, and the bell that tells those who watch. Counting happens once for
 * every piece of every body, so it is an addition and a flag; the bell rings later, once for many changes.
 */
import type { ByteCounters } from '../ports.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'

export function noBytes(): ByteCounters {
  return {
    fromPeers: 0,
    fromGateway: 0,
    fromUpstream: 0,
    fromCache: 0,
    toPeers: 0,
    toClients: 0,
    wasted: 0
  }
}

export interface Counters {
  readonly add: (of: ByteCounters, what: keyof ByteCounters, bytes: Bytes) => void
  readonly total: () => Readonly<ByteCounters>
  /** Something that the views show has changed. */
  readonly touched: () => void
  /** @returns what ends it. */
  readonly onChange: (listener: () => void) => () => void
  readonly stop: () => void
}

export function createCounters(changesMs: Millis): Counters {
  const total = noBytes()
  const listeners = new Set<() => void>()
  let bell: NodeJS.Timeout | null = null

  function touched(): void {
    if (bell !== null || listeners.size === 0) return
    bell = setTimeout(() => {
      bell = null
      for (const listener of listeners) listener()
    }, changesMs)
    bell.unref()
  }

  return {
    add(of, what, bytes) {
      if (bytes === 0) return
      of[what] += bytes
      total[what] += bytes
      touched()
    },
    total: () => ({ ...total }),
    touched,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    stop() {
      listeners.clear()
      if (bell !== null) clearTimeout(bell)
    }
  }
}
