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
  /** The whole body; null: it is too large, or broke off. Never rejects. */
  readonly whole: Promise<Uint8Array | null>
}

export function collect(response: UpstreamResponse, bytesMax: Bytes): Collecting {
  const source = response.body[Symbol.asyncIterator]()
  const parts: Uint8Array[] = []
  let bytes: Bytes = 0
  let state: 'gathering' | 'whole' | 'too-large' | { readonly broken: unknown } = 'gathering'
  let wake = (): void => {}
  const whole = gather()

  async function gather(): Promise<Uint8Array | null> {
    try {
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
    } catch (error) {
      state = { broken: error }
    } finally {
      wake()
    }
    return null
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
        if (state === 'too-large') response.cancel()
      }
    },
    whole
  }
}
