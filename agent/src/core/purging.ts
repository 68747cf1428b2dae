/**
 * Purges as the core lives them: which are in force, which are passed on, and that nobody can keep a site busy with them.
 *
 * Each goes through the site like a flood: who hears one that is news passes it on, once, to all its peers. A peer that
 * joins is told the newest ones first of all, so that who was asleep learns of them before it offers what it has. Who
 * purges too often is not heard for a while, whoever passes it on: the issuer has signed it, the one who passes it on has not.
 */
import type { AgentId } from '@starling/shared/ids.ts'
import type { Head } from '@starling/shared/manifest.ts'
import {
  nameOfTarget,
  purgesPerIssuerMax,
  purgesToldMax,
  purgeWindowMs,
  type KeptPurge,
  type PurgeTarget
} from '@starling/shared/purge.ts'
import { PurgeBook } from '@starling/shared/purge-book.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import type { Around } from './around.ts'

export interface PurgingHost {
  /** Forgets what the purges in force cover of this target. @returns how many transfers that were */
  forget(target: PurgeTarget): number
}

export class Purging {
  readonly #book = new PurgeBook()
  /** When purges of each issuer were taken, within the window. */
  readonly #taken = new Map<AgentId, Millis[]>()
  readonly #around: Around
  readonly #host: PurgingHost

  constructor(around: Around, host: PurgingHost) {
    this.#around = around
    this.#host = host
  }

  covers(content: Pick<Head, 'key' | 'contentClass'>, signedAt: Millis): boolean {
    return this.#book.covers(content, signedAt)
  }

  /** @param from null: no peer said it. */
  heard(purge: KeptPurge, from: AgentId | null, now: Millis): void {
    const around = this.#around
    const { target, purgedAt, word } = purge
    const { forgets, says } = this.#book.newsOf(purge)
    if (!forgets && !says) return
    if (from !== null && word !== null && !this.#mayTake(word.signed.issuer, now)) {
      const fact = {
        what: 'purge-dropped',
        target: nameOfTarget(target),
        issuer: word.signed.issuer
      } as const
      around.effect({ type: 'report', fact })
      return
    }
    // What is not kept would be news again when others pass it on, for ever.
    if (!this.#book.take(purge, now)) return
    around.effect({ type: 'purge-in-force', purge: { target, purgedAt }, all: this.#book.all() })
    if (forgets) {
      const transfers = this.#host.forget(target)
      around.effect({
        type: 'report',
        fact: { what: 'purged', target: nameOfTarget(target), transfers, from }
      })
    }
    const to = [...around.peers.keys()].filter(
      peer => peer !== from && peer !== word?.signed.issuer && this.#concerns(peer, purge)
    )
    const message = says ? messageOf(purge) : null
    if (message !== null && to.length > 0) around.effect({ type: 'say', to, message })
  }

  joined(peer: AgentId): void {
    const purges = this.#book.all().filter(purge => this.#concerns(peer, purge))
    const messages = purges.flatMap(purge => messageOf(purge) ?? [])
    for (const message of messages.slice(-purgesToldMax))
      this.#around.effect({ type: 'say', to: [peer], message })
  }

  /** A member's word counts in its site: beyond it, nobody would take it. */
  #concerns(peer: AgentId, { word }: KeptPurge): boolean {
    if (this.#around.peers.get(peer)?.far !== true) return true
    return word?.proof.kind === 'credential' && word.proof.credential.role === 'gateway'
  }

  #mayTake(issuer: AgentId, now: Millis): boolean {
    for (const [other, times] of this.#taken)
      if (times.at(-1)! <= now - purgeWindowMs) this.#taken.delete(other)
    const times = (this.#taken.get(issuer) ?? []).filter(at => at > now - purgeWindowMs)
    if (times.length >= purgesPerIssuerMax) return false
    this.#taken.set(issuer, [...times, now])
    return true
  }
}

/** Null: it is not for peers. */
function messageOf({ target, word }: KeptPurge): SwarmMessage | null {
  return word === null ? null : { type: 'purge', purge: { target, signed: word.signed }, proof: word.proof }
}
