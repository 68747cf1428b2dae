/** libp2p's own words, as far as this comparison uses them, taken from the agent's host. */
import type { createHost } from '@starling/agent/peers/host.ts'

type Host = Awaited<ReturnType<typeof createHost>>
export type Connection = ReturnType<Host['getConnections']>[number]
export type Stream = Awaited<ReturnType<Connection['newStream']>>
