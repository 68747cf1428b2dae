/**
 * Where purges of this agent begin: asked for at this machine, or heard from the coordinator. What follows from them is
 * the core's; here they get their moment and, if others would take it, this agent's signature.
 */
import type { Proof } from '@starling/shared/credential.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import {
  isOf,
  purgesPerIssuerMax,
  purgeWindowMs,
  type KeptPurge,
  type Purge,
  type PurgeTarget,
  type PurgeWord,
  type SignedPurge
} from '@starling/shared/purge.ts'
import type { PurgeBook } from '@starling/shared/purge-book.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { Emit, PurgeResult, StorePort } from './ports.ts'
import { loadPurges, momentOf } from './purge-memory.ts'

export interface PurgingParts {
  readonly store: Pick<StorePort, 'list' | 'remember' | 'recall'>
  readonly trust: { now(): Millis; proof(): Proof | null }
  readonly signPurge: (target: PurgeTarget, at: Millis) => SignedPurge | null
  /** How many would hear of it now. */
  readonly peers: () => number
  readonly emit: Emit
}

export interface Purging {
  readonly book: PurgeBook
  /** For the core, before it hears of what is kept. */
  tellKept(): void
  purge(target: PurgeTarget): Promise<PurgeResult>
  /** The core has taken one: all of them are kept. @throws StarlingError `fact-not-kept` */
  keep(all: readonly KeptPurge[]): Promise<void>
  /** The number of the newest purge that the coordinator of this fleet told; null: it has never told any. */
  version(fleet: AgentId): number | null
  fromCoordinator(fleet: AgentId, purges: readonly Purge[], version: number): Promise<void>
}

/** Name under which the store remembers how far the coordinator was heard. */
const heardName = 'coordinator-purges'

export async function createPurging(parts: PurgingParts): Promise<Purging> {
  const { store, trust, emit } = parts
  const memory = await loadPurges(store)
  let heard = heardOf(await store.recall(heardName))
  let keeping: Promise<void> = Promise.resolve()
  let said: Millis[] = []

  /** The word for the site, or why there is none. */
  function wordFor(target: PurgeTarget, at: Millis): PurgeWord | string {
    const proof = trust.proof()
    if (proof === null) return 'this agent is in no fleet, so there is nobody to tell'
    const now = trust.now()
    said = said.filter(moment => moment > now - purgeWindowMs)
    if (said.length >= purgesPerIssuerMax)
      return `others take ${purgesPerIssuerMax} purges a minute from one machine: purge it again later, or purge a class`
    const signed = parts.signPurge(target, at)?.signed
    if (signed === undefined)
      return 'members may not sign in this fleet (membersMaySign): purge on a gateway, or with starling-coordinator cache purge'
    said.push(now)
    return { signed, proof }
  }

  return {
    get book() {
      return memory.book
    },
    tellKept() {
      for (const purge of memory.book.all()) emit({ type: 'purged', purge })
    },
    async purge(target) {
      const purgedAt = momentOf(target, store, memory.book, trust.now())
      const forgotten = store.list().filter(({ head }) => isOf(target, head.head)).length
      const word = wordFor(target, purgedAt)
      const notTold = typeof word === 'string' ? word : null
      emit({
        type: 'purged',
        purge: { target, purgedAt, word: typeof word === 'string' ? null : word }
      })
      await keeping
      return { forgotten, told: notTold === null ? parts.peers() : 0, notTold }
    },
    keep(all) {
      keeping = memory.keep(all)
      return keeping
    },
    version: fleet => (heard?.fleet === fleet ? heard.version : null),
    async fromCoordinator(fleet, purges, version) {
      for (const purge of purges) emit({ type: 'purged', purge: { ...purge, word: null } })
      await keeping
      heard = { fleet, version }
      await store.remember(heardName, heard)
    }
  }
}

function heardOf(kept: unknown): { readonly fleet: AgentId; readonly version: number } | null {
  const { fleet, version } = (kept ?? {}) as { fleet?: unknown; version?: unknown }
  return typeof fleet === 'string' && typeof version === 'number' ? { fleet, version } : null
}
