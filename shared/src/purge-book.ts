/**
 * The purges in force, and what follows from them for a head or a batch of digests. One for each target: a later
 * purge says all that an earlier one of the same target said.
 */
import { keyHashOf, type Head } from './manifest.ts'
import { nameOfTarget, purgeLifeMs, purgesKeptMax, type KeptPurge, type PurgeTarget } from './purge.ts'
import type { Millis } from './units.ts'

type Named = Pick<Head, 'key' | 'contentClass'>

export class PurgeBook {
  readonly #purges = new Map<string, KeptPurge>()

  constructor(purges: Iterable<KeptPurge> = []) {
    for (const purge of purges) this.#purges.set(nameOfTarget(purge.target), purge)
  }

  /** Oldest first. */
  all(): KeptPurge[] {
    return [...this.#purges.values()].sort((one, other) => one.purgedAt - other.purgedAt)
  }

  /** What this purge would change: more is forgotten, or there is a newer word to pass on. */
  newsOf({ target, purgedAt, word }: KeptPurge): { readonly forgets: boolean; readonly says: boolean } {
    const known = this.#purges.get(nameOfTarget(target))
    return {
      forgets: known === undefined || purgedAt > known.purgedAt,
      says: word !== null && word.signed.issuedAt > (known?.word?.signed.issuedAt ?? -Infinity)
    }
  }

  /** Notes it, and lets go of those that are too old or too many. @returns false when it is one of these itself */
  take(purge: KeptPurge, now: Millis): boolean {
    const { forgets, says } = this.newsOf(purge)
    const name = nameOfTarget(purge.target)
    const known = this.#purges.get(name)
    this.#purges.set(name, {
      target: purge.target,
      purgedAt: forgets || known === undefined ? purge.purgedAt : known.purgedAt,
      word: says || known === undefined ? purge.word : known.word
    })
    const all = this.all()
    const tooMany = all.length - purgesKeptMax
    for (const [at, { target, purgedAt }] of all.entries())
      if (at < tooMany || purgedAt + purgeLifeMs < now) this.#purges.delete(nameOfTarget(target))
    return this.#purges.has(name)
  }

  /** Whether what was signed then about this content is not to be taken any more. */
  covers(content: Named, signedAt: Millis): boolean {
    return signedAt <= this.#purgedAt(content)
  }

  /** The first moment at which a signature about this content counts. */
  signAfter(content: Named): Millis {
    return this.#purgedAt(content) + 1
  }

  /** The first moment at which another purge of the same target is news. */
  signAfterPurgeOf(target: PurgeTarget): Millis {
    return (this.#purges.get(nameOfTarget(target))?.purgedAt ?? -Infinity) + 1
  }

  #purgedAt({ key, contentClass }: Named): Millis {
    if (this.#purges.size === 0) return -Infinity
    const ofKey = this.#purges.get(nameOfTarget({ kind: 'key', key: keyHashOf(key) }))
    const ofClass = this.#purges.get(nameOfTarget({ kind: 'class', id: contentClass }))
    return Math.max(ofKey?.purgedAt ?? -Infinity, ofClass?.purgedAt ?? -Infinity)
  }
}
