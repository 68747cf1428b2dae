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
  if (watched === undefined)
    throw new StarlingError(
      'bad-command',
      `there is no agent ${agent}; the first is ${world.agents.keys().next().value}`
    )
  const at = (): string => world.now.toFixed(3).padStart(12)
  world.onEvent = (who, event) => {
    if (who === watched) say(`${at()} < ${plain(event)}`)
  }
  world.onEffect = (who, effect) => {
    if (who === watched) say(`${at()} >   ${plain(effect)}`)
  }
}

/** Collects the lines of a story while the world runs. */
export function storyOf(world: World): string[] {
  const lines: string[] = []
  const tell = (agent: SimAgent, sentence: string): void => {
    const line = `${clock(world.now)}  ${agent.id.padEnd(12)} ${sentence}`
    lines.push(line)
  }
  world.onEvent = (agent, event) => {
    const sentence = sentenceOf(heard, event)
    if (sentence !== null) tell(agent, sentence)
  }
  world.onEffect = (agent, effect) => {
    const sentence = sentenceOf(does, effect)
    if (sentence !== null) tell(agent, sentence)
  }
  return lines
}

/** What a table has to say of a thing; most things are not worth a line. */
function sentenceOf<Thing extends { type: string }>(told: Told<Thing>, thing: Thing): string | null {
  const tell = told[thing.type as Thing['type']] as ((thing: Thing) => string | null) | undefined
  return tell?.(thing) ?? null
}

function clock(now: Millis): string {
  return `${(now / 1000).toFixed(3).padStart(8)} s`
}

type Told<Thing extends { type: string }> = {
  readonly [Type in Thing['type']]?: (thing: Extract<Thing, { type: Type }>) => string | null
}

const heard: Told<AgentEvent> = {
  'content-wanted': ({ url }) => `a client asks for ${url}`,
  'peer-joined': ({ peer }) => `meets ${peer}`,
  'peer-left': ({ peer }) => `loses ${peer}`,
  resolved: () => 'knows the version, and its body is flowing',
  'not-resolved': ({ reason }) => `could not find out: ${reason}`,
  'fetch-failed': ({ reason }) => (reason === 'busy' ? null : `a request to a peer failed: ${reason}`),
  'flow-ended': ({ flow, reason }) => (reason === 'done' ? null : `flow ${flow} ended: ${reason}`),
  'range-done': () => 'its client has everything',
  'chunk-stored': ({ chunk, source }) =>
    `has chunk ${chunk} from ${source.kind === 'upstream' ? 'upstream' : source.peer}`,
  'disk-changed': () => 'finds its disk full'
}

const does: Told<AgentEffect> = {
  resolve: () => 'asks the origin for the version',
  'fetch-upstream': ({ firstChunk, endChunk }) =>
    `fetches chunks ${firstChunk}-${endChunk - 1} from upstream`,
  'cancel-flow': ({ flow, afterChunk }) =>
    afterChunk ? `ends flow ${flow} after this chunk` : `cancels flow ${flow}`,
  'fail-transfer': ({ reason }) => `gives up: ${reason}`,
  'pass-wish': ({ reason }) => `tells its client to go on without it: ${reason}`,
  'hang-up': ({ peer, reason }) => `hangs up on ${peer}: ${reason}`,
  report: ({ fact }) => factText(fact)
}

function factText(fact: Fact): string {
  switch (fact.what) {
    case 'peer-blamed':
      return `blames ${fact.peer} for chunk ${fact.chunk}, strike ${fact.strikes}`
    case 'peer-banned':
      return `bans ${fact.peer}: ${fact.reason}`
    case 'claim-taken-over':
      return `takes over extent ${fact.extent} of ${fact.from}, who is silent`
    case 'claim-lost':
      return `leaves extent ${fact.extent} to ${fact.to}`
    case 'foreground-escape':
      return `waits no longer for chunk ${fact.chunk}`
    case 'transfer-changed':
      return `finds that the content has changed: ${fact.reason}`
    case 'purged':
      return `purges ${fact.target}: ${fact.transfers} transfers`
    case 'purge-dropped':
      return `takes no more purges of ${fact.issuer}`
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
