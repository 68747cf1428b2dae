/**
 * What the shells are to each other and to `run.ts`: narrow interfaces, no implementation, one file a family. Shells
 * import this file, never one another; agent.ts and what it wires by (wiring/) are the only places where they meet.
 */
export type * from './ports/events.ts'
export type * from './ports/store.ts'
export type * from './ports/upstream.ts'
export type * from './ports/tunnel.ts'
export type * from './ports/interception.ts'
export type * from './ports/peers.ts'
export type * from './ports/bulk.ts'
export type * from './ports/identity.ts'
export type * from './ports/content.ts'
export type * from './ports/flows.ts'
export type * from './ports/coordinator.ts'
export type * from './ports/proxy.ts'
export type * from './ports/access-log.ts'
export type * from './ports/page.ts'
export type * from './ports/config.ts'
export type * from './ports/policy.ts'
export type * from './ports/client-settings.ts'
