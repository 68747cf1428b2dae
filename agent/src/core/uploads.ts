/**
 * Upload slots: how many chunks are being sent at a time. There is no tit-for-tat, since all machines belong to one
 * owner; a slot is free or it is not, and who finds none is told when to come again. One peer may hold at most half of
 * them, so that one greedy reader does not shut out a site.
 */
import type { AgentId } from '@starling/shared/ids.ts'
import type { UploadId } from './events.ts'

export class Uploads {
  readonly #open = new Map<UploadId, AgentId>()

  get open(): number {
    return this.#open.size
  }

  /** @returns whether a slot was taken. */
  take(upload: UploadId, peer: AgentId, slots: number): boolean {
    if (this.#open.size >= slots) return false
    const own = [...this.#open.values()].filter(id => id === peer).length
    if (own >= Math.max(2, Math.ceil(slots / 2))) return false
    this.#open.set(upload, peer)
    return true
  }

  ended(upload: UploadId): void {
    this.#open.delete(upload)
  }
}
