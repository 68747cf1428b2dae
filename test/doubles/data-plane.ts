/**
 * A data plane whose core is the test: it sees every event in order, waits for the next one of a kind, and may answer
 * while it is told, as the real core does.
 */
import { createFlows, type Flows, type FlowsParts } from '@starling/agent/flows/flows.ts'
import type { FlowsTunables } from '@starling/agent/flows/limits.ts'
import { createLog } from '@starling/agent/log.ts'
import type { BulkPort, Emit, StorePort, UpstreamPort, Wish } from '@starling/agent/ports.ts'
import { recognise } from '@starling/shared/content-classes/recognise.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { keyHashOf, transferIdOf, type Head, type SignedHead } from '@starling/shared/manifest.ts'
import { createMemoryBulk } from './memory-bulk.ts'
import { createMemoryStore } from './memory-store.ts'
import { createMemoryUpstream } from './memory-upstream.ts'

export type Event = Parameters<Emit>[0]
type EventOf<Type extends Event['type']> = Event & { readonly type: Type }

export interface DataPlane {
  readonly flows: Flows
  readonly store: StorePort
  /** All events so far, in order. */
  readonly events: Event[]
  /** How the core answers while it is told. */
  core: (event: Event) => void
  of<Type extends Event['type']>(type: Type): Array<EventOf<Type>>
  /** The first such event, past or future. */
  event<Type extends Event['type']>(
    type: Type,
    holds?: (event: EventOf<Type>) => boolean
  ): Promise<EventOf<Type>>
  /** What a proxy would make of a client's request. */
  wish(url: string, more?: Partial<Wish>): Wish
}

export interface DataPlaneParts extends Partial<Omit<FlowsParts, 'emit' | 'log'>> {
  readonly self?: AgentId
}

export const selfId: AgentId = `12D3KooW${'S'.repeat(44)}`

export function dataPlane(
  parts: DataPlaneParts & { store?: StorePort; upstream?: UpstreamPort; bulk?: BulkPort } = {},
  tunables: Partial<FlowsTunables> = {}
): DataPlane {
  const events: Event[] = []
  const watchers = new Set<() => void>()
  const store = parts.store ?? createMemoryStore()
  const queue: Event[] = []
  let telling = false
  const emit: Emit = event => {
    queue.push(event)
    if (telling) return
    telling = true
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      events.push(next)
      plane.core(next)
    }
    telling = false
    for (const look of watchers) look()
  }
  const flows = createFlows(
    {
      upstream: createMemoryUpstream(),
      bulk: createMemoryBulk().portOf(parts.self ?? selfId),
      signer: { signHead },
      now: Date.now,
      roleOf: () => 'agent',
      ...parts,
      store,
      emit,
      log: createLog('silent', 'test')
    },
    tunables
  )
  const plane: DataPlane = {
    flows,
    store,
    events,
    core: () => {},
    of: type => events.filter(event => event.type === type) as never,
    event: (type, holds = () => true) =>
      new Promise(resolve => {
        const look = () => {
          const found = events.find(event => event.type === type && holds(event as never))
          if (found === undefined) return
          watchers.delete(look)
          resolve(found as never)
        }
        watchers.add(look)
        look()
      }),
    wish(url, more = {}) {
      const { key, contentClass, promised, rangeFirst } = recognise(url)
      return {
        url,
        key,
        keyHash: keyHashOf(key),
        contentClass,
        promised,
        rangeFirst,
        headers: {},
        range: null,
        signal: new AbortController().signal,
        ...more
      }
    }
  }
  return plane
}

/** Right in shape only, like made-transfer.ts: nobody in the data plane checks a signature. */
export function signHead(head: Head): SignedHead {
  const signed = { issuer: selfId, issuedAt: 1, expiresAt: 2 ** 41, serial: 1, bytes: new Uint8Array(64) }
  return { transfer: transferIdOf(head), head, signed }
}

export async function bytesOf(slices: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  // Copied: a slice may be read until the next one is asked for.
  for await (const slice of slices) all.push(new Uint8Array(slice))
  return Buffer.concat(all)
}

/** Lets everything go on that can without anything new from outside: for what must NOT happen. */
export async function settled(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
}

/** Stops it, and sees to it that nothing is left behind. */
export async function end(plane: DataPlane): Promise<void> {
  await plane.flows.close()
  const taken = plane.flows.buffersTaken()
  if (taken > 0) throw new Error(`${taken} buffers were not given back`)
}
