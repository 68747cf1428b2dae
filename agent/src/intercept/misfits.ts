/**
 * Which clients get a plain tunnel to which hosts, although the host is listed: those that do not take our certificate,
 * because they pin the host's own or were never given our CA, and those that speak what we cannot hand on. Remembered by
 * client and host: one machine without our CA must not cost the others what interception saves.
 *
 * Some clients say by an alert that they do not like a certificate. Others just leave, after the handshake and without a word,
 * as browsers also leave connections that they did not need: so that counts only when it happens twice in a row.
 */
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { Millis } from '@starling/shared/units.ts'
import type { TunnelledRequest, TunnelledView } from '../ports.ts'
import { misfitRestMs, misfitsMax, silentEndsMax } from './limits.ts'

export interface Place {
  /** In lower case. */
  readonly host: string
  readonly port: number
  /** Address; empty: unknown. */
  readonly client: string
}

export interface Misfits {
  has(place: Place): boolean
  add(place: Place, why: string, restMs?: Millis): void
  /** The client has gone after the handshake, or in it, without a word. @returns whether that makes it a misfit */
  leftSilently(place: Place): boolean
  /** It has spoken: it takes our certificate. */
  spoke(place: Place): void
  list(): readonly TunnelledView[]
  /** They are tried again at once. @returns how many there were */
  forget(which: TunnelledRequest): number
}

const kept = z.array(
  z.object({ host: z.string(), port: z.number(), client: z.string(), why: z.string(), until: z.number() })
)

/** @param remembered what `list` gave before a restart, in any shape */
export function createMisfits(clock: () => Millis, remembered: unknown): Misfits {
  const misfits = new LRUCache<string, TunnelledView>({ max: misfitsMax })
  const silences = new LRUCache<string, number>({ max: misfitsMax })
  const keyOf = ({ host, port, client }: Place): string => `${client} ${host}:${port}`
  for (const one of (kept.safeParse(remembered).data ?? []).toReversed()) misfits.set(keyOf(one), one)

  function has(place: Place): boolean {
    const found = misfits.get(keyOf(place))
    if (found === undefined) return false
    if (found.until > clock()) return true
    misfits.delete(keyOf(place))
    return false
  }

  function add({ host, port, client }: Place, why: string, restMs = misfitRestMs): void {
    misfits.set(keyOf({ host, port, client }), { host, port, client, why, until: clock() + restMs })
  }

  const list = (): TunnelledView[] => [...misfits.values()].filter(({ until }) => until > clock())

  return {
    has,
    add,
    leftSilently(place) {
      const times = (silences.get(keyOf(place)) ?? 0) + 1
      silences.set(keyOf(place), times)
      if (times < silentEndsMax) return false
      silences.delete(keyOf(place))
      add(place, 'the client leaves without a word once it has seen our certificate')
      return true
    },
    spoke: place => void silences.delete(keyOf(place)),
    list,
    forget({ host, client }) {
      const gone = list().filter(
        one => (host === undefined || one.host === host) && (client === undefined || one.client === client)
      )
      for (const one of gone) misfits.delete(keyOf(one))
      // Half a sign from before the CA was deployed is none either.
      silences.clear()
      return gone.length
    }
  }
}
