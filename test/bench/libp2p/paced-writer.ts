/**
 * Hands bytes to a libp2p stream no faster than they leave. `send` takes any amount, and `onDrain` is of no help:
 * its promise is made once and stays resolved after the first drain (that is how 253 MiB came to wait in a
 * sender's memory). So we look at the write buffer itself: a slice goes out only when the one before has left.
 *
 * When `sendPaced` has returned, libp2p holds none of the bytes any more: the caller may use the buffer again.
 */
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { Stream } from './host.ts'

export interface Pace {
  readonly sliceBytes: Bytes
  readonly quietMs: Millis
}

/**
 * @param handedOver called when the last slice was handed over, before it has left.
 * @returns how many bytes were handed over: fewer than given when the stream ended, or nothing left for `quietMs`
 * (the stream is aborted then).
 */
export async function sendPaced(
  stream: Stream,
  bytes: Uint8Array,
  pace: Pace,
  handedOver: () => void
): Promise<Bytes> {
  let sent = 0
  while (sent < bytes.length) {
    if (!(await drained(stream, pace.quietMs))) return sent
    const slice = bytes.subarray(sent, sent + pace.sliceBytes)
    sent += slice.length
    if (sent === bytes.length) handedOver()
    if (!tryToSend(stream, slice)) return sent - slice.length
  }
  await drained(stream, pace.quietMs)
  return sent
}

export function tryToSend(stream: Stream, bytes: Uint8Array): boolean {
  try {
    stream.send(bytes)
    return true
  } catch {
    return false
  }
}

/** @returns false when the stream is closed, or was aborted here because its bytes did not leave in time. */
function drained(stream: Stream, quietMs: Millis): Promise<boolean> | boolean {
  const isOpen = (): boolean => stream.status === 'open' && stream.writeStatus === 'writable'
  const isEmpty = (): boolean => stream.writeBufferLength === 0 && !stream.writableNeedsDrain
  if (!isOpen()) return false
  if (isEmpty()) return true
  return new Promise(resolve => {
    let before = stream.writeBufferLength
    const timer = setTimeout(() => stream.abort(new Error('the peer does not take its bytes')), quietMs)
    const look = (): void => {
      if (isOpen() && !isEmpty()) {
        // Part of it has left: the peer is slow, not gone.
        if (stream.writeBufferLength < before) timer.refresh()
        before = stream.writeBufferLength
        return
      }
      clearTimeout(timer)
      for (const event of events) stream.removeEventListener(event, look)
      resolve(isOpen())
    }
    for (const event of events) stream.addEventListener(event, look)
  })
}

const events = ['drain', 'idle', 'close'] as const
