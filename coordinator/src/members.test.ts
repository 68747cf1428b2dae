import { describe, expect, it, vi } from 'vitest'
import { createLog } from './log.ts'
import { followMembers } from './members.ts'
import type { AgentRecord } from './ports.ts'

const record = (agent: string, revokedAt: number | null = null): AgentRecord => ({
  agent,
  site: 's',
  role: 'agent',
  group: null,
  version: '1',
  enrolledAt: 1,
  lastHeardAt: null,
  revokedAt
})

function world(records: AgentRecord[]) {
  const said: string[] = []
  let tell: (payload: string | null) => void = () => {}
  const following = followMembers(
    (channel, handler) => {
      expect(channel).toBe('agents')
      tell = handler
      setImmediate(() => {
        handler(null)
      })
      return () => {}
    },
    {
      agents: async () => records,
      agent: async agent => records.find(one => one.agent === agent) ?? null
    },
    { enrolled: agent => said.push(`+${agent}`), revoked: agent => said.push(`-${agent}`) },
    createLog('silent')
  )
  return { said, records, following, tell: (payload: string | null) => tell(payload) }
}

describe('who belongs', () => {
  it('is known before anything else happens, and followed from then on', async () => {
    const { said, records, following, tell } = world([record('a'), record('b', 3)])
    await following
    expect(said.splice(0)).toEqual(['+a', '-b'])
    records.push(record('c'))
    records[0] = record('a', 5)
    tell('c')
    tell('a')
    tell('nobody')
    await vi.waitFor(() => expect(said).toEqual(['+c', '-a']))
    said.length = 0
    tell(null)
    await vi.waitFor(() => expect(said).toEqual(['-a', '-b', '+c']))
  })
})
