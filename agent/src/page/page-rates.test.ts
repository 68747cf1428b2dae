import { describe, expect, test } from 'vitest'
import type { AgentStatus } from '../ports.ts'
import { Rates, isUnderWay } from './web/rates.ts'

const status = (came: number, complete = false, toClients = 0, keptBytes = came): AgentStatus =>
  ({
    transfers: [
      {
        transfer: 'aa',
        keptBytes,
        complete,
        readers: 0,
        peers: 0,
        bytes: { toClients, fromPeers: 0, fromGateway: 0, fromUpstream: came }
      }
    ],
    totals: { fromPeers: came, fromGateway: 0, fromUpstream: 0, toPeers: 2 * came }
  }) as unknown as AgentStatus

describe('rates on the page', () => {
  test('are of the last seconds, and go down while nothing comes', () => {
    const rates = new Rates()
    rates.add(status(0), 1000)
    rates.add(status(3000), 2000)
    expect(rates.at(2000).of('aa')).toBe(3000)
    expect(rates.at(2000)).toMatchObject({ fromLan: 3000, fromOrigin: 0, given: 6000 })
    expect(rates.at(4000).of('aa')).toBe(1000)
    expect(rates.at(9000).of('aa')).toBe(0)
    expect(rates.at(2000).of('bb')).toBe(0)
  })

  test('a complete one moves by what programs read of it', () => {
    const rates = new Rates()
    rates.add(status(10, true, 0), 0)
    rates.add(status(10, true, 500), 1000)
    expect(rates.at(1000).of('aa')).toBe(500)
  })

  test('what has just begun is measured since it was seen', () => {
    const rates = new Rates()
    rates.add({ ...status(0), transfers: [] }, 0)
    rates.add(status(100), 3000)
    rates.add(status(1100), 4000)
    expect(rates.at(4000).of('aa')).toBe(1000)
  })

  test('what a full disk lets pass moves as well as what is kept', () => {
    const rates = new Rates()
    rates.add(status(0, false, 0, 0), 0)
    rates.add(status(500, false, 500, 0), 1000)
    expect(rates.at(1000).of('aa')).toBe(500)
  })

  test('what comes is under way although no program reads it and no peer gave of it', () => {
    const rates = new Rates()
    const [one] = status(10).transfers
    expect(isUnderWay(one!, rates.at(0))).toBe(false)
    rates.add(status(0), 0)
    rates.add(status(10), 1000)
    expect(isUnderWay(one!, rates.at(1000))).toBe(true)
  })
})
