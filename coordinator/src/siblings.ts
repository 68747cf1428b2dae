/**
 * The coordinators of the fleet as agents are told of them: this one first, so that who is served here stays, then those
 * that share its database, so that who loses this one knows where to go. One that has not been there for a day is told of
 * no more.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { CoordinatorAddress } from '@starling/shared/coordinator-api.ts'
import { messageOf } from '@starling/shared/errors.ts'
import { dayMs, minuteMs, type Millis } from '@starling/shared/units.ts'
import type { Log } from './log.ts'
import type { CoordinatorsStore, Listen } from './ports.ts'

const sayEveryMs: Millis = 10 * minuteMs
const forgetAfterMs: Millis = dayMs
/** What a message to agents takes. */
const [coordinatorsMax, addressesMax] = [16, 8]

export interface Siblings {
  /** Never empty. */
  list(): readonly CoordinatorAddress[]
  stop(): void
}

export interface SiblingsParts {
  readonly self: CoordinatorAddress
  readonly store: CoordinatorsStore
  readonly listen: Listen
  readonly clock: () => Millis
  readonly log: Log
}

export function followSiblings({ self, store, listen, clock, log }: SiblingsParts): Siblings {
  const own = { ...self, addresses: self.addresses.slice(0, addressesMax) }
  let all: readonly CoordinatorAddress[] = [own]
  const stopped = new AbortController()

  async function read(): Promise<void> {
    try {
      const others = (await store.coordinators()).filter(({ id }) => id !== own.id)
      all = [own, ...others].slice(0, coordinatorsMax)
    } catch (error) {
      // When the database is back, we are told that something was missed.
      log.warn({ why: messageOf(error) }, 'could not read which coordinators there are')
    }
  }

  async function sayAgainAndAgain(): Promise<void> {
    while (!stopped.signal.aborted) {
      const now = Math.floor(clock())
      try {
        await store.sawCoordinator(own, now, now - forgetAfterMs)
      } catch (error) {
        log.warn({ why: messageOf(error) }, 'the other coordinators could not be told of this one')
      }
      await sleep(sayEveryMs, undefined, { signal: stopped.signal, ref: false }).catch(() => {})
    }
  }

  const unlisten = listen('coordinators', () => void read())
  void sayAgainAndAgain()
  return {
    list: () => all,
    stop() {
      stopped.abort()
      unlisten()
    }
  }
}
