import { unknownHost } from '@starling/shared/policy/host-facts.ts'
import { hostTold } from '@starling/shared/policy/host-told.ts'
import { hourMs, secondMs } from '@starling/shared/units.ts'
import { expect, it, vi } from 'vitest'
import { placementOf } from '../core/placing.ts'
import type { ReportedAgent } from '../fleet-ports.ts'
import { createLog } from '../log.ts'
import { createPlacer } from './placer.ts'

const now = 100 * hourMs
const definitions = [{ id: 'south', networks: ['10.2.0.0/16'] }]

const agentAt = (name: string, subnet: string, more: Partial<ReportedAgent> = {}): ReportedAgent => ({
  agent: name,
  site: 'north',
  role: 'agent',
  group: null,
  placedBy: 'definitions',
  enrolledAt: 0,
  version: '0.1.0',
  lastHeardAt: now,
  host: JSON.stringify(hostTold({ ...unknownHost, subnets: [subnet] })),
  counters: '{}',
  suspicions: '{}',
  noticed: '',
  ...more
})

function placer(agents: ReportedAgent[], reached: (agent: string) => boolean = () => true) {
  const decide = vi.fn<typeof placementOf>(placementOf)
  const placed: string[] = []
  const document = { siteDefinitions: definitions }
  const look = createPlacer({
    store: {
      async *reported() {
        yield* agents
      }
    },
    said: async () => ({
      documents: [document],
      to: (scope, { agent }) => (scope === 'fleet' && reached(agent) ? document : null)
    }),
    decide,
    place: async agent => {
      placed.push(agent)
    },
    heartbeatMs: 30 * secondMs,
    clock: () => now,
    log: createLog('silent')
  })
  return { look, decide, placed }
}

it('places whom nobody has named a site for, who is there, and whom a rollout has reached', async () => {
  const away = '10.2.0.7/24'
  const { look, placed } = placer(
    [
      agentAt('a', away),
      agentAt('named', away, { placedBy: 'name' }),
      agentAt('gateway', away, { role: 'gateway' }),
      agentAt('silent', away, { lastHeardAt: now - hourMs }),
      agentAt('later', away)
    ],
    agent => agent !== 'later'
  )
  await look()
  expect(placed).toEqual([])
  await look()
  expect(placed).toEqual(['a'])
})

it('moves some hundreds at a time, and the others with the next looks', async () => {
  const { look, placed } = placer(Array.from({ length: 700 }, (_, at) => agentAt(`a${at}`, '10.2.0.7/24')))
  const counts = []
  for (let looks = 0; looks < 3; looks++) {
    await look()
    counts.push(placed.length)
  }
  expect(counts).toEqual([0, 300, 600])
})

it('does not look again at who is where it belongs, until that changes', async () => {
  const agents = [agentAt('a', '10.1.0.7/24')]
  const { look, decide } = placer(agents)
  await look()
  await look()
  expect(decide).toHaveBeenCalledTimes(1)
  agents[0] = agentAt('a', '10.2.0.7/24')
  await look()
  expect(decide).toHaveBeenCalledTimes(2)
})
