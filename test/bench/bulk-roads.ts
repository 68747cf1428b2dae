/**
 * The two roads that chunks could take between agents, each as one end of it: for the bench that compares them. Each is
 * loaded when it is taken, so that its memory is its own.
 */
import type { BulkPort } from '@starling/agent/ports.ts'
import type { AgentId } from '@starling/shared/ids.ts'

export const roadNames = ['tls', 'libp2p'] as const
export type RoadName = (typeof roadNames)[number]

/** How the other end finds this one. */
export interface Card {
  readonly id: AgentId
  readonly port: number
  readonly addresses: readonly string[]
}

export interface RoadEnd {
  readonly bulk: BulkPort
  readonly card: Card
  /** Resolves when the other may be asked. */
  meet(other: Card): Promise<void>
  close(): Promise<void>
}

export const roads: Readonly<Record<RoadName, () => Promise<RoadEnd>>> = {
  async tls() {
    const { createBulkLoopback } = await import('../doubles/bulk-on-loopback.ts')
    const net = createBulkLoopback()
    const { id, bulk } = await net.agent()
    return {
      bulk,
      card: { id, port: bulk.port, addresses: [] },
      async meet(other) {
        net.ports.set(other.id, other.port)
        net.accepted.add(other.id)
      },
      close: () => net.endAll()
    }
  },

  async libp2p() {
    const { until } = await import('../doubles/peers-on-loopback.ts')
    const { createStreamEnd } = await import('./libp2p/bulk-libp2p.ts')
    const end = await createStreamEnd()
    return {
      bulk: end.bulk,
      card: { id: end.id, port: 0, addresses: end.addresses },
      // One connection is enough for both.
      async meet(other) {
        if (end.id < other.id) await end.meet(other.addresses[0]!)
        await until('the two ends have met', () => end.isConnected(other.id))
      },
      close: async () => await end.close()
    }
  }
}
