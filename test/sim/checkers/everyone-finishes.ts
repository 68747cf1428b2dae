import { honest, type Checker } from './checker.ts'

export const everyoneFinishes: Checker = {
  name: 'everyone-finishes',
  promise: 'everyone finishes once faults stop',
  check: outcome =>
    honest(outcome)
      .filter(agent => agent.alive && !agent.completedAt.has(outcome.play.content.transfer))
      .map(agent => `${agent.id} never finished, although nothing went wrong any more`)
}
