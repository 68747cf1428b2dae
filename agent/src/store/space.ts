/**
 * May another chunk be kept? Two limits: the quota on what is kept, counted as it changes, and the floor of what must
 * stay free on the volume, for which the system is asked now and then and our own writes since are taken off.
 */
import { statfs } from 'node:fs/promises'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { StoreUsage } from '../ports.ts'

/** Other programs fill disks too, but hardly more than some hundred MB in so short a time. */
const freeKnownForMs: Millis = 1000

export interface SpaceTunables {
  readonly folder: string
  readonly quotaBytes: Bytes
  readonly floorBytes: Bytes
}

export interface Space {
  /** Counts the bytes at once, so that two writers never share the last of them. False: they do not fit. */
  reserve(bytes: Bytes): Promise<boolean>
  /** Takes bytes off again: not written after all, dropped or removed. */
  release(bytes: Bytes): void
  /** Counts what was found at start, whatever the limits say. */
  found(bytes: Bytes): void
  usage(): Promise<StoreUsage>
  limit(limits: { readonly quotaBytes: Bytes; readonly floorBytes: Bytes }): void
}

export function createSpace({ folder, ...limits }: SpaceTunables): Space {
  let { quotaBytes, floorBytes } = limits
  let usedBytes = 0
  let freeBytes = 0
  let knownUntil = -Infinity

  async function askFree(): Promise<void> {
    const { bavail, bsize } = await statfs(folder)
    freeBytes = bavail * bsize
    knownUntil = performance.now() + freeKnownForMs
  }

  /** A refusal is never for a figure of yesterday: somebody may have made room. */
  async function isAboveFloor(bytes: Bytes): Promise<boolean> {
    if (performance.now() < knownUntil && freeBytes - bytes >= floorBytes) return true
    await askFree()
    return freeBytes - bytes >= floorBytes
  }

  return {
    async reserve(bytes) {
      if (usedBytes + bytes > quotaBytes) return false
      usedBytes += bytes
      let fits = false
      try {
        fits = await isAboveFloor(bytes)
      } finally {
        if (!fits) usedBytes -= bytes
      }
      if (fits) freeBytes -= bytes
      return fits
    },
    release(bytes) {
      usedBytes -= bytes
      knownUntil = -Infinity
    },
    found(bytes) {
      usedBytes += bytes
    },
    async usage() {
      if (performance.now() >= knownUntil) await askFree()
      return { usedBytes, quotaBytes, freeBytes, floorBytes }
    },
    limit(next) {
      ;({ quotaBytes, floorBytes } = next)
    }
  }
}
