/**
 * A run as text. `logOf` writes all that one agent hears and does, to look into a failure; `storyOf` tells of a few
 * agents what matters, one line an event, so that a change of behaviour is read as the diff of a story.
 */
import type { AgentEffect, AgentEvent, Fact } from '@starling/agent/core/events.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { SimAgent } from './sim-agent.ts'
import type { World } from './world.ts'

export function logOf(world: World, agent: string, say: (line: string) => void): void {
  const watched = world.agents.get(agent)
  if (watched === undefined) throw new StarlingError('bad-command', `there is no agent ${agent}; the first is ${world.agents.keys().next().value}`)
  const at = (): string => world.now.toFixed(3).padStart(12)
  world.onEvent = (who, event) => { if (who === watched) say(`${at()} < ${plain(event)}`) }
  world.onEffect = (who, effect) => { if (who === watched) say(`${at()} >   ${plain(effect)}`) }
}

/** Collects the lines of a story while the world runs. */
export function storyOf(world: World): string[] {
  const lines: string[] = []
  const tell = (agent: SimAgent, sentence: string): void => {
    const line = `${clock(world.now)}  ${agent.id.padEnd(12)} ${sentence}`
    lines.push(line)
  }
  world.onEvent = (agent, event) => {
    const sentence = heard(event)
    if (sentence !== null) tell(agent, sentence)
  }
  world.onEffect = (agent, effect) => {
    const sentence = does(effect)
    if (sentence !== null) tell(agent, sentence)
  }
  return lines
}

function clock(now: Millis): string { return `${(now / 1000).toFixed(3).padStart(8)} s` }

function heard(event: AgentEvent): string | null {
  switch (event.type) {
    case 'content-wanted': return `a client asks for ${event.url}`
    case 'peer-joined': return `meets ${event.peer}`
    case 'peer-left': return `loses ${event.peer}`
    case 'resolved': return 'knows the version, and its body is flowing'
    case 'not-resolved': return `could not find out: ${event.reason}`
    case 'fetch-failed': return event.reason === 'busy' ? null : `a request to a peer failed: ${event.reason}`
    case 'flow-ended': return event.reason === 'done' ? null : `flow ${event.flow} ended: ${event.reason}`
    case 'range-done': return 'its client has everything'
    case 'chunk-stored': return event.source.kind === 'upstream' ? `has chunk ${event.chunk} from upstream` : `has chunk ${event.chunk} from ${event.source.peer}`
    case 'disk-changed': return 'finds its disk full'
    default: return null
  }
}

function does(effect: AgentEffect): string | null {
  switch (effect.type) {
    case 'resolve': return 'asks the origin for the version'
    case 'fetch-upstream': return `fetches chunks ${effect.firstChunk}-${effect.endChunk - 1} from upstream`
    case 'cancel-flow': return effect.afterChunk ? `ends flow ${effect.flow} after this chunk` : `cancels flow ${effect.flow}`
    case 'fail-transfer': return `gives up: ${effect.reason}`
    case 'pass-wish': return `tells its client to go on without it: ${effect.reason}`
    case 'hang-up': return `hangs up on ${effect.peer}: ${effect.reason}`
    case 'report': return factText(effect.fact)
    default: return null
  }
}

function factText(fact: Fact): string {
  switch (fact.what) {
    case 'peer-blamed': return `blames ${fact.peer} for chunk ${fact.chunk}, strike ${fact.strikes}`
    case 'peer-banned': return `bans ${fact.peer}: ${fact.reason}`
    case 'claim-taken-over': return `takes over extent ${fact.extent} of ${fact.from}, who is silent`
    case 'claim-lost': return `leaves extent ${fact.extent} to ${fact.to}`
    case 'foreground-escape': return `waits no longer for chunk ${fact.chunk}`
    default: return fact.what
  }
}

/** One line, without the bulk of digests and bitfields. */
function plain(thing: AgentEvent | AgentEffect): string {
  return JSON.stringify(thing, (_key, value: unknown) => {
    if (value instanceof Uint8Array) return `${value.length} bytes`
    if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value.slice(0, 8)
    return value
  })
}
