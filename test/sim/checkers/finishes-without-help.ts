import { honest, type Checker } from './checker.ts'

export const finishesWithoutHelp: Checker = {
  name: 'finishes-without-help',
  promise: 'agents finish without coordinator, without gateway, without peers',
  check: outcome => {
    const { play } = outcome
    const helpless = play.gateways.every(gateway => !gateway.alive) && play.coordinator?.down !== false
    if (!helpless) return []
    return honest(outcome)
      .filter(agent => agent.alive && !agent.completedAt.has(play.content.transfer))
      .map(agent => `${agent.id} had neither gateway nor coordinator and never finished`)
  }
}
