/**
 * A brake on guessing: a caller may fail a few times, then one failure is forgiven every few seconds. Only
 * failures cost, so that a site of 500 machines behind one address enrols as fast as it likes. Callers are
 * counted by IPv4 address or IPv6 /64, the smallest thing that is one customer's.
 */
import { isIPv6 } from 'node:net'
import { secondMs, type Millis } from '@starling/shared/units.ts'

/** Ten typos in a row are a person; more are a program. */
const failuresMax = 10
const forgivenEveryMs: Millis = 6 * secondMs
/** Many that are under way at once all fail: who shares the address must not wait for hours. */
const countedMax = 2 * failuresMax
/** Beyond this the oldest are forgotten: a flood of addresses must not fill the memory (100 bytes each). */
const callersMax = 10_000

export interface FailureBrake {
  /** How long this caller has to wait; 0 if it may try. */
  waitMs(address: string): Millis
  failed(address: string): void
}

export function createFailureBrake(clock: () => Millis): FailureBrake {
  /** When a caller's failures will all be forgiven. */
  const forgivenAt = new Map<string, Millis>()

  const waitMs = (address: string): Millis => {
    const debtMs = (forgivenAt.get(callerOf(address)) ?? 0) - clock()
    return Math.max(0, debtMs - (failuresMax - 1) * forgivenEveryMs)
  }
  return {
    waitMs,
    failed(address) {
      const caller = callerOf(address)
      const now = clock()
      const next = Math.min(
        Math.max(now, forgivenAt.get(caller) ?? 0) + forgivenEveryMs,
        now + countedMax * forgivenEveryMs
      )
      forgivenAt.delete(caller)
      forgivenAt.set(caller, next)
      if (forgivenAt.size <= callersMax) return
      for (const oldest of forgivenAt.keys()) {
        forgivenAt.delete(oldest)
        return
      }
    }
  }
}

function callerOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('::')
  const groups = head.split(':').filter(group => group !== '')
  if (tail !== undefined) {
    const after = tail.split(':').filter(group => group !== '')
    while (groups.length + after.length < 8) groups.push('0')
    groups.push(...after)
  }
  return groups.slice(0, 4).join(':')
}
