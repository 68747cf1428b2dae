/**
 * One request on behalf of all who ask for the same at the same time. The first one leads, the others wait for what comes
 * of it, and are woken by it. What is under way goes on as long as anybody is left who wants it, whoever began it.
 */
import type { Kept } from './http-cache/kept.ts'

export type FlightEnd =
  /** This came; it answers those who waited, however soon it grows stale (RFC 9111, 4). */
  | { readonly kind: 'kept'; readonly kept: Kept }
  /** `shared`: the swarm has it. `own`: what came is for nobody else, ask yourself. `nothing`: let another lead. */
  | { readonly kind: 'shared' | 'own' | 'nothing' }

export interface Flight {
  /** Aborted when the last one who wants it goes away. */
  readonly signal: AbortSignal
  /** It began before its key was purged: what it brings must not be kept. */
  readonly isPurged: boolean
  /** Only the first call counts. */
  end(how: FlightEnd): void
  /** @throws the signal's reason, when it is aborted before the end */
  wait(signal: AbortSignal): Promise<FlightEnd>
}

/** What a flight is about. */
interface Subject {
  readonly key: string
  readonly contentClass: string
}

export interface Flights {
  get(key: string): Flight | undefined
  /**
   * Takes the place of one that may be under way: who waits for that goes on waiting for it.
   * @param leader aborted when the one who leads goes away
   */
  open(subject: Subject, leader: AbortSignal): Flight
  /** Nobody joins those that match any more. */
  purge(matches: (key: string, contentClass: string) => boolean): void
}

export function createFlights(): Flights {
  const joinable = new Map<string, Flight>()
  /** All that have not ended, those too whose place another has taken. */
  const open = new Map<Flight, Subject & { readonly purge: () => void }>()

  function close(key: string, flight: Flight): void {
    if (joinable.get(key) === flight) joinable.delete(key)
  }

  return {
    get: key => joinable.get(key),
    open(subject, leader) {
      const { key } = subject
      const { promise, resolve } = Promise.withResolvers<FlightEnd>()
      const nobodyLeft = new AbortController()
      const wanting = new Set<() => void>()
      let isPurged = false
      /** @returns what is to be called when he has got what he wanted */
      const want = (signal: AbortSignal, gone: () => void = () => {}): (() => void) => {
        const leave = (): void => {
          wanting.delete(leave)
          gone()
          if (wanting.size > 0) return
          close(key, flight)
          nobodyLeft.abort(signal.reason)
        }
        wanting.add(leave)
        if (signal.aborted) leave()
        else signal.addEventListener('abort', leave, { once: true })
        return () => {
          signal.removeEventListener('abort', leave)
          wanting.delete(leave)
        }
      }
      const flight: Flight = {
        signal: nobodyLeft.signal,
        get isPurged() {
          return isPurged
        },
        end(how) {
          open.delete(flight)
          close(key, flight)
          resolve(how)
        },
        async wait(signal) {
          signal.throwIfAborted()
          const gone = Promise.withResolvers<never>()
          const satisfied = want(signal, () => gone.reject(signal.reason))
          const end = await Promise.race([promise, gone.promise])
          satisfied()
          return end
        }
      }
      joinable.set(key, flight)
      open.set(flight, {
        ...subject,
        purge: () => {
          isPurged = true
          close(key, flight)
        }
      })
      want(leader)
      return flight
    },
    purge(matches) {
      for (const { key, contentClass, purge } of open.values()) if (matches(key, contentClass)) purge()
    }
  }
}
