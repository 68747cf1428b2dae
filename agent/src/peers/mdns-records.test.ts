import { describe, expect, test } from 'vitest'
import { makeAnswers, readAnswers, serviceName, type Answer } from './mdns-records.ts'

const id = '12D3KooWEqMSmd2nJQPhM2e3Q8r4NzWbExyXWaoXQyW9xKB9nsZh'
const other = '12D3KooWKm8rn9WqGsLnmvrEpyTL9Ki4YqSMaUTJhrckQmpJmYLS'
const service = serviceName('0011223344556677')
const at = (ip: string, peer = id): string => `/ip4/${ip}/tcp/7000/p2p/${peer}`
const isOnLink = (ip: string): boolean => ip.startsWith('10.0.0.')
const read = (answers: Answer[]) => readAnswers(answers, service, isOnLink)

describe('what is said', () => {
  test('is understood', () => {
    expect(read(makeAnswers(service, 'name', [at('10.0.0.1')]))).toEqual({ id, addresses: [at('10.0.0.1')] })
  })

  test('is a random name and addresses, nothing else', () => {
    const instance = `a0b1c2.${service}`
    expect(makeAnswers(service, 'a0b1c2', [at('10.0.0.1')])).toEqual([
      { type: 'PTR', class: 'IN', ttl: 120, name: service, data: instance },
      { type: 'TXT', class: 'IN', ttl: 120, name: instance, data: `dnsaddr=${at('10.0.0.1')}` }
    ])
  })
})

describe('what is believed', () => {
  test('nothing of another fleet', () => {
    expect(read(makeAnswers(serviceName('ffffffffffffffff'), 'name', [at('10.0.0.1')]))).toBeNull()
  })

  test('no address beyond the link, and none of a second peer', () => {
    expect(
      read(
        makeAnswers(service, 'name', [
          at('8.8.8.8'),
          at('10.0.0.1'),
          at('10.0.0.2', other),
          at('127.0.0.1'),
          '/dns4/evil.example/tcp/80'
        ])
      )
    ).toEqual({ id, addresses: [at('10.0.0.1')] })
    expect(read(makeAnswers(service, 'name', [at('8.8.8.8')]))).toBeNull()
  })

  test('nothing that has no name, or is no address', () => {
    expect(
      read(makeAnswers(service, 'name', ['/ip4/10.0.0.1/tcp/7000', 'nonsense', '', '/ip4/10.0.0.1/udp/1']))
    ).toBeNull()
    expect(read([])).toBeNull()
  })

  test('no more than 16 addresses', () => {
    const many = Array.from({ length: 100 }, (_, index) => at(`10.0.0.${index}`))
    expect(read(makeAnswers(service, 'name', many))!.addresses).toHaveLength(16)
  })
})
