import { afterEach, describe, expect, test } from 'vitest'
import {
  ask,
  cleanUp,
  content,
  origin,
  partsOf,
  proxyOf,
  swarm
} from '../../../test/doubles/proxy-harness.ts'
import { isBackground } from './priority.ts'

afterEach(cleanUp)

describe('nobody waits for', () => {
  test.each([
    ['priority', 'u=7'],
    ['priority', 'i, u=7'],
    ['priority', 'u=7;x=1, i'],
    ['user-agent', 'Microsoft-Delivery-Optimization/10.1'],
    ['user-agent', 'Microsoft BITS/7.8'],
    ['user-agent', 'Windows-Update-Agent/10.0.10011.16384 Client-Protocol/2.70']
  ])('%s: %s', (name, value) => {
    expect(isBackground([[name, value]])).toBe(true)
  })
})

describe('somebody waits for', () => {
  test.each([
    ['priority', 'u=3'],
    ['priority', 'u=77'],
    ['priority', 'menu=7'],
    ['user-agent', 'curl/8.9'],
    ['user-agent', 'Mozilla/5.0 (like Microsoft BITS/7.8)']
  ])('%s: %s', (name, value) => {
    expect(isBackground([[name, value]])).toBe(false)
  })

  test('what an updater itself calls urgent', () => {
    expect(
      isBackground([
        ['user-agent', 'Microsoft BITS/7.8'],
        ['priority', 'u=1']
      ])
    ).toBe(false)
  })
})

test('the swarm is told', async () => {
  const url = `${await origin()}/a.iso`
  const source = swarm()
  const told: Array<boolean | undefined> = []
  source.read = async function* (_transfer, start, end, _signal, background) {
    told.push(background)
    yield* partsOf(start, end)
  }
  const proxy = await proxyOf(source)
  const answers = [await ask(proxy, url, { priority: 'u=7' }), await ask(proxy, url)]
  expect(answers.map(({ body }) => body.length)).toEqual([content.length, content.length])
  expect(told).toEqual([true, false])
})
