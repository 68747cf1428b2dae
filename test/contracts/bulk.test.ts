import { createBulkLoopback, type BulkAgent } from '../doubles/bulk-on-loopback.ts'
import { createMemoryBulk } from '../doubles/memory-bulk.ts'
import {
  createLoopback,
  introduce,
  isJoined,
  until,
  type LoopbackAgent
} from '../doubles/peers-on-loopback.ts'
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
    const net = createLoopback()
    const ends = new Map<BulkEnd, LoopbackAgent>()
    return {
      async agent() {
        const agent = await net.agent()
        const end = { id: agent.peers.self, bulk: agent.bulk }
        ends.set(end, agent)
        return end
      },
      async meet(one, other) {
        const [a, b] = [ends.get(one)!, ends.get(other)!]
        introduce(a, b)
        await until('they have met', () => isJoined(a, b))
      },
      end: async end => await ends.get(end)!.peers.stop(),
      close: async () => await net.stopAll()
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
