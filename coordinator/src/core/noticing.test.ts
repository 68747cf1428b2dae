import { dayMs, GiB, MiB, minuteMs } from '@starling/shared/units.ts'
import { expect, it } from 'vitest'
import { noticedOf, stillSuspected, suspected, type Seen } from './noticing.ts'

const nothing = { bytes: 0, bytesPerSecond: null }
const seen = (agent: string, change: Partial<Seen> = {}): Seen => ({
  agent,
  site: 's',
  version: '1.2.0',
  online: true,
  dialled: true,
  unreached: [],
  multicast: true,
  peers: 2,
  subnets: ['10.1.2.3/24'],
  wan: nothing,
  lan: nothing,
  lineBytesPerSecond: null,
  ...change
})
/** @returns `agent problem`, sorted */
const found = (...all: readonly Seen[]): string[] =>
  [...suspected(all)]
    .flatMap(([agent, problems]) => [...problems].map(problem => `${agent} ${problem}`))
    .sort()

it('unreachable is whom two others cannot reach and nobody has dialled', () => {
  const [a, b] = [seen('a', { unreached: ['x'] }), seen('b', { unreached: ['x'] })]
  expect(found(a, b, seen('x', { dialled: false }))).toEqual(['x unreachable'])
  expect(found(a, b, seen('x'))).toEqual([])
  expect(found(a, b, seen('x', { dialled: null }))).toEqual([])
  expect(found(a, seen('b'), seen('x', { dialled: false }))).toEqual([])
  expect(found(a, b, seen('x', { dialled: false, online: false }))).toEqual([])
  expect(found(a, { ...b, online: false }, seen('c'), seen('x', { dialled: false }))).toEqual([])
})
it('unreachable is nobody because one says twice that he cannot reach him', () => {
  expect(found(seen('a', { unreached: ['x', 'x'] }), seen('b'), seen('x', { dialled: false }))).toEqual([])
})
it('of two, the word of the other is enough', () => {
  expect(found(seen('a', { unreached: ['x'] }), seen('x', { dialled: false }))).toEqual(['x unreachable'])
})

it('multicast does not pass when it heard nobody of those on its subnet', () => {
  const deaf = seen('x', { multicast: false })
  expect(found(deaf, seen('a', { subnets: ['10.1.2.200/24', 'fe80::1/64'] }))).toEqual(['x no-multicast'])
  expect(found(deaf, seen('a', { multicast: false }))).toEqual(['a no-multicast', 'x no-multicast'])
  expect(found(deaf, seen('a', { subnets: ['10.1.3.4/24'] }))).toEqual([])
  expect(found(deaf, seen('a', { subnets: ['10.1.2.4/16'] }))).toEqual([])
  expect(found(deaf, seen('a', { multicast: null }))).toEqual([])
  expect(found(deaf, seen('a', { site: 'other' }))).toEqual([])
  expect(found(deaf, seen('a', { online: false }))).toEqual([])
  // A home office: the same private addresses, and no way to each other.
  expect(found({ ...deaf, peers: 0 }, seen('a'))).toEqual([])
  const local = { subnets: ['fe80::1/64', '169.254.1.1/16'] }
  expect(found({ ...deaf, ...local }, seen('a', local))).toEqual([])
})

it.each(['wan', 'lan'] as const)('a slow link gives a small part of the median of its site (%s)', road => {
  const got = (agent: string, rate: number, bytes = GiB) =>
    seen(agent, { [road]: { bytes, bytesPerSecond: rate * MiB } })
  const others = ['a', 'b', 'c', 'd'].map(agent => got(agent, 100))
  expect(found(...others, got('x', 12))).toEqual(['x slow-link'])
  expect(found(...others, got('x', 13))).toEqual([])
  expect(found(...others, got('x', 12, GiB - 1))).toEqual([])
  expect(found(...others.slice(1), got('x', 12))).toEqual([])
})
it('or a small part of what the line is said to give', () => {
  const at = (rate: number) =>
    seen('x', { wan: { bytes: GiB, bytesPerSecond: rate * MiB }, lineBytesPerSecond: 100 * MiB })
  expect(found(at(4.9))).toEqual(['x slow-link'])
  expect(found(at(5))).toEqual([])
})

it('an old version is older than the newest of those who are there, in numbers', () => {
  const old = seen('x', { version: '1.9.3', online: false })
  expect(found(old, seen('a', { version: '1.10.0' }))).toEqual(['x old-version'])
  expect(found(old, seen('a', { version: '1.10.0', online: false }))).toEqual([])
  expect(found(seen('x', { version: 'test' }), seen('a', { version: '1.10.0' }))).toEqual([])
})

it('one machine of many that tries a version makes nobody old', () => {
  const many = Array.from({ length: 18 }, (_, index) => seen(`m${index}`))
  const next = (agent: string) => seen(agent, { version: '99.0.0' })
  expect(found(...many, next('a'))).toHaveLength(18)
  expect(found(...many, seen('b'), next('a'))).toEqual([])
  expect(found(...many, next('b'), next('a'))).toHaveLength(18)
})

it('a suspicion is a problem when it has lasted without a break', () => {
  const is = new Set(['unreachable', 'old-version'] as const)
  let since = stillSuspected({}, is, 0)
  expect(noticedOf(since, 10 * minuteMs - 1)).toEqual([])
  since = stillSuspected(since, is, 9 * minuteMs)
  expect(noticedOf(since, 10 * minuteMs)).toEqual(['unreachable'])
  expect(noticedOf(since, 14 * dayMs)).toEqual(['old-version', 'unreachable'])
  since = stillSuspected(since, new Set(), 11 * minuteMs)
  expect(noticedOf(stillSuspected(since, is, 12 * minuteMs), 13 * minuteMs)).toEqual([])
})
