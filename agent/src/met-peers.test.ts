import { expect, test } from 'vitest'
import { createMetPeers } from './met-peers.ts'

test('a peer has the role and site that it came with, as long as it is there', () => {
  const met = createMetPeers()
  met.note({ type: 'peer-joined', peer: 'anna', site: 'north', role: 'gateway' })
  expect(met.roleOf('anna')).toBe('gateway')
  expect(met.siteOf('anna')).toBe('north')
  met.note({ type: 'peer-left', peer: 'anna' })
  expect(met.roleOf('anna')).toBe('agent')
  expect(met.siteOf('anna')).toBeNull()
})
