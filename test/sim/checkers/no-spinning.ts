import type { Checker } from './checker.ts'

/** Rounding may cost one more wake now and then; a core that asks for the past again and again spins. */
const idleWakesMax = 100

export const noSpinning: Checker = {
  name: 'no-spinning',
  promise: 'a core that is woken does what was due, or says when it is due',
  check: ({ play }) =>
    [...play.agents, ...play.gateways]
      .filter(agent => agent.idleWakes > idleWakesMax)
      .map(agent => `${agent.id} was woken ${agent.idleWakes} times for nothing`)
}
