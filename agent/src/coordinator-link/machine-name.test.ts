import { expect, it } from 'vitest'
import { machineName } from './machine-name.ts'

const real = '4C4C4544-0043-3510-8052-B4C04F4E3332'

it('is the same for a machine in one fleet, and tells nothing in another', async () => {
  const name = await machineName('f', async () => `UUID\n${real}\n`)
  expect(name).toMatch(/^[0-9a-f]{64}$/)
  expect(await machineName('f', async () => real.toLowerCase())).toBe(name)
  expect(await machineName('g', async () => real)).not.toBe(name)
})

it.each([
  '00000000-0000-0000-0000-000000000000',
  'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF',
  '03000200-0400-0500-0006-000700080009',
  'Not Settable',
  ''
])('is none for %j', async text => {
  expect(await machineName('f', async () => text)).toBeNull()
})

it('is none where the firmware cannot be asked', async () => {
  expect(await machineName('f', () => Promise.reject(new Error('EACCES')))).toBeNull()
})
