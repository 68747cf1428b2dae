/**
 * What an agent's upstream shell would do: requests to the origin over the site's line, chunk after chunk, with
 * progress told now and then. The origin can stall (the line does), refuse, or break off.
 */
import type { FlowEnd, FlowId, WanRates } from '@starling/agent/core/events.ts'
import type { KeyHash, TransferId } from '@starling/shared/ids.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { Content } from './content.ts'
import type { Plan } from './heap.ts'
import { Throttle } from './links.ts'
import type { SimAgent } from './sim-agent.ts'
import type { World } from './world.ts'

interface SimFlow {
  readonly content: Content
  chunk: number
  readonly end: number
  bytes: Bytes
  afterChunk: boolean
  stop: (() => Bytes) | null
  progress: Plan | null
}

/** A real flow tells its progress at most so often. */
const progressMs: Millis = 250

export class UpstreamFlows {
  readonly #agent: SimAgent
  readonly #world: World
  readonly throttles = throttlesWithin(new Throttle())
  readonly #flows = new Map<FlowId, SimFlow>()
  readonly #background = new Set<TransferId>()
  /** What the background had brought when the delay was measured last. */
  #measuredBytes: Bytes = 0

  constructor(agent: SimAgent, world: World) {
    this.#agent = agent
    this.#world = world
  }

  get size(): number {
    return this.#flows.size
  }

  resolve(key: KeyHash, id: FlowId): void {
    const content = this.#world.contentByKey(key)
    this.#agent.later(this.#world.originRoundTripMs, () => {
      if (this.#world.origin.refuses) {
        this.#agent.emit({ type: 'not-resolved', key, reason: 'the origin answered 503', failed: true })
        return
      }
      const head = content.headBy(this.#agent.id, this.#agent.clockNow)
      const endChunk = Math.min(content.chunks, 4)
      const flow = this.#note(id, content, 0, endChunk)
      this.#agent.emit({ type: 'resolved', key, head, flow: { id, firstChunk: 0, endChunk } })
      if (this.#flows.get(id) === flow) this.#fill(id, flow)
    })
  }

  setRates(rates: WanRates): void {
    const line = this.#world.wanOf(this.#agent.site)
    line.throttle(this.throttles.all, rates.all ?? Infinity)
    line.throttle(this.throttles.foreground, rates.foreground ?? Infinity)
    line.throttle(this.throttles.background, rates.background ?? Infinity)
  }

  /** Takes hold with each flow's next chunk. */
  setClass(transfer: TransferId, background: boolean): void {
    if (background) this.#background.add(transfer)
    else this.#background.delete(transfer)
  }

  measureDelay(): void {
    const roundTripMs = this.#world.originRoundTripMs + this.#world.wanOf(this.#agent.site).queueMs()
    this.#agent.later(roundTripMs, () => {
      const { bytes } = this.throttles.background
      const backgroundBytes = bytes - this.#measuredBytes
      this.#measuredBytes = bytes
      const roundTrip = { ms: roundTripMs, lateMs: 0 }
      this.#agent.emit({ type: 'delay-sample', roundTrip, backgroundBytes })
    })
  }

  open(id: FlowId, content: Content, firstChunk: number, endChunk: number): void {
    const flow = this.#note(id, content, firstChunk, endChunk)
    this.#agent.later(this.#world.originRoundTripMs, () => {
      if (this.#flows.get(id) !== flow) return
      if (this.#world.origin.refuses) this.#end(id, 'failed')
      else this.#fill(id, flow)
    })
  }

  cancel(id: FlowId, afterChunk: boolean): void {
    const flow = this.#flows.get(id)
    if (flow === undefined) return
    if (afterChunk) {
      flow.afterChunk = true
      return
    }
    this.#stop(flow)
    this.#flows.delete(id)
    this.#agent.later(0, () => {
      this.#agent.emit({ type: 'flow-ended', flow: id, reason: 'cancelled' })
    })
  }

  /** Connections are gone: the agent hears of it, unless it is off. */
  breakAll(): void {
    for (const id of Array.from(this.#flows.keys())) this.#end(id, 'failed')
  }

  powerOff(): void {
    for (const flow of this.#flows.values()) this.#stop(flow)
    this.#flows.clear()
    this.#background.clear()
    this.setRates({ all: null, foreground: null, background: null })
  }

  #note(id: FlowId, content: Content, chunk: number, end: number): SimFlow {
    const flow: SimFlow = { content, chunk, end, bytes: 0, afterChunk: false, stop: null, progress: null }
    this.#flows.set(id, flow)
    this.#agent.usage.flows.note(this.#flows.size)
    return flow
  }

  #end(id: FlowId, reason: FlowEnd): void {
    const flow = this.#flows.get(id)
    if (flow === undefined) return
    this.#stop(flow)
    this.#flows.delete(id)
    this.#agent.emit({ type: 'flow-ended', flow: id, reason })
  }

  #stop(flow: SimFlow): void {
    flow.progress?.cancel()
    const wasted = flow.stop?.() ?? 0
    flow.stop = null
    this.#world.wastedBytes += wasted
  }

  #fill(id: FlowId, flow: SimFlow): void {
    const { content } = flow
    const bytes = content.bytesOf(flow.chunk)
    const throttle = this.throttles[this.#background.has(content.transfer) ? 'background' : 'foreground']
    const arrive = (): void => {
      const chunk = flow.chunk++
      flow.stop = null
      flow.progress?.cancel()
      flow.bytes += bytes
      this.#agent.fromUpstream += bytes
      // Over a shared medium (Wi-Fi) what came over the line has to be sent through the air too.
      const arrivedAt = this.#agent.down.carry(
        bytes,
        this.#world.now - (bytes * 1000) / this.#agent.down.rate
      )
      this.#agent.hashed(bytes, arrivedAt, () => {
        this.#agent.stored(content, chunk, true, { kind: 'upstream', flow: id }, null)
        if (this.#flows.get(id) !== flow) return
        if (chunk + 1 >= flow.end || flow.afterChunk) {
          // On a slow machine the next chunk may have begun meanwhile.
          this.#stop(flow)
          this.#flows.delete(id)
          this.#agent.emit({ type: 'flow-ended', flow: id, reason: 'done' })
        }
      })
      if (this.#flows.get(id) === flow && flow.chunk < flow.end && !flow.afterChunk) this.#fill(id, flow)
    }
    const load = this.#world.wanOf(this.#agent.site).carry(bytes, arrive, throttle)
    flow.stop = () => load.cancel()
    const tellProgress = (): void => {
      flow.progress = this.#world.after(progressMs, () => {
        const carried = load.carried()
        if (carried > 0) this.#agent.emit({ type: 'flow-progress', flow: id, bytes: flow.bytes + carried })
        if (this.#flows.get(id) === flow && flow.stop !== null) tellProgress()
      })
    }
    tellProgress()
  }
}

function throttlesWithin(all: Throttle) {
  return { all, foreground: new Throttle(Infinity, all), background: new Throttle(Infinity, all) }
}
