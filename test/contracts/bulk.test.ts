import { createStreamEnd, type StreamEnd } from '../bench/libp2p/bulk-libp2p.ts'
import { createBulkLoopback, type BulkAgent } from '../doubles/bulk-on-loopback.ts'
import { createMemoryBulk } from '../doubles/memory-bulk.ts'
import { until } from '../doubles/peers-on-loopback.ts'
import { bulkContract, type BulkEnd } from './bulk.contract.ts'

bulkContract(
  'over TLS',
  () => {
    const net = createBulkLoopback()
    const ends = new Map<BulkEnd, BulkAgent>()
    return {
      async agent() {
        const agent = await net.agent()
        net.accepted.delete(agent.id)
        net.ports.delete(agent.id)
        ends.set(agent, agent)
        return agent
      },
      async meet(...both) {
        for (const end of both) {
          net.accepted.add(end.id)
          net.ports.set(end.id, ends.get(end)!.bulk.port)
        }
      },
      end: async end => await net.end(ends.get(end)!),
      close: async () => await net.endAll()
    }
  },
  { isRemote: true }
)

bulkContract(
  'over libp2p streams',
  () => {
    const ends = new Map<BulkEnd, StreamEnd>()
    return {
      async agent() {
        const end = await createStreamEnd()
        ends.set(end, end)
        return end
      },
      async meet(one, other) {
        await ends.get(one)!.meet(ends.get(other)!.addresses[0]!)
        await until('they have met', () => ends.get(other)!.isConnected(one.id))
      },
      end: async end => await ends.get(end)!.close(),
      async close() {
        await Promise.all([...ends.values()].map(async end => await end.close()))
      }
    }
  },
  { isRemote: true }
)

bulkContract(
  'in memory',
  () => {
    const net = createMemoryBulk()
    let made = 0
    return {
      async agent() {
        const id = `12D3KooW${String(++made).padStart(44, '1')}`
        return { id, bulk: net.portOf(id) }
      },
      async meet() {},
      async end() {},
      async close() {}
    }
  },
  { isRemote: false }
)
