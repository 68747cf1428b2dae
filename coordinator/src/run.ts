/** Drives the core: events in, effects out, and the only timer. */
import type { CoordinatorCore } from './core/coordinator.ts'
import type { CoordinatorEffect, CoordinatorEvent } from './core/events.ts'
import type { FleetPort, Handout } from './ports.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'

/** Node's timers hold 31 bits; longer waits are woken early, which is harmless. */
const timerMsMax = 2 ** 31 - 1

export interface Running extends FleetPort {
  stop(): void
}

export function runCore(
  core: CoordinatorCore,
  world: { readonly clock: () => Millis; readonly presence: (agent: AgentId, online: boolean) => void }
): Running {
  let timer: NodeJS.Timeout | undefined
  let lastRequest = 0
  const handouts = new Map<number, readonly Handout[]>()

  function dispatch(event: CoordinatorEvent): void {
    for (const effect of core.step(event, world.clock())) perform(effect)
    clearTimeout(timer)
    const wakeAt = core.wakeAt()
    if (wakeAt === null) return
    const waitMs = Math.min(Math.max(0, Math.ceil(wakeAt - world.clock())), timerMsMax)
    timer = setTimeout(() => {
      dispatch({ type: 'woke' })
    }, waitMs)
    timer.unref()
  }

  function perform(effect: CoordinatorEffect): void {
    switch (effect.type) {
      case 'hand-out':
        handouts.set(effect.request, effect.peers)
        break
      case 'came-online':
        world.presence(effect.agent, true)
        break
      case 'went-offline':
        world.presence(effect.agent, false)
        break
    }
  }

  return {
    enrolled(agent, site, role) {
      dispatch({ type: 'agent-enrolled', agent, site, role })
    },
    heartbeat(heard) {
      const request = ++lastRequest
      dispatch({ type: 'heartbeat', request, ...heard })
      const peers = handouts.get(request) ?? []
      handouts.delete(request)
      return peers
    },
    revoked(agent) {
      dispatch({ type: 'agent-revoked', agent })
    },
    online: agent => core.fleet.present(agent) !== undefined,
    present: () => core.fleet.online(),
    hasGateway: site => core.fleet.gateways(site).size > 0,
    counts() {
      let gatewaysOnline = 0
      for (const present of core.fleet.online()) if (present.role === 'gateway') gatewaysOnline++
      return { online: core.fleet.onlineCount, gatewaysOnline }
    },
    stop() {
      clearTimeout(timer)
    }
  }
}
