import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentEvent, CorePolicy } from '@starling/agent/core/events.ts'
import { parseTrace, traceLine, traceVersion } from '@starling/shared/trace.ts'
import { MiB, secondMs } from '@starling/shared/units.ts'
import { expect, test } from 'vitest'
import { faultKinds } from './faults.ts'
import { optionsFor, usualPolicy } from './play.ts'
import { decide, replay } from './replay.ts'
import { runScenario } from './run.ts'
import { patchTuesday } from './scenarios/patch-tuesday.ts'

/** What one agent lived through in a run with a restart of another, as a trace. */
function recorded(): { text: string; upstream: number } {
  const lines: string[] = []
  let upstream = 0
  runScenario(patchTuesday, optionsFor(patchTuesday, { agents: 4, size: 16 * MiB, seed: 5 }), {
    faults: [faultKinds.restart(3 * secondMs, 2 * secondMs, 1)],
    prepare: ({ world, agents }) => {
      const [watched] = agents
      lines.push(
        traceLine({
          version: traceVersion,
          self: watched!.id,
          role: 'agent',
          site: '0',
          policy: usualPolicy,
          seed: 500_000,
          bans: []
        })
      )
      world.onEvent = (agent, event, now) => {
        if (agent === watched) lines.push(traceLine({ at: now, event }))
      }
      world.onEffect = (agent, effect) => {
        if (agent === watched && (effect.type === 'fetch-upstream' || effect.type === 'resolve')) upstream++
      }
    }
  })
  return { text: `${lines.join('\n')}\n`, upstream }
}

test('a trace fed to a fresh core gives the same decisions, and another policy gives others', () => {
  const { text, upstream } = recorded()
  const { start, events } = parseTrace<CorePolicy, AgentEvent>(text)
  const same = decide(start, events)
  expect(same.upstreamRequests).toBe(upstream)
  expect(same.upstreamRequests).toBeGreaterThan(0)
  const none = decide(start, events, { upstreamWeight: 0 })
  expect(none.upstreamBytes).toBeLessThan(same.upstreamBytes)
})

test('the command says what it compares, and what it cannot know', () => {
  const folder = mkdtempSync(join(tmpdir(), 'starling-replay-'))
  try {
    const path = join(folder, 'agent.trace')
    writeFileSync(path, recorded().text)
    const said: string[] = []
    replay(path, ['upstreamSlots=1'], line => {
      said.push(line)
    })
    expect(said.join('\n')).toMatch(/upstreamRequests +\d+ +\d+/)
    expect(said.join('\n')).toContain('cannot know the answers to requests that were never made')
    expect(() => replay(path, ['nothing=1'], () => {})).toThrow(/names are upstreamSlots/)
    writeFileSync(path, 'hello\n')
    expect(() => replay(path, [], () => {})).toThrow(/line 1 of the trace/)
    expect(() => replay(join(folder, 'none'), [], () => {})).toThrow(/cannot be read/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
