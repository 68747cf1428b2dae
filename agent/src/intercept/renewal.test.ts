import { dayMs, type Millis } from '@starling/shared/units.ts'
import { describe, expect, test } from 'vitest'
import { isNeverIntercepted, neverIntercepted } from '@starling/shared/policy/never-intercepted.ts'
import { createMisfits } from './misfits.ts'
import { caNamesOf, mayName } from './names.ts'
import { fitsList, handOverAt, signerFor, successorDue, type CaFacts } from './renewal.ts'

const ca = (madeAtDay: number, hosts: string[], signsFromDay = madeAtDay): CaFacts => ({
  names: caNamesOf(hosts),
  madeAt: madeAtDay * dayMs,
  signsFrom: signsFromDay * dayMs,
  expiresAt: (madeAtDay + 30) * dayMs
})
const host = 'a.example'

describe('one CA follows the other', () => {
  test('made with a third of the life left, signing after half of that', () => {
    const first = ca(0, [host])
    expect(successorDue([first], 19.9 * dayMs)).toBeNull()
    expect(successorDue([first], 20 * dayMs)).toBe(25 * dayMs)
    expect(successorDue([first, ca(20, [host], 25)], 21 * dayMs)).toBeNull()
  })

  test('without a moment in which nobody signs', () => {
    let all: CaFacts[] = [ca(0, [host])]
    for (let now: Millis = 0; now < 200 * dayMs; now += dayMs / 4) {
      const signsFrom = successorDue(all, now)
      if (signsFrom !== null) {
        const day = now / dayMs
        all = [...all, { ...ca(day, [host]), signsFrom }]
      }
      const signer = signerFor(all, host, now)
      expect(signer).not.toBeNull()
      // Whoever signs has been there to be deployed for days, but for the first.
      expect(signer!.madeAt === 0 || now - signer!.madeAt >= 4 * dayMs).toBe(true)
    }
    expect(all.length).toBeGreaterThan(5)
  })

  test('an agent that slept until the old one was gone takes the new one, and makes none when all are gone', () => {
    const all = [ca(0, [host]), ca(20, [host], 25)]
    expect(signerFor(all, host, 31 * dayMs)).toBe(all[1])
    expect(signerFor(all, host, 51 * dayMs)).toBeNull()
    expect(successorDue(all, 51 * dayMs)).toBeNull()
  })

  test('for another list the new hosts wait, the old ones go on', () => {
    const present = ca(0, [host, 'gone.example'])
    const next = { ...ca(10, [host, 'new.example']), signsFrom: handOverAt(present, 10 * dayMs) }
    const at = (name: string, day: number) => signerFor([present, next], name, day * dayMs)
    expect([at(host, 11), at('new.example', 11)]).toEqual([present, null])
    expect([at(host, 20), at('new.example', 20), at('gone.example', 20)]).toEqual([next, next, present])
    expect(fitsList([present, next], ['new.example', host], 11 * dayMs)).toBe(true)
    expect(fitsList([present], ['new.example', host], 11 * dayMs)).toBe(false)
  })
})

describe('names', () => {
  test('are domains, the widest of each, without what is never intercepted', () => {
    expect(caNamesOf(['*.B.example:8443', 'b.example', 'x.b.example', 'a.example', 'ab.example'])).toEqual({
      permitted: ['a.example', 'ab.example', 'b.example'],
      excluded: []
    })
    const names = caNamesOf(['*.microsoft.com'])
    expect(mayName(names, 'download.microsoft.com')).toBe(true)
    expect(mayName(names, 'evilmicrosoft.com')).toBe(false)
    for (const never of neverIntercepted.filter(one => one.endsWith('.microsoft.com')))
      expect([never, mayName(names, `x.${never}`)]).toEqual([never, false])
  })

  test('never intercepted are whole domains, each named once', () => {
    expect(isNeverIntercepted('Geo.Prod.DO.dsp.mp.microsoft.com.')).toBe(true)
    expect(isNeverIntercepted('www.my.bank')).toBe(true)
    expect(isNeverIntercepted('bank.example')).toBe(false)
    expect(isNeverIntercepted('notpaypal.com')).toBe(false)
    for (const one of neverIntercepted)
      expect(neverIntercepted.filter(other => one === other || one.endsWith(`.${other}`))).toEqual([one])
  })
})

describe('who gets tunnels', () => {
  test('what is remembered in another shape is forgotten', () => {
    const misfits = createMisfits(() => 0, [{ host: 7 }])
    expect(misfits.list()).toEqual([])
  })

  test('is told by client and host, for a day', () => {
    let now = 0
    const misfits = createMisfits(() => now, null)
    const place = { host, port: 443, client: '192.0.2.1' }
    misfits.add(place, 'pinned')
    expect([misfits.has(place), misfits.has({ ...place, port: 8443 })]).toEqual([true, false])
    now = dayMs
    expect([misfits.has(place), misfits.list()]).toEqual([false, []])
  })
})
