/**
 * What was changed in a policy and not saved yet, kept in the tab: a page that is loaded anew because the coordinator was
 * upgraded, and a session that ends, take away everything else. It is offered again, and only to whom it is of.
 */
import type { PolicyScope } from '@starling/shared/policy-scope.ts'
import type { Document } from './layers.ts'

export interface Draft {
  readonly document: Document
  /** What it began from: somebody else may save meanwhile. */
  readonly from: Document
}

export type DraftStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

export interface DraftKeeper {
  kept(): Draft | null
  keep(draft: Draft): void
  forget(): void
}

/** @param author whose it is: another account in the same tab is not shown it */
export function draftKeeper(storage: DraftStorage, author: string, scope: PolicyScope): DraftKeeper {
  const key = `starling-draft ${author} ${scope}`
  return {
    kept() {
      try {
        const { document, from } = JSON.parse(storage.getItem(key) ?? 'null') as Draft
        return JSON.stringify(document) === JSON.stringify(from) ? null : { document, from }
      } catch {
        return null
      }
    },
    keep(draft) {
      try {
        storage.setItem(key, JSON.stringify(draft))
      } catch {
        // No room, or forbidden: then it is not kept.
      }
    },
    forget() {
      try {
        storage.removeItem(key)
      } catch {
        // As above.
      }
    }
  }
}
