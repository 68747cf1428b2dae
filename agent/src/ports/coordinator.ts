/** The way to the coordinator. */
import type { Millis } from '@starling/shared/units.ts'

/** What the agent owes the coordinator and gets from it; see docs/PROTOCOL.md. */
export interface CoordinatorLinkPort {
  start(): Promise<void>
  /** `never` before the first contact; for the page and `status`. */
  state(): {
    readonly kind: 'none' | 'never' | 'connected' | 'lost'
    readonly since: Millis
    readonly problem: string | null
  }
  stop(): Promise<void>
}
