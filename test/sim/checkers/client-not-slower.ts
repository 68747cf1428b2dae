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
    const allowedMs = play.lowerBoundMs * timesMax + startMs + allowances(outcome).ms
    return honest(outcome).flatMap(agent => {
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
