import { strikesForBan } from '@starling/agent/core/limits.ts'
import { honest, isLiar, type Checker } from './checker.ts'

/** Requests that were under way when the second strike fell still arrive: at most those in flight to one peer. */
const inFlight = 3

export const liarHarmless: Checker = {
  name: 'liar-harmless',
  promise: 'a lying peer is avoided, and harms nobody',
  check: outcome => {
    const { play, natures } = outcome
    const liars = play.agents.filter(agent => agent.lies).length
    const others = honest(outcome)
    const allowed = liars * (strikesForBan + inFlight)
    const broken = others
      .filter(agent => agent.corruptReceived > allowed)
      .map(
        agent =>
          `${agent.id} took wrong chunks ${agent.corruptReceived} times from ${liars} liars, ${allowed} were allowed`
      )
    if (liars === 0 && !natures.some(({ what }) => isLiar(what))) return broken
    for (const agent of others) {
      if (agent.alive && !agent.completedAt.has(play.content.transfer))
        broken.push(`${agent.id} never finished among liars`)
    }
    return broken
  }
}
