import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MiB } from '@starling/shared/units.ts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openFacts } from './facts.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-facts-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

it('a log that is written for months does not grow without end, and loses nothing', async () => {
  const path = join(folder, 'facts.log')
  const history = 'h'.repeat(50_000)
  const facts = await openFacts(path)
  await facts.remember('kept', [1])
  await facts.remember('gone', true)
  await facts.remember('gone', undefined)
  for (let minute = 0; minute < 120; minute++) await facts.remember('history', `${minute} ${history}`)
  // Not waited for: written after the log was.
  await Promise.all(Array.from({ length: 30 }, (_, n) => facts.remember(`at once ${n}`, history)))
  expect((await stat(path)).size).toBeLessThan(5 * MiB)
  await facts.remember('after', 'it')
  await facts.close()

  const again = await openFacts(path)
  expect(again.recall('history')).toBe(`119 ${history}`)
  expect([again.recall('kept'), again.recall('gone'), again.recall('after')]).toEqual([[1], undefined, 'it'])
  expect(again.recall('at once 29')).toBe(history)
  await again.close()
})

it('goes on as it was while the log cannot be written anew, and loses nothing', async () => {
  const path = join(folder, 'facts.log')
  // Where the new one would be made.
  await mkdir(`${path}.new`)
  const history = 'h'.repeat(50_000)
  const facts = await openFacts(path)
  for (let minute = 0; minute < 60; minute++) await facts.remember('history', `${minute} ${history}`)
  expect((await stat(path)).size).toBeGreaterThan(2 * MiB)
  await facts.close()
  const again = await openFacts(path)
  expect(again.recall('history')).toBe(`59 ${history}`)
  await again.close()
})
