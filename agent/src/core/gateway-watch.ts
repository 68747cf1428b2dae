/**
 * Whether a gateway is at work on this transfer. While one of the site is, it alone fetches from upstream (it has to see
 * the bytes to sign them); while one beyond the site is, upstream means that gateway. What members sign is not taken
 * meanwhile. Once it is silent they help themselves.
 */
import type { Millis } from '@starling/shared/units.ts'
import type { Around } from './around.ts'
import { gatewayPatienceMs } from './limits.ts'

export class GatewayWatch {
  readonly #peers: Around['peers']
  readonly #far: boolean
  #signAt: Millis | null = null

  /** Watches the gateways of the site, or those beyond (`far`). */
  constructor(peers: Around['peers'], far: boolean) {
    this.#peers = peers
    this.#far = far
  }

  /** It gave a sign of life on the transfer. */
  sign(now: Millis): void {
    this.#signAt = now
  }

  /** We have become interested: a gateway that is connected gets the time to show that it fetches for us. */
  begin(now: Millis): void {
    if (this.#isThere()) this.#signAt = now
  }

  /** A peer has gone: perhaps it was the last gateway. */
  left(): void {
    if (!this.#isThere()) this.#signAt = null
  }

  /** Until when it is waited for if it stays silent from now on; null: not at all. */
  waitUntil(now: Millis): Millis | null {
    if (this.#signAt === null) return null
    const until = this.#signAt + gatewayPatienceMs
    return now < until ? until : null
  }

  #isThere(): boolean {
    return [...this.#peers.values()].some(({ role, far }) => role === 'gateway' && far === this.#far)
  }
}
