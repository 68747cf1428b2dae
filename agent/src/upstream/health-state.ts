/**
 * Whether a server is to be asked, from how it has done so far: up, or down until it may be tried with one request
 * (half-open), whose outcome decides for all. Pure; the direct way has no health, because it leads to many origins.
 */
import type { Millis } from '@starling/shared/units.ts'

export type Health =
  | { readonly kind: 'up'; readonly failedAt: readonly Millis[] }
  | { readonly kind: 'down'; readonly since: Millis; readonly tryAt: Millis; readonly isTrying: boolean }

export interface HealthLimits {
  readonly maxFails: number
  readonly failTimeoutMs: Millis
}

export const healthy: Health = { kind: 'up', failedAt: [] }

export function mayAsk(health: Health, now: Millis): boolean {
  return health.kind === 'up' || (!health.isTrying && now >= health.tryAt)
}

/** One request is on its way to it: until its outcome is known no other tries. */
export function tried(health: Health): Health {
  return health.kind === 'up' ? health : { ...health, isTrying: true }
}

/** A request was called off before anything was learned from it. */
export function untold(health: Health): Health {
  return health.kind === 'up' ? health : { ...health, isTrying: false }
}

/** @param isSure it could not even be connected to: once is enough */
export function failed(health: Health, isSure: boolean, limits: HealthLimits, now: Millis): Health {
  const tryAt = now + limits.failTimeoutMs
  if (health.kind === 'down') return { ...health, tryAt, isTrying: false }
  const failedAt = [...health.failedAt.filter(at => now - at < limits.failTimeoutMs), now]
  if (isSure || failedAt.length >= limits.maxFails)
    return { kind: 'down', since: now, tryAt, isTrying: false }
  return { kind: 'up', failedAt }
}

/** An answer clears what was held against a server that was down; one that is up must not fail too often in between. */
export function worked(health: Health): Health {
  return health.kind === 'up' ? health : healthy
}

/** Neither down nor beyond doubt: probes look more often. */
export function isInDoubt(health: Health, limits: HealthLimits, now: Millis): boolean {
  return health.kind === 'down' || health.failedAt.some(at => now - at < limits.failTimeoutMs)
}
