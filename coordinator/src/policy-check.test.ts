/** What a dry run says for programs is what its sentence says for people. */
import type { SiteId } from '@starling/shared/ids.ts'
import { unknownHost } from '@starling/shared/policy/host-facts.ts'
import { GiB } from '@starling/shared/units.ts'
import { expect, test } from 'vitest'
import { beginImpact, type FleetHost } from './policy-check.ts'

const machine = (agent: string, ramBytes: number): FleetHost => ({
  agent,
  site: 'berlin' as SiteId,
  group: null,
  role: 'agent',
  host: { ...unknownHost, ramBytes }
})

test('a finding gives each reason with its code, its figures and how many give it', () => {
  const impact = beginImpact({
    scope: 'fleet',
    document: { DOMinRAMAllowedToPeer: 16 },
    inForce: new Map()
  })
  const machines = { a: 8, b: 8, c: 4, d: 64 }
  for (const [name, gibibytes] of Object.entries(machines)) impact.look(machine(name, gibibytes * GiB))
  const [finding, ...more] = impact.findings()
  expect(more).toEqual([])
  expect(finding).toMatchObject({
    kind: 'agents-stop-peering',
    site: 'berlin',
    agents: 3,
    of: 4,
    moreReasons: 0
  })
  expect(finding?.reasons.map(({ code, params, agents }) => ({ code, params, agents }))).toEqual([
    { code: 'little-memory', params: { has: 8, least: 16 }, agents: 2 },
    { code: 'little-memory', params: { has: 4, least: 16 }, agents: 1 }
  ])
  for (const { why } of finding?.reasons ?? []) expect(finding?.sentence).toContain(why)
})
