/**
 * How long the parts of a request take with one server: name, connection, TLS, first byte, all of it. The first three are
 * noted once for each connection that is made, the others for each answer: a kept connection costs none of the former.
 * Buckets for dashboards, the last few first bytes for deciding when to ask somebody else as well.
 */
import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'
import type { Millis } from '@starling/shared/units.ts'
import type { UpstreamPhase, UpstreamPhaseView } from '../ports.ts'
import { firstBytesKept } from './limits.ts'

const phases: readonly UpstreamPhase[] = ['dns', 'connect', 'tls', 'first-byte', 'total']
/** From a LAN's handshake to the longest that anybody waits. */
const boundsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export interface Timings {
  note(phase: UpstreamPhase, ms: Millis): void
  /** Of the last first bytes; null: there were none. */
  firstByteMs(quantile: number): Millis | null
  view(): Readonly<Record<UpstreamPhase, UpstreamPhaseView>>
}

export function createTimings(): Timings {
  const counts = new Map(
    phases.map(phase => [phase, { sumSeconds: 0, count: 0, within: boundsSeconds.map(() => 0) }])
  )
  const recent: Millis[] = []
  return {
    note(phase, ms) {
      const seconds = Math.max(0, ms) / 1000
      const one = counts.get(phase)!
      one.count++
      one.sumSeconds += seconds
      const at = boundsSeconds.findIndex(bound => seconds <= bound)
      if (at >= 0) one.within[at]!++
      if (phase !== 'first-byte') return
      recent.push(ms)
      if (recent.length > firstBytesKept) recent.shift()
    },
    firstByteMs(quantile) {
      const sorted = recent.toSorted((a, b) => a - b)
      return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? null
    },
    view() {
      const viewOf = (phase: UpstreamPhase): UpstreamPhaseView => {
        const { count, sumSeconds, within } = counts.get(phase)!
        let upTo = 0
        return {
          count,
          sumSeconds,
          buckets: boundsSeconds.map((bound, at) => [bound, (upTo += within[at]!)] as const)
        }
      }
      return {
        dns: viewOf('dns'),
        connect: viewOf('connect'),
        tls: viewOf('tls'),
        'first-byte': viewOf('first-byte'),
        total: viewOf('total')
      }
    }
  }
}

/** A connector that notes how long its connections took to make. */
export function timed(connect: buildConnector.connector, timings: Timings): buildConnector.connector {
  return (options, done) => timeSocket(connect(options, done) as unknown as Socket, timings)
}

/** A socket that is just about to connect. */
export function timeSocket<Connecting extends Socket>(socket: Connecting, timings: Timings): Connecting {
  let at = performance.now()
  const note = (phase: UpstreamPhase) => (): void => {
    const now = performance.now()
    timings.note(phase, now - at)
    at = now
  }
  socket.once('lookup', note('dns'))
  socket.once('connect', note('connect'))
  socket.once('secureConnect', note('tls'))
  return socket
}
