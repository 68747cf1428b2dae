/** A coordinator whose database was restored from a backup: what was heard since then must not keep agents from hearing more. */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createJoinLab, type JoinLab } from './lab.ts'

let lab: JoinLab
beforeEach(() => {
  lab = createJoinLab()
})
afterEach(() => lab.end())

it('who is revoked after it is put out by agents that had heard of later revocations', async () => {
  const data = await lab.folder()
  const first = await lab.coordinator({ data })
  const [agent, one, other] = [
    await lab.agent(await lab.ticket(first)),
    await lab.agent(await lab.ticket(first)),
    await lab.agent(await lab.ticket(first))
  ]
  for (const each of [agent, one, other]) await each.link.start()
  for (const each of [one, other]) await each.link.stop()
  await first.stop()
  await copyFile(join(data, 'coordinator.db'), join(data, 'backup'))

  const second = await lab.coordinator({ data, listen: `127.0.0.1:${first.listening.port}` })
  await second.enrolment.revoke(one.identity.agentId, 'stolen')
  await vi.waitFor(() => expect(agent.trust.isRevoked(one.identity.agentId)).toBe(true), { timeout: 8000 })
  await second.stop()
  await copyFile(join(data, 'backup'), join(data, 'coordinator.db'))

  const third = await lab.coordinator({ data, listen: `127.0.0.1:${first.listening.port}` })
  await third.enrolment.revoke(other.identity.agentId, 'stolen, too')
  await vi.waitFor(() => expect(agent.trust.isRevoked(other.identity.agentId)).toBe(true), { timeout: 8000 })
})
