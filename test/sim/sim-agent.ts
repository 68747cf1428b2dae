/**
 * An agent of the virtual world: the real core, and around it what the shells would do, in virtual time. A chunk is
 * a number here, and whether its bytes are right is a fact that the world knows.
 */
import { createAgentCore } from '@starling/agent/core/agent.ts'
import type { AgentEffect, AgentEvent, CorePolicy, FetchId, Source } from '@starling/agent/core/events.ts'
import { Bitfield } from '@starling/shared/bitfield.ts'
import type { Role } from '@starling/shared/credential.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Machine } from '@starling/shared/machine.ts'
import type { LocalTime } from '@starling/shared/policy/hours.ts'
import { hourMs, minuteMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import { Clients } from './clients.ts'
import type { Content } from './content.ts'
import { Disk } from './disk.ts'
import type { Plan } from './heap.ts'
import { Port } from './links.ts'
import { Peak, RatePeak } from './counters.ts'
import type { Link } from './network.ts'
import { Trades, type Manners } from './trades.ts'
import { UpstreamFlows } from './upstream.ts'
import type { World } from './world.ts'
import type { Wrap } from './wraps.ts'

export interface SimAgentInit extends Manners {
  readonly id: AgentId
  readonly role: Role
  readonly site: number
  readonly policy: CorePolicy
  readonly seed: number
  readonly lanRate: number
  /** Its port; stations of one Wi-Fi share one, there and back. */
  readonly medium?: Port
  /** Multicast reaches the agents of the same subnet only. */
  readonly subnet?: number
  /** What its access link adds to the way of a message. */
  readonly latencyMs?: Millis
  /** How fast the machine hashes and writes, in bytes a second; absent: at once. */
  readonly hashRate?: number
  readonly quotaBytes?: Bytes
  /** Its clock is so much ahead at start, and goes so much faster. */
  readonly clock?: { readonly aheadMs: Millis; readonly rate: number }
  /** Its clients download in the background. */
  readonly background?: boolean
  /** Something between core and world: a liar's forgeries, or a promise switched off. */
  readonly wrap?: Wrap | undefined
}

const timerMsMin: Millis = 1

export class SimAgent {
  readonly id: AgentId
  readonly role: Role
  readonly site: number
  readonly subnet: number
  readonly up: Port
  readonly down: Port
  readonly latencyMs: Millis
  readonly lies: boolean
  alive = false
  asleep = false
  /** Called when it is back from a restart: its link reports at once. */
  onRestart: (() => void) | null = null
  readonly disk: Disk
  /** When each content was first asked for, and when a client had all of it. */
  readonly askedAt = new Map<TransferId, Millis>()
  readonly completedAt = new Map<TransferId, Millis>()
  readonly links = new Map<AgentId, Link>()
  /** Chunks asked of peers and not answered yet. */
  readonly asking = new Map<FetchId, SimAgent>()
  messagesSent = 0
  readonly fromPeers = { agents: 0, gateways: 0 }
  fromUpstream: Bytes = 0
  uploaded: Bytes = 0
  corruptReceived = 0
  /** Woken, and at once wanting to be woken again: nothing was done about what was due. */
  idleWakes = 0
  readonly usage = { serving: new Peak(), flows: new Peak(), asking: new Peak() }
  /** On the LAN. */
  readonly peaks = { received: new RatePeak(), uploaded: new RatePeak() }
  saidUntil: Millis = 0
  readonly flows: UpstreamFlows
  readonly clients: Clients
  readonly trades: Trades
  readonly #init: SimAgentInit
  readonly #world: World
  readonly #cpu: Port | null
  #core: Machine<AgentEvent, AgentEffect>
  #woken: Plan | null = null
  #wokenAt: Millis = Infinity
  readonly #waiting: AgentEvent[] = []
  #stepping = false
  #life = 0

  constructor(world: World, init: SimAgentInit) {
    this.#world = world
    this.#init = init
    this.id = init.id
    this.role = init.role
    this.site = init.site
    this.subnet = init.subnet ?? 0
    this.lies = init.lies ?? false
    this.latencyMs = init.latencyMs ?? 0
    this.up = init.medium ?? new Port(init.lanRate)
    this.down = init.medium ?? new Port(init.lanRate)
    this.disk = new Disk(init.quotaBytes ?? Infinity)
    this.#cpu = init.hashRate === undefined ? null : new Port(init.hashRate)
    this.flows = new UpstreamFlows(this, world)
    this.clients = new Clients(this, world)
    this.trades = new Trades(this, world, init)
    this.#core = this.#newCore()
  }

  get policy(): CorePolicy {
    return this.#init.policy
  }
  get background(): boolean {
    return this.#init.background ?? false
  }
  get kept(): ReadonlyMap<TransferId, Bitfield> {
    return this.disk.kept
  }
  get longestPauseMs(): Millis {
    return this.clients.longestPauseMs
  }
  /** What its own clock shows. */
  get clockNow(): Millis {
    return this.#toClock(this.#world.now)
  }

  // ------------------------------------------------------------------------------------------- its life

  start(): void {
    this.alive = true
    this.asleep = false
    this.#life++
    this.#core = this.#newCore()
    for (const [transfer, have] of this.disk.kept) {
      const content = this.#world.contentOf(transfer)
      this.emit({
        type: 'transfer-loaded',
        head: content.headBy(this.id, 0),
        have: copyOf(have),
        digests: content.digestsKnown(have),
        unsigned: [],
        lastUsedAt: 0,
        pinned: false
      })
    }
    const others = this.#world.atSite(this.site).flatMap(({ id }) => (id === this.id ? [] : [id]))
    this.emit({ type: 'site-changed', others })
    this.#world.network.joined(this)
    this.onRestart?.()
  }

  /** Power off: what was under way is gone, what was kept stays. */
  crash(): void {
    this.alive = false
    this.asleep = false
    this.#life++
    this.flows.powerOff()
    this.clients.powerOff()
    this.disk.powerOff()
    this.trades.powerOff()
    this.asking.clear()
    this.#waiting.length = 0
    this.#woken?.cancel()
    this.#woken = null
    this.#wokenAt = Infinity
    this.#world.network.left(this)
  }

  /** The lid is closed: nothing is heard or done until `resume`, and what was under way runs into the void. */
  sleep(): void {
    if (!this.alive) return
    this.asleep = true
  }

  resume(): void {
    if (!this.asleep) return
    this.asleep = false
    this.flows.breakAll()
    this.#drain()
  }

  /** A client of this machine asks for a content. */
  want(content: Content): void {
    this.clients.want(content)
  }

  emit(event: AgentEvent): void {
    if (!this.alive) return
    this.#waiting.push(event)
    if (!this.#stepping && !this.asleep) this.#drain()
  }

  /** Does something later, if this life still goes on then. */
  later(ms: Millis, action: () => void): void {
    const life = this.#life
    this.#world.after(ms, () => {
      if (life === this.#life) action()
    })
  }

  #drain(): void {
    this.#stepping = true
    const now = this.clockNow
    const waiting = this.#waiting
    for (let at = 0; at < waiting.length; at++) {
      const event = waiting[at]!
      this.#world.note(this, event)
      for (const effect of this.#core.step(event, now)) this.#perform(effect)
    }
    waiting.length = 0
    this.#stepping = false
    this.#setTimer()
  }

  // ------------------------------------------------------------------------------------------- effects

  #perform(effect: AgentEffect): void {
    this.#world.onEffect?.(this, effect)
    switch (effect.type) {
      case 'say':
        this.messagesSent += effect.to.length
        return this.#world.network.deliver(this, effect.to, effect.message)
      case 'resolve':
        return this.flows.resolve(effect.key, effect.flow)
      case 'fetch-upstream':
        return this.flows.open(
          effect.flow,
          this.#world.contentOf(effect.transfer),
          effect.firstChunk,
          effect.endChunk
        )
      case 'cancel-flow':
        return this.flows.cancel(effect.flow, effect.afterChunk)
      case 'fetch-chunk':
        this.#world.network.ask(
          this,
          effect.peer,
          this.#world.contentOf(effect.transfer),
          effect.chunk,
          effect.fetch
        )
        return this.usage.asking.note(this.asking.size)
      case 'cancel-fetch':
        this.asking.delete(effect.fetch)
        return
      case 'serve':
        return this.trades.serve(effect.upload)
      case 'refuse':
        return this.trades.refuse(effect.upload, effect.reason, effect.retryAfterMs)
      case 'sign-digests':
        this.#waiting.push({
          type: 'digests-signed',
          digests: {
            transfer: effect.transfer,
            entries: effect.entries,
            signed: this.#world.signature(this.id)
          }
        })
        return
      case 'answer-wish':
        return this.clients.answered(effect.wish)
      case 'pass-wish':
        return this.clients.passed(effect.wish, effect.reason)
      case 'fail-transfer':
        return this.clients.failed(effect.transfer, effect.reason)
      case 'report':
        return this.#world.reported(this, effect.fact)
      case 'evict':
        this.disk.evict(this.#world.contentOf(effect.transfer))
        this.#waiting.push({ type: 'transfer-forgotten', transfer: effect.transfer })
        return
      case 'forget-transfer':
        return this.disk.evict(this.#world.contentOf(effect.transfer))
      case 'set-rates':
        return this.flows.setRates(effect.rates)
      case 'set-class':
        return this.flows.setClass(effect.transfer, effect.background)
      case 'measure-delay':
        return this.flows.measureDelay()
      case 'ask-local-time':
        this.#waiting.push({ type: 'local-time', time: localTimeAt(this.clockNow) })
        return
      case 'dial':
        return this.#world.network.dial(this, effect.peer)
      case 'hang-up':
        return this.#world.network.hangUp(this, effect.peer)
      // The store of the virtual world needs no such word.
      case 'open-transfer':
      case 'purge-in-force':
      case 'keep-digests':
      case 'transfer-complete':
    }
  }

  // ------------------------------------------------------------------------------------------- uploads and downloads

  /** What came is hashed and written, one chunk after another on a slow machine. */
  hashed(bytes: Bytes, arrivedAt: Millis, action: () => void): void {
    const at = this.#cpu === null ? arrivedAt : this.#cpu.carry(bytes, arrivedAt)
    if (at <= this.#world.now) action()
    else this.later(at - this.#world.now, action)
  }

  stored(content: Content, chunk: number, right: boolean, source: Source, fetch: FetchId | null): void {
    if (this.disk.has(content, chunk)) this.#world.duplicateBytes += content.bytesOf(chunk)
    const kept = this.disk.put(content, chunk, right) === 'kept'
    this.emit({
      type: 'chunk-stored',
      transfer: content.transfer,
      chunk,
      digest: content.digests[chunk]!,
      source,
      kept,
      fetch
    })
    if (!kept)
      this.emit({
        type: 'disk-changed',
        usedBytes: this.disk.usedBytes,
        quotaBytes: this.disk.quotaBytes,
        freeBytes: Number.MAX_SAFE_INTEGER,
        floorBytes: 0
      })
    this.clients.moved()
  }

  /** Kept chunks turn out unreadable: the store gives them up. */
  loseChunks(content: Content, chunks: Iterable<number>): void {
    for (const chunk of chunks) {
      this.disk.drop(content, chunk)
      this.emit({ type: 'chunk-dropped', transfer: content.transfer, chunk })
    }
  }

  releaseHeld(content: Content, needed: (chunk: number) => boolean): void {
    for (const chunk of this.disk.release(content, needed))
      this.emit({ type: 'chunk-dropped', transfer: content.transfer, chunk })
  }

  /** The request or its answer was lost with the connection. */
  broken(fetch: FetchId, reason: 'broken' | 'timeout' = 'broken'): void {
    if (this.asking.delete(fetch)) this.emit({ type: 'fetch-failed', fetch, reason, retryAfterMs: 0 })
  }

  // ------------------------------------------------------------------------------------------- time

  /** Put off, the planned wake stays: waking too early costs a look, re-planning at every event costs the heap. */
  #setTimer(): void {
    const at = this.#core.wakeAt()
    if (at === null) return
    // Never sooner than run.ts's own timer would: a core that wants to be woken for nothing is found by the count.
    const due = Math.max(this.#fromClock(at), this.#world.now + timerMsMin)
    if (due >= this.#wokenAt) return
    this.#woken?.cancel()
    this.#wokenAt = due
    this.#woken = this.#world.at(due, () => {
      this.#woken = null
      this.#wokenAt = Infinity
      const wanted = this.#core.wakeAt()
      if (wanted === null || wanted > this.clockNow) return this.#setTimer()
      this.emit({ type: 'woke' })
      const again = this.#core.wakeAt()
      if (again !== null && again <= this.clockNow) this.idleWakes++
    })
  }

  #toClock(time: Millis): Millis {
    const { clock } = this.#init
    return clock === undefined ? time : clock.aheadMs + time * clock.rate
  }

  #fromClock(time: Millis): Millis {
    const { clock } = this.#init
    // A hair later, or rounding would wake it just before its time, again and again.
    return clock === undefined ? time : (time - clock.aheadMs) / clock.rate + 0.001
  }

  #newCore(): Machine<AgentEvent, AgentEffect> {
    const { id, role, site, policy, seed, wrap } = this.#init
    const core = createAgentCore({ self: id, role, site: String(site), policy, seed, bans: [] })
    return wrap === undefined ? core : wrap(core, id)
  }
}

/** The virtual world begins on a Monday at 8 in the morning. */
function localTimeAt(now: Millis): LocalTime {
  const minutes = Math.floor((now + 8 * hourMs) / minuteMs)
  return { day: (1 + Math.floor(minutes / 1440)) % 7, minute: minutes % 1440 }
}

function copyOf(field: Bitfield): Bitfield {
  const copy = Bitfield.fromBytes(field.toBytes(), field.size)
  if (copy === null) throw new Error('bug: a bitfield that does not fit itself')
  return copy
}
