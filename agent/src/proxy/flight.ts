/**
 * One request on behalf of all who ask for the same at the same time. The first one leads, the others wait for what comes
 * of it, and are woken by it.
 */

/**
 * `kept`: look into the cache. `shared`: the swarm has it. `own`: what came is for nobody else, ask yourself. `again`: nothing came of
 * it, let another lead.
 */
export type FlightEnd = 'kept' | 'shared' | 'own' | 'again'

export interface Flight {
  /** How many wait. */
  readonly waiting: number
  /** Only the first call counts. */
  end(how: FlightEnd): void
  /** @throws the signal's reason, when it is aborted before the end */
  wait(signal: AbortSignal): Promise<FlightEnd>
}

export interface Flights {
  get(key: string): Flight | undefined
  /** Takes the place of one that may be under way: who waits for that goes on waiting for it. */
  open(key: string): Flight
}

export function createFlights(): Flights {
  const flights = new Map<string, Flight>()
  return {
    get: key => flights.get(key),
    open(key) {
      const { promise, resolve } = Promise.withResolvers<FlightEnd>()
      let waiting = 0
      const flight: Flight = {
        get waiting() {
          return waiting
        },
        end(how) {
          if (flights.get(key) === flight) flights.delete(key)
          resolve(how)
        },
        async wait(signal) {
          signal.throwIfAborted()
          waiting++
          const gone = Promise.withResolvers<never>()
          const abort = (): void => gone.reject(signal.reason)
          signal.addEventListener('abort', abort, { once: true })
          try {
            return await Promise.race([promise, gone.promise])
          } finally {
            signal.removeEventListener('abort', abort)
            waiting--
          }
        }
      }
      flights.set(key, flight)
      return flight
    }
  }
}
