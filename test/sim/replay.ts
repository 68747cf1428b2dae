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
  /** Asked for: a flow that was cancelled brought less. */
  upstreamBytes: Bytes
  escapes: number
  peerRequests: number
  served: number
  refused: number
  messages: number
}

export interface Replayed {
  readonly asItWas: Decisions
  /** Null when no other policy was asked about. */
  readonly other: Decisions | null
}

/** @throws StarlingError `bad-trace`, `bad-command` */
export function replay(path: string, policies: readonly string[], say: (text: string) => void): Replayed {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new StarlingError('bad-trace', `the trace ${path} cannot be read: ${messageOf(error)}`)
  }
  const { start, events } = parseTrace<CorePolicy, AgentEvent>(text)
  say(`${start.role} ${start.self}, ${events.length} events`)
  const asItWas = decide(start, events)
  const other = policies.length === 0 ? null : decide(start, events, overrides(start.policy, policies))
  const row = (name: string, value: string, otherValue: string): void => {
    say(`  ${name.padEnd(18)}${value.padStart(12)}${other === null ? '' : `   ${otherValue.padStart(12)}`}`)
  }
  row('', 'as it was', policies.join(', '))
  for (const name of Object.keys(asItWas) as Array<keyof Decisions>) {
    const value = (decisions: Decisions | null): string =>
      name === 'upstreamBytes'
        ? `${((decisions?.[name] ?? 0) / MiB).toFixed(1)} MiB`
        : String(decisions?.[name])
    row(name, value(asItWas), value(other))
  }
  if (other !== null) {
    say(
      `The second column is what the core would have asked for with ${policies.join(', ')} if everything else had happened as it did.`
    )
    say(
      'It cannot know the answers to requests that were never made, nor what peers would have done; for that, run a scenario.'
    )
  }
  return { asItWas, other }
}

/** Feeds the events to a fresh core. What `other` says of the policy holds throughout, whatever else of it changes. */
export function decide(
  start: TraceStart<CorePolicy>,
  events: ReadonlyArray<Traced<AgentEvent>>,
  other: Partial<CorePolicy> = {}
): Decisions {
  const core = createAgentCore({ ...start, policy: { ...start.policy, ...other } })
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
    if (event.type === 'transfer-loaded' || event.type === 'resolved')
      heads.set(event.head.transfer, event.head.head)
    // The body of the request that resolved the key fills chunks like any other.
    if (event.type === 'resolved' && event.flow !== null)
      sum.upstreamBytes += bytesOf(event.head.head, event.flow)
    const fed = event.type === 'policy-changed' ? { ...event, policy: { ...event.policy, ...other } } : event
    for (const effect of core.step(fed, at)) count(sum, effect, heads)
  }
  return sum
}

function count(sum: Decisions, effect: AgentEffect, heads: Map<TransferId, Head>): void {
  if (effect.type === 'open-transfer') heads.set(effect.head.transfer, effect.head.head)
  else if (effect.type === 'resolve') sum.upstreamRequests++
  else if (effect.type === 'fetch-upstream') {
    sum.upstreamRequests++
    sum.upstreamBytes += bytesOf(heads.get(effect.transfer)!, effect)
  } else if (effect.type === 'fetch-chunk') sum.peerRequests++
  else if (effect.type === 'serve') sum.served++
  else if (effect.type === 'refuse') sum.refused++
  else if (effect.type === 'say') sum.messages += effect.to.length
  else if (effect.type === 'report' && effect.fact.what === 'foreground-escape') sum.escapes++
}

function bytesOf(head: Head, { firstChunk, endChunk }: { firstChunk: number; endChunk: number }): Bytes {
  let bytes = 0
  for (let chunk = firstChunk; chunk < endChunk; chunk++)
    bytes += chunkLength(chunk, head.length, head.chunkBytes)
  return bytes
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
