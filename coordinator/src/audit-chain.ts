/**
 * The audit log as a chain: each entry's hash is over the entry and the hash before it, so nothing in the middle can be
 * changed, taken out or put in without all that follows becoming wrong. That alone would not show a cut tail, nor a chain
 * that was written anew from some point on: the hash of the newest entry is kept aside, sealed (store/audit.ts).
 *
 * Old entries may be let go: the entry that says so (`audit.prune`) names the last that went and its hash, and stands in
 * the chain itself, so what remains begins where it vouches.
 */
import { createHash } from 'node:crypto'
import type { Millis } from '@starling/shared/units.ts'

export interface AuditEntry {
  /** 1, 2, 3 ... */
  readonly number: number
  readonly at: Millis
  /** `local`, `account`, `token`, `agent`, or `coordinator` for what it does by itself, `unknown` for who is not signed in. */
  readonly kind: string
  readonly actor: string
  readonly role: string
  readonly action: string
  readonly target: string
  /** `done`, or the code of the refusal or failure. */
  readonly outcome: string
  readonly address: string
  readonly detail: string
  /** Of the entry before; zeros for the first. */
  readonly previous: string
  readonly hash: string
}

/** The newest entry. */
export interface ChainHead {
  readonly number: number
  readonly hash: string
}

export const pruneAction = 'audit.prune'
/** Of an entry that was written when the sealed head was missing. */
export const lostHeadAction = 'audit.head-lost'
export const emptyChain: ChainHead = { number: 0, hash: '0'.repeat(64) }

export function linked(head: ChainHead, deed: Omit<AuditEntry, 'number' | 'previous' | 'hash'>): AuditEntry {
  const whole = { ...deed, number: head.number + 1, previous: head.hash }
  return { ...whole, hash: hashOf(whole) }
}

/** Canonical: the names in one fixed order, no spaces; strings and whole numbers have one way to be written in JSON. */
function hashOf(entry: Omit<AuditEntry, 'hash'>): string {
  const { action, actor, address, at, detail, kind, number, outcome, previous, role, target } = entry
  const canonical = { action, actor, address, at, detail, kind, number, outcome, previous, role, target }
  return createHash('sha256').update(JSON.stringify(canonical), 'utf8').digest('hex')
}

/** What a prune's entry vouches for. */
export function prunedThrough({ number, hash }: ChainHead): string {
  return `${number} ${hash}`
}

/** Goes along the chain, entry by entry in the order of their numbers; the first problem is the answer. */
export class ChainCheck {
  #last: AuditEntry | null = null
  #first: AuditEntry | null = null
  #vouched = ''
  #entries = 0
  #problem: string | null = null

  see(entry: AuditEntry): void {
    this.#problem ??= this.#problemOf(entry)
    this.#first ??= entry
    this.#last = entry
    this.#entries++
    if (entry.action === pruneAction && entry.outcome === 'done') this.#vouched = entry.target
  }

  /** @param head as it was kept aside. @returns null when the chain is whole */
  end(head: ChainHead): string | null {
    if (this.#problem !== null) return this.#problem
    const { number, hash } = this.#last ?? emptyChain
    if (number < head.number)
      return `the tail is cut: the newest entry is ${number}, and ${head.number} was written`
    if (number > head.number)
      return `entry ${head.number + 1} and what follows were not written by a coordinator`
    if (hash !== head.hash) return `entry ${number} is not the one that was written`
    const first = this.#first
    if (first === null || first.number === 1) return null
    const before = prunedThrough({ number: first.number - 1, hash: first.previous })
    return this.#vouched === before
      ? null
      : `entries before ${first.number} are gone, and nothing says that they may`
  }

  get entries(): number {
    return this.#entries
  }

  #problemOf(entry: AuditEntry): string | null {
    const { hash, ...rest } = entry
    if (hashOf(rest) !== hash) return `entry ${entry.number} was changed`
    if (entry.action === lostHeadAction)
      return `entry ${entry.number} was written when the sealed head was missing: entries before it may have been cut off`
    const last = this.#last
    if (last === null) {
      return entry.number === 1 && entry.previous !== emptyChain.hash ? 'entry 1 is not the first one' : null
    }
    if (entry.number !== last.number + 1)
      return `after entry ${last.number} there is a gap: ${entry.number} follows`
    if (entry.previous !== last.hash) return `entry ${entry.number} does not follow on entry ${last.number}`
    return null
  }
}
