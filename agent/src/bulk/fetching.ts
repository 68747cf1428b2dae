/**
 * The asking side: which request goes out on which socket ("lane"). Each peer has a road: the lanes to it, and what
 * waits for one. A request goes to the lane with the fewest in flight; only when all are busy another one is opened.
 */
import type { StarlingError } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import { secondMs } from '@starling/shared/units.ts'
import type { BulkPort } from '../ports.ts'
import { aborted, broken, busy, timeout, type Tally } from './errors.ts'
import { createLane, type DialBulk, type Lane, type Order } from './lane.ts'
import type { BulkLimits } from './limits.ts'

export interface FetchingWorld {
  readonly dial: DialBulk
  /** Where a peer that we are connected with serves bulk; null: not (any more). */
  where(peer: AgentId): { readonly host: string; readonly port: number } | null
  readonly tally: Tally
}

export interface Fetching {
  readonly fetch: BulkPort['fetch']
  /** The peer has left: its sockets are closed, what was asked of it is `broken`. */
  forget(peer: AgentId): void
  /** Sockets open or being opened. */
  lanes(): number
  close(): Promise<void>
}

interface Request extends Order {
  /** Null while it waits. */
  lane: Lane | null
}

interface Road {
  readonly peer: AgentId
  readonly lanes: Set<Lane>
  readonly waiting: Set<Request>
  /** A further lane could not be opened: make do with those there are. */
  isNarrow: boolean
}

/** How lanes end when nothing is wrong. */
const ordinary = new Set(['idle', 'closed', 'left', 'stopping', 'worn-out'])

export function createFetching(world: FetchingWorld, limits: BulkLimits): Fetching {
  const roads = new Map<AgentId, Road>()
  let isClosed = false

  function fetch({ peer, transfer, chunk, target, signal }: Parameters<BulkPort['fetch']>[0]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (isClosed) return reject(broken('this agent is stopping'))
      if (signal.aborted) return reject(aborted())
      if (target.length === 0) return reject(broken('there is no chunk of 0 bytes'))
      const road = roadOf(peer)
      const giveUp = (error: StarlingError): void => {
        if (road.waiting.delete(request)) request.settle(error)
        else request.lane?.giveUp(request, error)
      }
      const onAbort = (): void => giveUp(aborted())
      const late = setTimeout(
        () => giveUp(timeout(`no whole answer within ${limits.answerMs} ms`)),
        limits.answerMs
      )
      const request: Request = {
        transfer,
        chunk,
        target,
        filled: 0,
        isGivenUp: false,
        lane: null,
        settle(error) {
          clearTimeout(late)
          signal.removeEventListener('abort', onAbort)
          if (error === null) resolve()
          else reject(error)
        }
      }
      signal.addEventListener('abort', onAbort)
      road.waiting.add(request)
      serve(road)
    })
  }

  function roadOf(peer: AgentId): Road {
    let road = roads.get(peer)
    if (road === undefined) {
      road = { peer, lanes: new Set(), waiting: new Set(), isNarrow: false }
      roads.set(peer, road)
    }
    return road
  }

  function serve(road: Road): void {
    for (const request of road.waiting) {
      const lane = freest(road)
      if (lane === null) break
      road.waiting.delete(request)
      request.lane = lane
      lane.ask(request)
    }
    while (road.waiting.size > 0 && mayWiden(road)) if (!openLane(road)) break
    if (road.waiting.size === 0 && road.lanes.size === 0) roads.delete(road.peer)
  }

  function freest(road: Road): Lane | null {
    let best: Lane | null = null
    for (const lane of road.lanes) {
      if (lane.isOpen() && lane.load() < (best?.load() ?? limits.requestsPerLane)) best = lane
    }
    return best
  }

  /** Those being opened will take some of what waits. */
  function mayWiden({ lanes, waiting, isNarrow }: Road): boolean {
    if (lanes.size >= limits.lanesPerPeer || (isNarrow && lanes.size > 0)) return false
    const opening = [...lanes].filter(lane => !lane.isOpen()).length
    return waiting.size > opening * limits.requestsPerLane
  }

  /** @returns whether one is being opened; if not, and there is none, what waits has failed. */
  function openLane(road: Road): boolean {
    const at = world.where(road.peer)
    if (at === null) return refuse(road, broken(`not connected to ${road.peer}`))
    if (lanes() >= limits.lanesMax && !closeIdle()) return refuse(road, busy(secondMs))
    const lane = createLane(
      road.peer,
      at,
      world.dial,
      {
        freed: () => serve(road),
        ended(reason, error, wasOpen) {
          road.lanes.delete(lane)
          if (!ordinary.has(reason)) world.tally.count(reason)
          if (wasOpen) return serve(road)
          road.isNarrow = true
          if (road.lanes.size === 0) refuse(road, error)
        }
      },
      limits
    )
    road.lanes.add(lane)
    return true
  }

  function refuse(road: Road, error: StarlingError): false {
    if (road.lanes.size > 0) return false
    roads.delete(road.peer)
    for (const request of road.waiting) request.settle(error)
    road.waiting.clear()
    return false
  }

  function closeIdle(): boolean {
    for (const road of roads.values()) {
      for (const lane of road.lanes) {
        if (lane.load() > 0 || !lane.isOpen()) continue
        lane.end('idle', broken('the connection was idle'))
        return true
      }
    }
    return false
  }

  function lanes(): number {
    let count = 0
    for (const road of roads.values()) count += road.lanes.size
    return count
  }

  function end(road: Road, reason: string, error: StarlingError): void {
    for (const request of road.waiting) request.settle(error)
    road.waiting.clear()
    for (const lane of road.lanes) lane.end(reason, error)
    roads.delete(road.peer)
  }

  return {
    fetch,
    forget(peer) {
      const road = roads.get(peer)
      if (road !== undefined) end(road, 'left', broken('the peer has left'))
    },
    lanes,
    async close() {
      isClosed = true
      const lanes = [...roads.values()].flatMap(road => [...road.lanes])
      for (const road of roads.values()) end(road, 'stopping', broken('this agent is stopping'))
      await Promise.all(lanes.map(lane => lane.closed))
    }
  }
}
