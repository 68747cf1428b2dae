/** How what was started is stopped again: in reverse, and to the end, whatever one of the parts has to say. */
import { messageOf } from '@starling/shared/errors.ts'
import type { Log } from './log.ts'

type Step = () => Promise<unknown> | void

export interface Stops {
  push(step: Step): void
  /** Nothing is left to be stopped then. Never rejects. */
  stop(): Promise<void>
}

export function createStops(log: Log): Stops {
  const steps: Step[] = []
  return {
    push(step) {
      steps.push(step)
    },
    async stop() {
      for (const step of steps.splice(0).reverse()) {
        try {
          await step()
        } catch (error) {
          log.error({ problem: messageOf(error) }, 'a part did not stop as it should')
        }
      }
    }
  }
}
