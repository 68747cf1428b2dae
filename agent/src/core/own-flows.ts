/**
 * The upstream flows of this agent for one transfer: where each began, the chunk that it is filling, where it ends.
 * Only book-keeping; what to start, and when to yield, is decided in claiming.ts.
 */
import { extentOf } from '@starling/shared/chunking.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { Bytes } from '@starling/shared/units.ts'
import type { FlowId } from './events.ts'

export interface Flow {
  readonly id: FlowId
  /** Where it began in the present extent, the chunk that is filling now, and where the flow ends. */
  from: number
  next: number
  end: number
  /** Body bytes so far, and how many there were when the current extent began. */
  bytes: Bytes
  bytesBefore: Bytes
  cancelled: boolean
  /** For a client that has waited long enough: it yields to nobody. */
  readonly escapes: boolean
  /** The gateway beyond the site that its chunks are asked of, one after the other; null: from the URL. */
  readonly via: AgentId | null
}

export class OwnFlows {
  readonly #byId = new Map<FlowId, Flow>()

  get size(): number {
    return this.#byId.size
  }
  has(id: FlowId): boolean {
    return this.#byId.has(id)
  }
  get(id: FlowId): Flow | undefined {
    return this.#byId.get(id)
  }

  add(id: FlowId, first: number, end: number, how: Pick<Flow, 'escapes' | 'via'>): Flow {
    const flow = { id, from: first, next: first, end, bytes: 0, bytesBefore: 0, cancelled: false, ...how }
    this.#byId.set(id, flow)
    return flow
  }

  delete(id: FlowId): void {
    this.#byId.delete(id)
  }

  /** Those that are not cancelled. */
  *live(): Generator<Flow> {
    for (const flow of this.#byId.values()) if (!flow.cancelled) yield flow
  }

  *liveIn(extent: number): Generator<Flow> {
    for (const flow of this.live()) if (extentOf(flow.next) === extent) yield flow
  }

  /** The one that waits for this chunk from a gateway. */
  drawing(chunk: number): Flow | null {
    for (const flow of this.live()) if (flow.via !== null && flow.next === chunk) return flow
    return null
  }

  /** Whether one of them is going to fill this chunk in its present extent. */
  covers(chunk: number): boolean {
    for (const flow of this.liveIn(extentOf(chunk))) if (chunk >= flow.next && chunk < flow.end) return true
    return false
  }
}

/** The upstream sends from another chunk on than was asked for. */
export function move(flow: Flow, first: number, end: number): void {
  flow.from = first
  flow.next = first
  flow.end = end
  flow.bytes = 0
  flow.bytesBefore = 0
}

/** The extent that a flow is in; at its end, the one it has just filled. */
export function extentAt(flow: Flow): number {
  return extentOf(flow.next >= flow.end ? Math.max(flow.from, flow.next - 1) : flow.next)
}
