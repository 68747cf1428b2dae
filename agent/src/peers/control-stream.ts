/**
 * One control stream: messages in and out over a libp2p stream, with the peer's patience and ours bounded. It
 * knows nothing of who may speak; links.ts does.
 *
 * Messages are handed on inside the stream's own event, so nothing queues up on our side; what the peer does
 * not read queues in the stream's write buffer, which is looked at before each write.
 *
 * What is written within one turn of the event loop leaves as one piece: digests, haves and claims mostly come together,
 * and a packet costs both machines far more than the bytes in it.
 */
import type { Stream } from '@libp2p/interface'
import { codeOf } from '@starling/shared/errors.ts'
import { decodeMessage, encodeMessage, frameBytesMax, type Message } from '@starling/shared/wire.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import { createFrameReader, framed } from './frames.ts'
import type { PeersLimits } from './limits.ts'
import { tellWindowRarely } from './thrifty-window.ts'

export interface ControlStream {
  /** `frame` as made by `encodeFrame`. Never throws; a peer that does not read is hung up as `too-slow`. */
  write(frame: Uint8Array): void
  /** Says `bye` and ends; `ended` is called with `by: 'us'`. */
  close(reason: string): void
}

export interface ControlHandlers {
  /** Null for a message of a type we do not know. */
  message(message: Message | null): void
  /** Called once; nothing comes after it. */
  ended(by: 'us' | 'them', reason: string): void
  /** What made us close, for the log: a bad frame, or a bug of ours. */
  failed(error: unknown): void
}

/** @throws StarlingError `frame-too-long` */
export function encodeFrame(message: Message): Uint8Array {
  return framed(encodeMessage(message))
}

export function createControlStream(
  stream: Stream,
  handlers: ControlHandlers,
  limits: PeersLimits
): ControlStream {
  let over = false
  const waiting: Uint8Array[] = []
  let waitingBytes = 0
  let flushing: NodeJS.Immediate | undefined
  const mayGoOn = createMeter(limits.framesPerSecond, limits.framesAtOnce)
  tellWindowRarely(stream)

  function end(by: 'us' | 'them', reason: string): void {
    if (over) return
    over = true
    clearImmediate(flushing)
    handlers.ended(by, reason)
  }

  /** @throws what the stream throws when it is closed */
  function flush(): void {
    flushing = undefined
    waitingBytes = 0
    stream.send(waiting.length === 1 ? waiting.pop()! : Buffer.concat(waiting.splice(0)))
  }

  function close(reason: string): void {
    if (over) return
    waiting.push(encodeFrame({ type: 'bye', reason }))
    try {
      flush()
    } catch {
      // It is closed already: there is nobody left to say bye to.
    }
    end('us', reason)
  }

  const read = createFrameReader(frameBytesMax, frame => {
    if (over) return
    if (!mayGoOn(Date.now())) return close('flood')
    const message = decodeMessage(frame)
    if (message?.type === 'bye') return end('them', message.reason)
    handlers.message(message)
  })

  // A listener that throws would end the process: libp2p's events are EventTarget's.
  stream.addEventListener('message', ({ data }) => {
    try {
      for (const piece of data instanceof Uint8Array ? [data] : data) {
        if (over) return
        read(piece)
      }
    } catch (error) {
      close(codeOf(error) === 'bad-frame' ? 'bad-frame' : 'internal-error')
      handlers.failed(error)
    }
  })
  stream.addEventListener('close', () => end('them', 'closed'))
  stream.addEventListener('remoteCloseWrite', () => end('them', 'closed'))

  return {
    close,
    write(frame) {
      if (over) return
      waitingBytes += frame.length
      if (stream.writeBufferLength + waitingBytes > limits.pendingWriteBytes) return close('too-slow')
      waiting.push(frame)
      flushing ??= setImmediate(() => {
        try {
          flush()
        } catch {
          end('them', 'closed')
        }
      })
    }
  }
}

/** A token bucket: `rate` a second, `burst` at once. */
function createMeter(rate: number, burst: number): (now: Millis) => boolean {
  let tokens = burst
  let filledAt = Date.now()
  return now => {
    tokens = Math.min(burst, tokens + (Math.max(0, now - filledAt) * rate) / secondMs)
    filledAt = now
    if (tokens < 1) return false
    tokens--
    return true
  }
}
