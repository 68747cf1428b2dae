import { describe, expect, it } from 'vitest'
import { formatTicket, parseTicket, type Ticket } from './ticket.ts'

const ticket: Ticket = {
  addresses: ['https://192.168.1.10:17833', 'https://[fd00::1]:17833', 'https://updates.example.org:17833'],
  coordinator: '12D3KooWJ6qpQc8UbzfqdKrwGXLDGuEFe7Rcs2CLhcvgCznkdnpe',
  fleet: '12D3KooWQD7FDAJkPM2i3zM94A6moMzYruXG9FepCGedvYUEJLtm',
  secret: 'xVC6mi_mkJH5b9NtNcCQhUeNpeh2kBOG31Hk7EFYsQg',
  expiresAt: 1_800_000_000_000,
  site: 'office'
}
const line = formatTicket(ticket)

describe('a ticket', () => {
  it('says the same after its way through mail and terminal', () => {
    expect(line).toMatch(/^STARLING1-[A-Za-z0-9_-]+$/)
    expect(parseTicket(line)).toEqual(ticket)
    expect(parseTicket(`  ${line.slice(0, 60)}\r\n${line.slice(60)}\n`)).toEqual(ticket)
  })

  it('that is cut off anywhere is told from one that is not a ticket', () => {
    for (let length = 'STARLING1-'.length; length < line.length; length++) {
      expect(() => parseTicket(line.slice(0, length)), String(length)).toThrow(
        expect.objectContaining({ code: 'ticket-cut' })
      )
    }
    for (const text of [
      '',
      'hello',
      'STARLING',
      line.slice(1),
      'x'.repeat(100_000),
      `${line}${'A'.repeat(9000)}`
    ]) {
      expect(() => parseTicket(text)).toThrow(expect.objectContaining({ code: 'ticket-not-one' }))
    }
  })

  it('that is mistyped anywhere is not taken', () => {
    for (let at = 'STARLING1-'.length; at < line.length - 1; at++) {
      const typo = line.slice(0, at) + (line[at] === 'A' ? 'B' : 'A') + line.slice(at + 1)
      expect(() => parseTicket(typo), String(at)).toThrow(expect.objectContaining({ code: 'ticket-cut' }))
    }
  })

  it('of another version asks for an update', () => {
    expect(() => parseTicket(line.replace('STARLING1', 'STARLING2'))).toThrow(
      expect.objectContaining({ code: 'ticket-newer' })
    )
    expect(() => parseTicket(formatTicket({ ...ticket, site: 'not a site!' }))).toThrow(
      expect.objectContaining({ code: 'ticket-newer' })
    )
  })
})
