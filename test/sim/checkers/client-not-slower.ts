import { secondMs, type Millis } from '@starling/shared/units.ts'
import { allowances, honest, type Checker } from './checker.ts'

/** Against one direct download alone on the idle line (or the LAN's own bound, where that is slower). */
const timesMax = 1.1
/** Peers are asked and the first answer comes: paid once. */
const startMs: Millis = secondMs

export const clientNotSlower: Checker = {
  name: 'client-not-slower',
  promise: 'a waiting client is never much slower than a direct download on an idle line',
  check: outcome => {
    const { play } = outcome
    const good = new Set(honest(outcome))
    const liars = play.agents.filter(agent => !good.has(agent))
    return [...good].flatMap(agent => {
      // The line is not idle while liars take for themselves what they give to nobody right, as in one-copy.
      const taken = liars.reduce(
        (sum, { site, fromUpstream }) => sum + (site === agent.site ? fromUpstream : 0),
        0
      )
      const allowedMs =
        play.lowerBoundMs * timesMax + startMs + allowances(outcome).ms + (taken * 1000) / play.options.wan
      if (agent.background) return []
      const askedAt = agent.askedAt.get(play.content.transfer)
      const completedAt = agent.completedAt.get(play.content.transfer)
      if (askedAt === undefined || completedAt === undefined || completedAt - askedAt <= allowedMs) return []
      return [
        `${agent.id} waited ${Math.round(completedAt - askedAt)} ms, ${Math.round(allowedMs)} were allowed`
      ]
    })
  }
}
