/**
 * The time of one TCP handshake. The other side's kernel answers a SYN, so this is the way there and back with its queues,
 * whatever the server is busy with. Our own event loop is part of what is timed, so its lateness is told as well.
 */
import { connect, type TcpNetConnectOpts } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Millis } from '@starling/shared/units.ts'
import type { RoundTrip } from '../ports.ts'

/** A SYN that was lost is sent again after a second: what takes longer tells of that, and not of the way. */
const handshakeMsMax: Millis = 1000
/** The loop is looked at so often while a handshake is under way. */
const lookMs: Millis = 5
const nanosecondsPerMs = 1e6

/** @returns null when there was no answer in time */
export function timeHandshake(
  to: Pick<TcpNetConnectOpts, 'host' | 'port' | 'lookup' | 'signal'>
): Promise<RoundTrip | null> {
  const loop = monitorEventLoopDelay({ resolution: lookMs })
  loop.enable()
  return new Promise(resolve => {
    let startedAt = performance.now()
    let isOver = false
    const socket = connect(to)
    const over = (isAnswered: boolean): void => {
      if (isOver) return
      isOver = true
      const ms = performance.now() - startedAt
      // One that still connects would only note that it is to be reset.
      if (socket.connecting) socket.destroy()
      else socket.resetAndDestroy()
      // That the loop stood still just now is seen when its next look is late.
      setTimeout(() => {
        loop.disable()
        const lateMs = Math.min(ms, Math.max(0, loop.max / nanosecondsPerMs - lookMs))
        resolve(isAnswered ? { ms, lateMs } : null)
      }, 2 * lookMs)
    }
    // Without the time that the name took: each attempt is told when its SYN leaves.
    socket.on('connectionAttempt', () => (startedAt = performance.now()))
    socket.setTimeout(handshakeMsMax, () => over(false))
    socket.once('connect', () => over(true))
    // A refusal is an answer too, and as quick as any.
    socket.on('error', (error: NodeJS.ErrnoException) => over(error.code === 'ECONNREFUSED'))
  })
}
