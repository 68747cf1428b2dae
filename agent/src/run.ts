/**
 * The agent's only loop and only timer: an event goes into the core, its effects go to the shells, the timer is set to
 * when the core next wants time. Events that effects cause on the way wait their turn, so the core is never re-entered.
 */
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Machine } from '@starling/shared/machine.ts'
import type { DigestEntry, SignedDigests } from '@starling/shared/manifest.ts'
import type { KeptPurge, Purge } from '@starling/shared/purge.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { SwarmMessage } from '@starling/shared/wire.ts'
import type { AgentEffect, AgentEvent, Fact } from './core/events.ts'
import type { Emit, FlowsPort } from './ports.ts'

export interface RunShells {
  readonly flows: FlowsPort
  readonly say: (to: readonly AgentId[], message: SwarmMessage) => void
  readonly dial: (peer: AgentId) => void
  readonly hangUp: (peer: AgentId, reason: string) => void
  readonly signDigests: (
    transfer: TransferId,
    entries: readonly DigestEntry[],
    notBefore: Millis
  ) => SignedDigests | null
  readonly purgeInForce: (purge: Purge, all: readonly KeptPurge[]) => void
  readonly report: (fact: Fact) => void
  /** A bug in the core or a shell: told, and the loop goes on. */
  readonly failed: (error: unknown, what: string) => void
  readonly now: () => Millis
}

export interface Run {
  readonly emit: Emit
  stop(): void
}

/** setTimeout takes 32 bits; who wants to sleep longer is woken a little early, which does no harm. */
const timerMsMax: Millis = 2 ** 31 - 1

export function run(core: Machine<AgentEvent, AgentEffect>, shells: RunShells): Run {
  const waiting: AgentEvent[] = []
  let running = false
  let stopped = false
  let timer: NodeJS.Timeout | null = null
  let timerAt: Millis | null = null

  function emit(event: AgentEvent): void {
    if (stopped) return
    waiting.push(event)
    if (running) return
    running = true
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) turn(next)
    } finally {
      running = false
    }
    setTimer()
  }

  function turn(event: AgentEvent): void {
    let effects: AgentEffect[] = []
    try {
      effects = core.step(event, shells.now())
    } catch (error) {
      shells.failed(error, `event ${event.type}`)
    }
    for (const effect of effects) {
      try {
        perform(effect)
      } catch (error) {
        shells.failed(error, `effect ${effect.type}`)
      }
    }
  }

  function perform(effect: AgentEffect): void {
    const { flows } = shells
    switch (effect.type) {
      case 'answer-wish':
        return flows.answerWish(effect.wish, effect.transfer)
      case 'pass-wish':
        return flows.passWish(effect.wish, effect.reason)
      case 'resolve':
        return flows.resolve(effect.key, effect.url, effect.flow)
      case 'open-transfer':
        return flows.openTransfer(effect.head)
      case 'keep-digests':
        return flows.keepDigests(effect.digests)
      case 'sign-digests': {
        const digests = shells.signDigests(effect.transfer, effect.entries, effect.notBefore)
        if (digests !== null) emit({ type: 'digests-signed', digests })
        return
      }
      case 'say':
        return shells.say(effect.to, effect.message)
      case 'dial':
        return shells.dial(effect.peer)
      case 'hang-up':
        return shells.hangUp(effect.peer, effect.reason)
      case 'fetch-chunk':
        return flows.fetchChunk(effect)
      case 'cancel-fetch':
        return flows.cancelFetch(effect.fetch)
      case 'fetch-upstream':
        return flows.fetchUpstream(effect)
      case 'cancel-flow':
        return flows.cancelFlow(effect.flow, effect.afterChunk)
      case 'serve':
        return flows.serve(effect.upload)
      case 'refuse':
        return flows.refuse(effect.upload, effect.reason, effect.retryAfterMs)
      case 'fail-transfer':
        return flows.failTransfer(effect.transfer, effect.reason)
      case 'evict':
        return flows.evict(effect.transfer)
      case 'forget-transfer':
        return flows.forget(effect.transfer)
      case 'purge-in-force':
        return shells.purgeInForce(effect.purge, effect.all)
      case 'transfer-complete':
        return flows.complete(effect.transfer)
      case 'set-rates':
        return flows.setRates(effect.rates)
      case 'set-class':
        return flows.setClass(effect.transfer, effect.background)
      case 'measure-delay':
        return flows.measureDelay(effect.url)
      case 'ask-local-time': {
        const wall = new Date(shells.now())
        const time = { day: wall.getDay(), minute: wall.getHours() * 60 + wall.getMinutes() }
        return emit({ type: 'local-time', time })
      }
      case 'report':
        return shells.report(effect.fact)
    }
  }

  function setTimer(): void {
    const at = core.wakeAt()
    if (at === timerAt && timer !== null) return
    if (timer !== null) clearTimeout(timer)
    timer = null
    timerAt = at
    if (at === null || stopped) return
    const mine = setTimeout(
      () => {
        // Timers come before sockets in a turn of the event loop, so on a busy machine the very words that would change what
        // is decided now (somebody else's claim) lie unread: mail first.
        setImmediate(() => {
          if (timer === mine) timer = timerAt = null
          emit({ type: 'woke' })
        })
      },
      Math.min(timerMsMax, Math.max(1, at - shells.now()))
    )
    timer = mine
  }

  return {
    emit,
    stop() {
      stopped = true
      if (timer !== null) clearTimeout(timer)
    }
  }
}
