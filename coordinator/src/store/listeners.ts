/** Who listens to what in this process. A handler that throws is a bug of its own and keeps nobody else from hearing. */
import { assert, messageOf } from '@starling/shared/errors.ts'
import type { Log } from '../log.ts'

export type Handler = (payload: string | null) => void

export class Listeners {
  readonly #channels = new Map<string, Set<Handler>>()
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  /** @returns how to take it away again */
  add(channel: string, handler: Handler): () => void {
    assert(
      /^[a-z][a-z-]{0,40}$/.test(channel),
      `"${channel}" is a short word, as the name of a channel should be`
    )
    // Of its own, so that a handler that was added twice is told twice and taken away once.
    const own: Handler = payload => {
      handler(payload)
    }
    const handlers = this.#channels.get(channel) ?? new Set()
    this.#channels.set(channel, handlers.add(own))
    return () => {
      handlers.delete(own)
    }
  }

  channels(): string[] {
    return [...this.#channels.keys()]
  }

  tell(channel: string, payload: string | null): void {
    for (const handler of this.#channels.get(channel) ?? []) this.#call(channel, handler, payload)
  }

  /** Tells a handler that came later that it hears from now on. */
  welcome(channel: string, handler: Handler): void {
    setImmediate(() => {
      this.#call(channel, handler, null)
    })
  }

  #call(channel: string, handler: Handler, payload: string | null): void {
    try {
      handler(payload)
    } catch (error) {
      this.#log.error({ channel, why: messageOf(error) }, 'a listener failed')
    }
  }
}
