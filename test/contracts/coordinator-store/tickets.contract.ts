/** What machines join with, and the serials of what is issued to them. */
import type { TicketRecord } from '@starling/coordinator/ports.ts'
import { ticketStore } from '@starling/coordinator/store/tickets.ts'
import { expect, it } from 'vitest'
import type { StoreContract } from './contract.ts'

const ticket: TicketRecord = {
  id: 't',
  secretHash: new Uint8Array([1, 0, 255]),
  site: 'office',
  role: 'agent',
  group: null,
  placedBy: 'name',
  usesMax: 2,
  createdAt: 1,
  expiresAt: 100
}

export const ticketsContract: StoreContract = harness => {
  it('counts the machines that used a ticket, each once', async () => {
    const store = ticketStore(harness.database)
    await store.createTicket(ticket)
    expect(await store.ticket('t')).toEqual(ticket)
    expect(await store.useTicket('t', 'a', 1)).toBe('used')
    expect(await store.useTicket('t', 'a', 2)).toBe('used')
    expect(await store.useTicket('t', 'b', 3)).toBe('used')
    expect(await store.useTicket('t', 'c', 4)).toBe('exhausted')
    expect(await store.useTicket('nobody', 'c', 4)).toBe('exhausted')
    expect(await store.tickets()).toEqual([{ ...ticket, uses: 2 }])
    await store.pruneTickets(100)
    expect(await store.tickets()).toHaveLength(1)
    await store.pruneTickets(101)
    expect([await store.tickets(), await store.ticket('t')]).toEqual([[], null])
  })

  it('lets nobody in with a ticket that was ended, and forgets it later', async () => {
    const store = ticketStore(harness.database)
    await store.createTicket(ticket)
    expect(await store.useTicket('t', 'a', 99)).toBe('used')
    expect(await store.useTicket('t', 'a', 100)).toBe('expired')
    expect(await store.endTicket('t', 50)).toBe(true)
    expect(await store.endTicket('t', 51)).toBe(false)
    expect(await store.endTicket('nobody', 50)).toBe(false)
    expect(await store.useTicket('t', 'b', 50)).toBe('expired')
    expect(await store.tickets()).toMatchObject([{ uses: 1, expiresAt: 50 }])
  })

  it('never lets in more than it is for, however many come at once', async () => {
    const stores = [ticketStore(harness.database), ticketStore(await harness.rival())]
    await stores[0]?.createTicket({ ...ticket, usesMax: 3 })
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        stores.map(store => store.useTicket('t', `agent ${Math.floor(index / 2)} ${index % 2}`, 1))
      ).flat()
    )
    // Each of the three was counted once, though it came to both coordinators.
    expect(await stores[0]?.tickets()).toMatchObject([{ uses: 3 }])
    expect(outcomes.filter(outcome => outcome === 'used')).toHaveLength(6)
  })

  it('issues no serial twice, also after a restart', async () => {
    const issued = { agent: 'a', at: 6, notAfter: 60 }
    const stores = [ticketStore(harness.database), ticketStore(await harness.rival())]
    const serials = await Promise.all(
      Array.from({ length: 10 }, () => stores.map(store => store.issueSerial(issued))).flat()
    )
    await harness.reopen()
    serials.push(await ticketStore(harness.database).issueSerial(issued))
    expect(new Set(serials).size).toBe(21)
    expect(Math.min(...serials)).toBe(1)
  })
}
