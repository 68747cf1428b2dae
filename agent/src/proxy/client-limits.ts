/**
 * What one client may take, so that none is in the way of another, pure: handed the time and told what happens, it says who
 * is refused and for how long. A client is an address. (Not a /64 of IPv6: that is a whole LAN here, and not one machine.)
 *
 * What has begun is finished: a download that is cut at 99 % is fetched again and costs the line twice. So the bytes of a day
 * are compared when something begins. Only tunnels, which may never end, are ended when they are used up.
 */
import type { ClientLimits } from '@starling/shared/policy/access.ts'
import { secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'

export interface Refusal {
  readonly rule: 'requests' | 'requests-at-once' | 'connections' | 'bytes-per-day'
  readonly text: string
  readonly retryAfterMs: Millis
}

/** Bytes of each client on one day, as they are kept over a restart. */
export interface DayBytes {
  /** `2026-11-26` */
  readonly day: string
  readonly clients: ReadonlyArray<readonly [client: string, bytes: Bytes]>
}

export interface LimitsOfClients {
  /** Null: it may stay, and is to be told of by `disconnected`. */
  connected(client: string, now: Millis): Refusal | null
  disconnected(client: string): void
  /** Null: it is answered, and its end is to be told by `ended`. */
  asked(client: string, now: Millis): Refusal | null
  ended(client: string): void
  moved(client: string, bytes: Bytes, now: Millis): void
  isUsedUp(client: string, now: Millis): boolean
  dayBytes(now: Millis): DayBytes
  /** From now on these hold; what has begun is counted on. */
  follow(limits: ClientLimits): void
}

interface Client {
  connections: number
  requests: number
  tokens: number
  filledAt: Millis
  bytes: Bytes
}

/** Above the connections that there can be at once, so that no client is forgotten while it is connected. */
export const clientsMax = 4096

/**
 * @param first what holds until `follow`
 * @param dayOf the day that a moment is on, and the moment at which the next one begins
 * @param before as `dayBytes` told them
 */
export function createClientLimits(
  first: ClientLimits,
  dayOf: (now: Millis) => { readonly day: string; readonly endsAt: Millis },
  before: DayBytes | null = null
): LimitsOfClients {
  /** The one that was heard of longest ago is the first. */
  const clients = new Map<string, Client>()
  let limits = first
  let day = before?.day ?? ''
  for (const [name, bytes] of before?.clients ?? []) clientOf(name, 0).bytes = bytes

  function clientOf(name: string, now: Millis): Client {
    const known = clients.get(name)
    const client = known ?? {
      connections: 0,
      requests: 0,
      tokens: limits.requestBurst,
      filledAt: now,
      bytes: 0
    }
    clients.delete(name)
    clients.set(name, client)
    if (known === undefined && clients.size > clientsMax) forgetOne()
    return client
  }

  function forgetOne(): void {
    for (const [name, { connections, requests }] of clients) {
      if (connections > 0 || requests > 0) continue
      clients.delete(name)
      return
    }
  }

  function turnDay(now: Millis): Millis {
    const today = dayOf(now)
    if (today.day !== day) for (const client of clients.values()) client.bytes = 0
    day = today.day
    return today.endsAt
  }

  function overQuota(client: Client, now: Millis): Refusal | null {
    if (limits.bytesPerDay === 0) return null
    const endsAt = turnDay(now)
    if (client.bytes < limits.bytesPerDay) return null
    return {
      rule: 'bytes-per-day',
      text: `this client has had its ${limits.bytesPerDay} bytes for today (proxy.limits.bytesPerDay): come back tomorrow`,
      retryAfterMs: endsAt - now
    }
  }

  function overRate(client: Client, now: Millis): Refusal | null {
    const { requestsPerSecond, requestBurst } = limits
    if (requestsPerSecond === 0) return null
    // A clock that is set back must not stop the filling for ever.
    const passedMs = Math.max(0, now - client.filledAt)
    client.tokens = Math.min(requestBurst, client.tokens + (passedMs * requestsPerSecond) / secondMs)
    client.filledAt = now
    if (client.tokens >= 1) {
      client.tokens--
      return null
    }
    return {
      rule: 'requests',
      text: `more than ${requestsPerSecond} requests a second from this client (proxy.limits.requestsPerSecond): slow down`,
      retryAfterMs: ((1 - client.tokens) * secondMs) / requestsPerSecond
    }
  }

  return {
    connected(name, now) {
      const client = clientOf(name, now)
      if (limits.connections > 0 && client.connections >= limits.connections) {
        return {
          rule: 'connections',
          text: `this client holds ${limits.connections} connections already (proxy.limits.connections): close some`,
          retryAfterMs: secondMs
        }
      }
      client.connections++
      return null
    },
    disconnected(name) {
      const client = clients.get(name)
      if (client !== undefined) client.connections--
    },
    asked(name, now) {
      const client = clientOf(name, now)
      if (limits.requestsAtOnce > 0 && client.requests >= limits.requestsAtOnce) {
        return {
          rule: 'requests-at-once',
          text: `${limits.requestsAtOnce} requests of this client are being answered (proxy.limits.requestsAtOnce): wait for some of them`,
          retryAfterMs: secondMs
        }
      }
      const refusal = overQuota(client, now) ?? overRate(client, now)
      if (refusal === null) client.requests++
      return refusal
    },
    ended(name) {
      const client = clients.get(name)
      if (client !== undefined) client.requests--
    },
    moved(name, bytes, now) {
      turnDay(now)
      clientOf(name, now).bytes += bytes
    },
    isUsedUp: (name, now) => overQuota(clientOf(name, now), now) !== null,
    dayBytes(now) {
      turnDay(now)
      return {
        day,
        clients: [...clients].filter(([, { bytes }]) => bytes > 0).map(([name, { bytes }]) => [name, bytes])
      }
    },
    follow(next) {
      // Who has not used up any of the burst has all of the new one.
      const more = Math.max(0, next.requestBurst - limits.requestBurst)
      for (const client of clients.values()) client.tokens = Math.min(next.requestBurst, client.tokens + more)
      limits = next
    }
  }
}

/** By the clock on the wall of this machine, which is the one that people mean by a day. */
export function localDay(now: Millis): { day: string; endsAt: Millis } {
  const date = new Date(now)
  const two = (value: number): string => String(value).padStart(2, '0')
  return {
    day: `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    endsAt: new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime()
  }
}

/** What was remembered, if it is of the shape that it should have. */
export function dayBytesOf(kept: unknown): DayBytes | null {
  const { day, clients } = (kept ?? {}) as { day?: unknown; clients?: unknown }
  if (typeof day !== 'string' || !Array.isArray(clients)) return null
  return {
    day,
    clients: clients.filter(
      (one): one is [string, Bytes] =>
        Array.isArray(one) && typeof one[0] === 'string' && typeof one[1] === 'number'
    )
  }
}
