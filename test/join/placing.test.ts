/** One ticket for all offices: agents are put where the policy's site definitions find them, and say so in their credential. */
import { loadMembership } from '@starling/agent/coordinator-link/membership.ts'
import { readSecretFile, writeSecretFile } from '@starling/agent/identity/secret-file.ts'
import { verifyCredential } from '@starling/agent/identity/signatures.ts'
import { moveAgent } from '@starling/shared/admin-api/fleet.ts'
import { byActor } from '@starling/coordinator/by.ts'
import { createAdminClient } from '@starling/coordinator/cli/admin-client.ts'
import type { Coordinator } from '@starling/coordinator/coordinator.ts'
import type { PolicyDocument } from '@starling/shared/signed-policy.ts'
import { afterEach, expect, it, vi } from 'vitest'
import { createJoinLab, type TestAgent } from './lab.ts'

const lab = createJoinLab()
afterEach(() => lab.end())
const eventually = (check: () => unknown): Promise<unknown> =>
  vi.waitFor(check, { timeout: 8000, interval: 20 })

const ada = byActor({ kind: 'account', name: 'ada', role: 'admin', site: null }, 'policy.change', '')

async function give(coordinator: Coordinator, document: PolicyDocument): Promise<void> {
  const { version } = await coordinator.policies.add('fleet', document, {
    by: ada,
    reason: '',
    dryRun: false
  })
  await coordinator.policies.rollBack('fleet', version, { by: ada, reason: '' })
}

/** Two looks, as the leader makes them. */
async function look(coordinator: Coordinator): Promise<void> {
  await coordinator.flush()
  await coordinator.everyMinute()
  await coordinator.everyMinute()
}

async function startedAt(agent: TestAgent, subnet: string): Promise<TestAgent> {
  agent.report = { ...agent.report, host: { ...agent.report.host, subnets: subnet } }
  await agent.link.start()
  return agent
}
const siteOf = async (coordinator: Coordinator, agent: TestAgent): Promise<string> =>
  (await coordinator.fleetView.agent(agent.identity.agentId)).site

const definitions = {
  siteDefinitions: [
    { id: 'north', networks: ['10.1.0.0/16'] },
    { id: 'south', networks: ['10.2.0.0/16'] }
  ]
}

it('puts an agent that joined with a ticket for no site where it is, and its credential says so', async () => {
  const coordinator = await lab.coordinator()
  const agent = await startedAt(await lab.agent(await lab.ticket(coordinator)), '10.2.0.7/24')
  const named = await startedAt(
    await lab.agent(await lab.ticket(coordinator, { site: 'office' })),
    '10.2.0.8/24'
  )
  await give(coordinator, definitions)
  await eventually(async () => {
    await look(coordinator)
    expect(await siteOf(coordinator, agent)).toBe('south')
  })
  await eventually(async () => {
    const kept = await loadMembership(agent.folder, {
      agentId: agent.identity.agentId,
      verifyCredential,
      readFile: readSecretFile,
      writeFile: writeSecretFile
    })
    expect(kept?.credential.site).toBe('south')
  })
  expect(await siteOf(coordinator, named), 'whose site was named').toBe('office')
})

it('leaves alone whom an admin puts somewhere, until the admin says that it is to be found again', async () => {
  const coordinator = await lab.coordinator()
  const agent = await startedAt(await lab.agent(await lab.ticket(coordinator)), '10.1.0.7/24')
  await give(coordinator, definitions)
  const client = await createAdminClient(lab.folderOf(coordinator))
  const move = async (site: string | null) =>
    await client.ask(moveAgent, { params: { agent: agent.identity.agentId }, body: { site } })
  await move('lab')
  await eventually(async () => {
    await look(coordinator)
    expect((await coordinator.fleetView.agent(agent.identity.agentId)).host['subnets']).toBe('10.1.0.7/24')
  })
  await look(coordinator)
  expect(await siteOf(coordinator, agent)).toBe('lab')
  await move(null)
  await eventually(async () => {
    await look(coordinator)
    expect(await siteOf(coordinator, agent)).toBe('north')
  })
})
