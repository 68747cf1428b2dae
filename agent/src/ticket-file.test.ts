import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatTicket } from '@starling/shared/ticket.ts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { AgentConfig } from './config.ts'
import { readSecretFile } from './identity/secret-file.ts'
import { removeTicketFile, withTicketFile } from './ticket-file.ts'

const ticket = formatTicket({
  addresses: ['https://192.168.1.10:17833'],
  coordinator: '12D3KooWJ6qpQc8UbzfqdKrwGXLDGuEFe7Rcs2CLhcvgCznkdnpe',
  fleet: '12D3KooWQD7FDAJkPM2i3zM94A6moMzYruXG9FepCGedvYUEJLtm',
  secret: 'xVC6mi_mkJH5b9NtNcCQhUeNpeh2kBOG31Hk7EFYsQg',
  expiresAt: 1_800_000_000_000,
  site: 'office'
})
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-ticket-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const ticketOf = async (given: Partial<AgentConfig> = {}) => {
  const config = { dataFolder: folder, ticket: null, fleetSecret: null, ...given } as AgentConfig
  return (await withTicketFile(config, readSecretFile)).ticket
}
const leave = (text: string, mode = 0o600) => writeFile(join(folder, 'ticket'), text, { mode })

it('the ticket that an installation has left is taken', async () => {
  expect(await ticketOf()).toBeNull()
  await leave(`${ticket}\r\n`)
  expect(await ticketOf()).toBe(ticket)
})

it('one that the configuration names counts before it, and a fleet secret needs none', async () => {
  await leave(ticket)
  expect(await ticketOf({ ticket: 'named' })).toBe('named')
  expect(await ticketOf({ fleetSecret: new Uint8Array(32) })).toBeNull()
})

it('one that is none is told, with the file and without what is in it', async () => {
  await leave('secret words')
  const told = ticketOf()
  await expect(told).rejects.toMatchObject({ code: 'ticket-file-unusable' })
  await expect(told).rejects.toThrow(join(folder, 'ticket'))
  await expect(told).rejects.not.toThrow('secret words')
})

it.skipIf(process.platform === 'win32')('one that others can read is refused', async () => {
  await leave(ticket)
  await chmod(join(folder, 'ticket'), 0o644)
  await expect(ticketOf()).rejects.toMatchObject({ code: 'secret-file-exposed' })
})

it('is gone once it was used, and need not be there', async () => {
  await leave(ticket)
  await removeTicketFile(folder)
  await removeTicketFile(folder)
  expect(await readdir(folder)).toEqual([])
})
