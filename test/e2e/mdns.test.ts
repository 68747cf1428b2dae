/**
 * Agents find each other on a real LAN (network namespaces joined by a bridge) with nothing configured, and
 * nobody else. Each agent is a process with interfaces of its own, as on a machine of its own.
 */
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { createFleetSecret } from '@starling/agent/identity/secret.ts'
import { serviceName } from '@starling/agent/peers/mdns-records.ts'
import { until } from '../doubles/peers-on-loopback.ts'
import { createLab, whyNoNamespaces, type Lab, type LanHost } from '../lab/namespaces.ts'

const whyNot = whyNoNamespaces()
if (whyNot !== null) console.warn(`\nSKIPPED, mDNS on a LAN is not tested: ${whyNot}\n`)

interface Line {
  readonly type: string
  readonly peer?: string
  readonly address?: string
  readonly id?: string
  readonly addresses?: string[]
  readonly refusals?: unknown
}
interface LanAgent {
  readonly lines: Line[]
  id(): string
  joined(): string[]
  kill(): void
  end(): void
}

const fleet = { secret: createFleetSecret(), fleetTag: '00112233445566aa' }
let lab: Lab | null = null

afterEach(async () => {
  await lab?.close()
  lab = null
})

function start(host: LanHost, options: object): LanAgent {
  return run(host, 'lan-agent.ts', JSON.stringify(options))
}

function run(host: LanHost, program: string, argument: string): LanAgent {
  const child = host.spawn(process.execPath, [join(import.meta.dirname, '../lab', program), argument])
  const lines: Line[] = []
  createInterface(child.stdout!).on('line', line => {
    lines.push(JSON.parse(line) as Line)
  })
  const peersOf = (type: string): string[] =>
    lines.filter(line => line.type === type).map(({ peer }) => peer!)
  return {
    lines,
    id: () => lines.find(({ type }) => type === 'started')?.id ?? '',
    joined: () => peersOf('peer-joined'),
    kill: () => {
      child.kill('SIGKILL')
    },
    end: () => {
      child.stdin!.end()
    }
  }
}

const knows = (one: LanAgent, other: LanAgent): boolean => one.joined().includes(other.id())

test.runIf(whyNot !== null && process.env.CI === 'true')(
  'network namespaces are there, as they must be in CI',
  () => {
    expect(whyNot).toBeNull()
  }
)

describe.runIf(whyNot === null)('mDNS on a LAN', () => {
  test('three agents of a fleet find each other, once, and one of another fleet stays alone', async () => {
    lab = createLab({ one: ['office'], two: ['office'], three: ['office'], alien: ['office'] })
    const site = ['one', 'two', 'three'].map(name => start(lab!.host(name), fleet))
    const alien = start(lab.host('alien'), { secret: createFleetSecret(), fleetTag: 'ffffffffffffffff' })
    await until(
      'the three know each other',
      () => site.every(one => site.every(other => one === other || knows(one, other))),
      20_000
    )
    for (const one of site)
      expect(one.joined().toSorted()).toEqual(
        site
          .filter(other => other !== one)
          .map(other => other.id())
          .toSorted()
      )
    alien.end()
    await until('the alien stops', () => alien.lines.some(({ type }) => type === 'stopping'))
    expect(alien.joined()).toEqual([])
    expect(alien.lines.at(-1)!.refusals).toEqual([])
  })

  test('on two LANs, each is told its own address only, and LANs do not leak into each other', async () => {
    lab = createLab({ both: ['office', 'shop'], desk: ['office'], till: ['shop'] })
    const [both, desk, till] = ['both', 'desk', 'till'].map(name => start(lab!.host(name), fleet)) as [
      LanAgent,
      LanAgent,
      LanAgent
    ]
    await until(
      'the one in the middle knows both',
      () => knows(both, desk) && knows(both, till) && knows(desk, both) && knows(till, both),
      20_000
    )
    const on = (lan: string, host: string): string => `/ip4/${lab!.host(host).addresses.get(lan)!}/`
    const addressAt = (agent: LanAgent, peer: LanAgent): string =>
      agent.lines.find(({ type, peer: id }) => type === 'peer-joined' && id === peer.id())!.address!
    expect(addressAt(desk, both)).toContain(on('office', 'both'))
    expect(addressAt(till, both)).toContain(on('shop', 'both'))
    expect(knows(desk, till)).toBe(false)
    expect(both.lines[0]!.addresses!.every(address => !address.includes('127.0.0.1'))).toBe(true)
  })

  test('a stock @libp2p/mdns of the same service finds an agent and is found by it, but is not spoken with', async () => {
    lab = createLab({ ours: ['office'], stock: ['office'] })
    const agent = start(lab.host('ours'), fleet)
    const stock = run(lab.host('stock'), 'stock-mdns.ts', serviceName(fleet.fleetTag))
    await until(
      'it has found the agent',
      () => stock.lines.some(({ type, peer }) => type === 'found' && peer === agent.id()),
      20_000
    )
    await until('the agent has refused it', () => agent.lines.some(({ type }) => type === 'refused'), 20_000)
    expect(agent.joined()).toEqual([])
  })

  test('a killed agent has left for the others, and is found again when it comes back', async () => {
    lab = createLab({ one: ['office'], two: ['office'] })
    const one = start(lab.host('one'), fleet)
    const first = start(lab.host('two'), fleet)
    await until('they know each other', () => knows(one, first) && knows(first, one), 20_000)
    first.kill()
    await until('it has left', () =>
      one.lines.some(({ type, peer }) => type === 'peer-left' && peer === first.id())
    )
    const second = start(lab.host('two'), fleet)
    await until('its successor is found', () => knows(one, second) && knows(second, one), 20_000)
  })

  test('a pulled cable is noticed although nothing is said, and healed when it is back', async () => {
    lab = createLab({ one: ['office'], two: ['office'] })
    const [one, two] = ['one', 'two'].map(name => start(lab!.host(name), fleet)) as [LanAgent, LanAgent]
    await until('they know each other', () => knows(one, two) && knows(two, one), 20_000)
    const left = (): boolean =>
      [one, two].every(agent => agent.lines.some(({ type }) => type === 'peer-left'))
    lab.host('two').plug('office', false)
    await until('both have noticed', left, 35_000)
    lab.host('two').plug('office', true)
    await until('both are back', () => one.joined().length === 2 && two.joined().length === 2, 40_000)
  }, 100_000)
})
