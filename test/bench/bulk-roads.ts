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

export const roads: Readonly<Record<RoadName, (secret: string) => Promise<RoadEnd>>> = {
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

  async libp2p(secret) {
    const { createLoopback, until } = await import('../doubles/peers-on-loopback.ts')
    const net = createLoopback()
    const { peers, bulk } = await net.agent({ secret })
    return {
      bulk,
      card: { id: peers.self, port: 0, addresses: peers.addresses() },
      async meet({ id, addresses }) {
        peers.hint([{ id, addresses }])
        await until('the two ends have met', () => peers.list().some(peer => peer.id === id), 30_000)
      },
      close: () => net.stopAll()
    }
  }
}
