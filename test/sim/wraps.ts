/**
 * What may stand between a core and its world: a wrap sees its events and its effects, and may hide or forge them. Liars
 * are made this way, and so are the sabotages by which a test shows that a checker can fail.
 */
import type { AgentEffect, AgentEvent } from '@starling/agent/core/events.ts'
import { Bitfield } from '@starling/shared/bitfield.ts'
import { extentOf } from '@starling/shared/chunking.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { Machine } from '@starling/shared/machine.ts'
import { MiB } from '@starling/shared/units.ts'

type Core = Machine<AgentEvent, AgentEffect>
export type Wrap = (core: Core, self: AgentId) => Core

/** A core whose effects pass through `change`; null hides one. */
function changing(
  core: Core,
  change: (effect: AgentEffect) => AgentEffect | null,
  see?: (event: AgentEvent) => void
): Core {
  return {
    wakeAt: () => core.wakeAt(),
    step(event, now) {
      see?.(event)
      const effects: AgentEffect[] = []
      for (const effect of core.step(event, now)) {
        const changed = change(effect)
        if (changed !== null) effects.push(changed)
      }
      return effects
    }
  }
}

/** Says that it has everything. (Together with `mute` it never answers who asks for it.) */
export const saysItHasAll: Wrap = core =>
  changing(core, effect => {
    if (effect.type !== 'say' || effect.message.type !== 'bitfield' || effect.message.bits.length === 0)
      return effect
    const all = Bitfield.full(effect.message.bits.length * 8)
    return { ...effect, message: { ...effect.message, bits: all.toBytes() } }
  })

/** Claims extents, says that they make progress, and fetches nothing. */
export const claimsAndIdles: Wrap = core => {
  let bytes = 0
  return changing(core, effect => {
    if (effect.type === 'fetch-upstream') return null
    if (effect.type !== 'say' || effect.message.type !== 'claim') return effect
    bytes += MiB / 2
    return { ...effect, message: { ...effect.message, claim: { ...effect.message.claim, bytesDone: bytes } } }
  })
}

/** Sabotage: rates are decided upon and never told. */
export const withoutRates: Wrap = core =>
  changing(core, effect => (effect.type === 'set-rates' ? null : effect))

/** Sabotage: an extent that somebody else has ever claimed is left to him for good. */
export const withoutTakeover: Wrap = (core, self) => {
  const claimedByOthers = new Set<string>()
  return changing(
    core,
    effect => {
      if (effect.type !== 'fetch-upstream') return effect
      return claimedByOthers.has(`${effect.transfer} ${extentOf(effect.firstChunk)}`) ? null : effect
    },
    event => {
      if (
        event.type !== 'peer-said' ||
        event.message.type !== 'claim' ||
        event.message.claim.claimant === self
      )
        return
      claimedByOthers.add(`${event.message.transfer} ${event.message.claim.extent}`)
    }
  )
}

/** Sabotage: nobody passes on what others said of their claims. */
export const withoutRelaying: Wrap = (core, self) =>
  changing(core, effect => {
    if (effect.type !== 'say') return effect
    const { message } = effect
    if ((message.type === 'claim' || message.type === 'release') && message.claim.claimant !== self)
      return null
    if (message.type === 'bitfield')
      return {
        ...effect,
        message: { ...message, claims: message.claims.filter(claim => claim.claimant === self) }
      }
    return effect
  })
