/** The coordinator's decisions as one machine: presence and hand-outs. Who may join at all is decided by signatures. */
import type { Machine } from '@starling/shared/machine.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { CoordinatorEffect, CoordinatorEvent } from './events.ts'
import { Fleet } from './fleet.ts'
import { chooseHandout } from './handout.ts'

export interface CoordinatorCore extends Machine<CoordinatorEvent, CoordinatorEffect> {
  /** For looking, not for changing. */
  readonly fleet: Pick<Fleet, 'present' | 'online' | 'onlineCount' | 'gateways'>
}

export function createCoordinatorCore({ heartbeatMs }: { readonly heartbeatMs: Millis }): CoordinatorCore {
  const fleet = new Fleet(heartbeatMs)

  function step(event: CoordinatorEvent, now: Millis): CoordinatorEffect[] {
    const effects: CoordinatorEffect[] = fleet.fallSilent(now).map(agent => ({ type: 'went-offline', agent }))
    switch (event.type) {
      case 'agent-enrolled':
        fleet.enrol(event)
        break
      case 'heartbeat': {
        const came = fleet.heard(event.agent, event.addresses, event.swarm, now)
        if (came === true) effects.push({ type: 'came-online', agent: event.agent })
        const present = fleet.present(event.agent)
        const peers = present === undefined ? [] : chooseHandout(fleet, present)
        effects.push({ type: 'hand-out', request: event.request, peers })
        break
      }
      case 'agent-revoked':
        if (fleet.remove(event.agent)) effects.push({ type: 'went-offline', agent: event.agent })
        break
      case 'woke':
        break
    }
    return effects
  }

  return { fleet, step, wakeAt: () => fleet.nextSilenceAt() }
}
