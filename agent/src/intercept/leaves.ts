/** Leaves made when they are first wanted, and kept until a day before they expire: one a host and CA. */
import { LRUCache } from 'lru-cache'
import type { Millis } from '@starling/shared/units.ts'
import { createLeafMaker, type Ca, type Leaf } from './certificates.ts'
import { leafRenewBeforeMs, leavesMax } from './limits.ts'

export function createLeaves(clock: () => Millis): (ca: Ca, host: string) => Promise<Leaf> {
  const makers = new WeakMap<Ca, ReturnType<typeof createLeafMaker>>()
  const leaves = new LRUCache<string, Promise<Leaf>>({ max: leavesMax })

  async function make(ca: Ca, host: string): Promise<Leaf> {
    const maker = makers.get(ca) ?? createLeafMaker(ca)
    makers.set(ca, maker)
    return await (
      await maker
    )(host, clock())
  }

  return async (ca, host) => {
    const key = `${ca.certificatePem} ${host}`
    const known = await leaves.get(key)
    // The last day of the CA is no reason to make one for each connection.
    if (known !== undefined && known.expiresAt > Math.min(clock() + leafRenewBeforeMs, ca.expiresAt - 1))
      return known
    const made = make(ca, host)
    leaves.set(key, made)
    made.catch(() => leaves.delete(key))
    return await made
  }
}
