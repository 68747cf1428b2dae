/** mDNS on the loopback link of this machine: nothing of it leaves the machine. On LANs: test/e2e/mdns.test.ts. */
import multicastDns from 'multicast-dns'
import { afterEach, expect, test } from 'vitest'
import { createLoopback, isJoined, until } from '../../../test/doubles/peers-on-loopback.ts'

const loopback = createLoopback()
afterEach(async () => loopback.stopAll())

/** Other tests and agents of this machine speak on the same link. */
const fleetTag = process.pid.toString(16).padStart(16, '0')

test('agents of one machine that listen on loopback find each other; another fleet and the silent are not found', async () => {
  const alien = await loopback.agent({ mdns: true, fleetTag: 'f'.repeat(16) })
  const silent = await loopback.agent({ mdns: false, fleetTag })
  const agents = await Promise.all([1, 2, 3].map(async () => loopback.agent({ mdns: true, fleetTag })))
  await until('the three know each other', () =>
    agents.every(a => agents.every(b => a === b || isJoined(a, b)))
  )
  for (const agent of agents) expect(agent.of('peer-joined')).toHaveLength(2)
  for (const apart of [alien, silent]) {
    expect(apart.heard).toEqual([])
    expect([...apart.peers.refusals()]).toEqual([])
  }
})

test('an agent that gets its proof later is found then', async () => {
  const [member, late] = [
    await loopback.agent({ mdns: true, fleetTag }),
    await loopback.agent({ mdns: true, fleetTag, secret: null })
  ]
  const proven = await loopback.agent({ mdns: false, identity: late.identity })
  expect(late.heard).toEqual([])
  late.trust.proof = () => proven.trust.proof()
  late.trust.checkPeer = (peer, proof) => proven.trust.checkPeer(peer, proof)
  await until('it is found', () => isJoined(member, late))
})

test("Windows' question for a cache host is answered with port and address by who was told to", async () => {
  await loopback.agent({ mdns: true, fleetTag })
  const port = 10_000 + (process.pid % 10_000)
  await loopback.agent({ mdns: true, fleetTag, cacheHostPort: port })
  const windows = multicastDns({ interface: '127.0.0.1', bind: '0.0.0.0', loopback: true })
  const ports: number[] = []
  const names: string[] = []
  windows.on('response', ({ answers = [] }) => {
    if (!answers.some(({ name }) => name === '_microsoft_mcc._tcp.local')) return
    for (const answer of answers) {
      if (answer.type === 'SRV') ports.push(answer.data.port)
      if (answer.type === 'A') names.push(answer.data)
    }
  })
  try {
    await until('it is answered', () => {
      windows.query([{ name: '_Microsoft_MCC._tcp.local', type: 'PTR' }])
      return ports.includes(port)
    })
    expect(names).toContain('127.0.0.1')
  } finally {
    await new Promise<void>(resolve => windows.destroy(() => resolve()))
  }
})
