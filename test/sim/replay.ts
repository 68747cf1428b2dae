/**
 * A recorded trace is fed to a fresh core: once as it was, once with another policy. What is compared is what the core
 * decided, not what came of it: the events are those that happened, and would not all have happened under another policy.
 */
import { readFileSync } from 'node:fs'
import { createAgentCore } from '@starling/agent/core/agent.ts'
import type { AgentEffect, AgentEvent, CorePolicy } from '@starling/agent/core/events.ts'
import { chunkLength } from '@starling/shared/chunking.ts'
import { StarlingError, messageOf } from '@starling/shared/errors.ts'
import type { TransferId } from '@starling/shared/ids.ts'
import type { Head } from '@starling/shared/manifest.ts'
import { parseTrace, type Traced, type TraceStart } from '@starling/shared/trace.ts'
import { MiB, type Bytes } from '@starling/shared/units.ts'

/** What a core decided in a trace. */
export interface Decisions {
  upstreamRequests: number
  upstreamBytes: Bytes
  escapes: number
  peerRequests: number
  served: number
  refused: number
  messages: number
}

export function replay(path: string, policies: readonly string[], say: (text: string) => void): number {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new StarlingError('bad-trace', `the trace ${path} cannot be read: ${messageOf(error)}`)
  }
  const { start, events } = parseTrace<CorePolicy, AgentEvent>(text)
  const policy = { ...start.policy, ...overrides(start.policy, policies) }
  say(`${start.role} ${start.self}, ${events.length} events`)
  const as = decide(start, events)
  const other = policies.length === 0 ? null : decide({ ...start, policy }, events, true)
  for (const name of Object.keys(as) as Array<keyof Decisions>) {
    const value = (decisions: Decisions): string =>
      name === 'upstreamBytes' ? `${(decisions[name] / MiB).toFixed(1)} MiB` : String(decisions[name])
    say(`  ${name.padEnd(18)}${value(as).padStart(12)}${other === null ? '' : value(other).padStart(16)}`)
  }
  if (other !== null) {
    say(
      `The second column is what the core would have asked for with ${policies.join(', ')} if everything else had happened as it did.`
    )
    say(
      'It cannot know the answers to requests that were never made, nor what peers would have done; for that, run a scenario.'
    )
  }
  return 0
}

/** Feeds the events to a fresh core. With `keepPolicy`, changes of policy in the trace are left out. */
export function decide(
  start: TraceStart<CorePolicy>,
  events: ReadonlyArray<Traced<AgentEvent>>,
  keepPolicy = false
): Decisions {
  const core = createAgentCore(start)
  const heads = new Map<TransferId, Head>()
  const sum: Decisions = {
    upstreamRequests: 0,
    upstreamBytes: 0,
    escapes: 0,
    peerRequests: 0,
    served: 0,
    refused: 0,
    messages: 0
  }
  for (const { at, event } of events) {
    if (keepPolicy && event.type === 'policy-changed') continue
    if (event.type === 'transfer-loaded' || event.type === 'resolved')
      heads.set(event.head.transfer, event.head.head)
    for (const effect of core.step(event, at)) count(sum, effect, heads)
  }
  return sum
}

function count(sum: Decisions, effect: AgentEffect, heads: Map<TransferId, Head>): void {
  if (effect.type === 'open-transfer') heads.set(effect.head.transfer, effect.head.head)
  else if (effect.type === 'resolve') sum.upstreamRequests++
  else if (effect.type === 'fetch-upstream') {
    sum.upstreamRequests++
    const head = heads.get(effect.transfer)
    if (head === undefined) return
    for (let chunk = effect.firstChunk; chunk < effect.endChunk; chunk++)
      sum.upstreamBytes += chunkLength(chunk, head.length, head.chunkBytes)
  } else if (effect.type === 'fetch-chunk') sum.peerRequests++
  else if (effect.type === 'serve') sum.served++
  else if (effect.type === 'refuse') sum.refused++
  else if (effect.type === 'say') sum.messages += effect.to.length
  else if (effect.type === 'report' && effect.fact.what === 'foreground-escape') sum.escapes++
}

function overrides(policy: CorePolicy, words: readonly string[]): Partial<CorePolicy> {
  const changed = new Map<string, number>()
  for (const word of words) {
    const [, name, value] = /^(\w+)=(\d+)$/.exec(word) ?? []
    if (name === undefined || !Object.hasOwn(policy, name)) {
      throw new StarlingError(
        'bad-command',
        `--policy takes name=number, not '${word}'; names are ${Object.keys(policy).join(', ')}`
      )
    }
    changed.set(name, Number(value))
  }
  return Object.fromEntries(changed)
}
