import { expect, test } from 'vitest'
import { changesOf, shownConfig } from './config-changes.ts'
import { agentConfig } from './config.ts'

const shown = (given: Parameters<typeof agentConfig>[1], secret: Uint8Array | null = null) =>
  JSON.parse(JSON.stringify(shownConfig(agentConfig('/data', given, secret)))) as Record<string, unknown>

test('what changed is told from what to what, by its path', () => {
  const before = shown({ proxy: { port: 1 }, cache: { quotaBytes: 1 << 30 } })
  const now = shown({ proxy: { port: 1, clients: ['10.0.0.0/8'] }, cache: { quotaBytes: 1 << 29 } })
  expect(changesOf(before, now)).toEqual({
    'proxy.clients': { from: [], to: ['10.0.0.0/8'] },
    'cache.quotaBytes': { from: 1 << 30, to: 1 << 29 }
  })
})

test('at the first start, and after one that changed nothing, there is nothing to tell', () => {
  const now = shown({})
  expect([changesOf(undefined, now), changesOf(null, now), changesOf(now, shown({}))]).toEqual([
    null,
    null,
    null
  ])
  // A setting that is new with a version was not changed by anybody.
  const { 'proxy.host': _, ...older } = now
  expect(changesOf(older, now)).toBeNull()
})

test('secrets are not among them', () => {
  const text = JSON.stringify(
    shown({ ticket: 'geheim', upstream: { proxies: ['http://me:geheim@proxy.example'] } })
  )
  expect(text).not.toContain('geheim')
})
