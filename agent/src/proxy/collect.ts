/**
 * An upstream's answer that is to be kept while it goes to the client that caused it. Its bytes are gathered at the line's pace,
 * whether or not that client goes on reading, because others may wait for them; it is small, so memory is bounded. What turns
 * out larger than allowed goes on to the client as it comes, and is not kept.
 */
import type { Bytes } from '@starling/shared/units.ts'
import type { UpstreamResponse } from '../ports.ts'

export interface Collecting {
  /** The same answer, for the client. */
  readonly response: UpstreamResponse
  /** The whole body, or why there is none. Never rejects. */
  readonly whole: Promise<Uint8Array | 'too-large' | 'broken'>
}

/** @param signal aborted when nobody is left who wants it: the origin is stopped then */
export function collect(response: UpstreamResponse, bytesMax: Bytes, signal: AbortSignal): Collecting {
  const source = response.body[Symbol.asyncIterator]()
  const parts: Uint8Array[] = []
  let bytes: Bytes = 0
  let state: 'gathering' | 'whole' | 'too-large' | { readonly broken: unknown } = 'gathering'
  let clientIsGone = false
  let wake = (): void => {}
  const whole = gather()

  async function gather(): Promise<Uint8Array | 'too-large' | 'broken'> {
    const stop = (): void => response.cancel()
    signal.addEventListener('abort', stop, { once: true })
    try {
      signal.throwIfAborted()
      while (bytes <= bytesMax) {
        const next = await source.next()
        if (next.done === true) {
          state = 'whole'
          return Buffer.concat(parts)
        }
        parts.push(next.value)
        bytes += next.value.length
        wake()
      }
      state = 'too-large'
      if (clientIsGone) response.cancel()
      return state
    } catch (error) {
      state = { broken: error }
      response.cancel()
      return 'broken'
    } finally {
      signal.removeEventListener('abort', stop)
      wake()
    }
  }

  async function* forClient(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let index = 0; ;) {
      const part = parts[index++]
      if (part !== undefined) {
        yield part
        // What is too large is not kept, so what was handed on need not stay.
        if (state === 'too-large') parts[index - 1] = new Uint8Array()
      } else if (state === 'gathering') {
        index--
        await new Promise<void>(resolve => (wake = resolve))
      } else if (state === 'whole') return
      else if (state === 'too-large') return yield* { [Symbol.asyncIterator]: () => source }
      else throw state.broken
    }
  }

  return {
    response: {
      ...response,
      body: forClient(),
      cancel: () => {
        clientIsGone = true
        if (state === 'too-large') response.cancel()
      }
    },
    whole
  }
}
