import type { Millis } from './units.ts'

/**
 * A deterministic part of the system: same state, event and time give the same effects. It never awaits, reads
 * a clock, rolls a die or holds a byte of content; a shell (or the simulator) drives it.
 */
export interface Machine<Event, Effect> {
  step(event: Event, now: Millis): Effect[]
  /** When the machine next wants a `woke` event; null while it only waits for others. */
  wakeAt(): Millis | null
}
