/**
 * An agent's wish to be stopped and made anew, since it belongs to another site. It is granted when the wish has lasted, when the agent has
 * had some time since it was made anew the last time (a laptop on its way through a building), and when no client is being served, which is
 * waited for only so long: a client whose download is cut goes on where it was.
 */
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'

export interface AnewWish {
  readonly why: string
  /** How long it must be so. */
  readonly afterMs: Millis
}

export interface AnewRequest {
  /** Null: not any more. */
  readonly ask: (wish: AnewWish | null) => void
  /** Why, once it is granted. */
  readonly granted: Promise<string>
  isGranted(): boolean
  end(): void
}

export const anewEveryMs: Millis = 5 * minuteMs
const clientsMsMax: Millis = 5 * minuteMs
const lookForClientsMs: Millis = 2 * secondMs

export function anewRequest({
  notBefore,
  isBusy
}: {
  /** As `performance.now()` has it. */
  readonly notBefore: Millis
  /** Whether a client is being served. */
  readonly isBusy: () => Promise<boolean>
}): AnewRequest {
  const { promise, resolve } = Promise.withResolvers<string>()
  let pending: { readonly why: string; readonly given: AbortController } | null = null
  let ended = false
  let granted = false

  async function wait({ why, afterMs }: AnewWish, signal: AbortSignal): Promise<void> {
    await rest(Math.max(afterMs, notBefore - performance.now()), signal)
    const latest = performance.now() + clientsMsMax
    while ((await isBusy()) && performance.now() < latest) await rest(lookForClientsMs, signal)
    signal.throwIfAborted()
    granted = true
    resolve(why)
  }

  return {
    ask(wish) {
      if (ended || wish?.why === pending?.why) return
      pending?.given.abort()
      pending = wish === null ? null : { why: wish.why, given: new AbortController() }
      // It ends in an error only when it was taken back.
      if (wish !== null && pending !== null) wait(wish, pending.given.signal).catch(() => {})
    },
    granted: promise,
    isGranted: () => granted,
    end() {
      ended = true
      pending?.given.abort()
    }
  }
}

async function rest(ms: Millis, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const stop = () => {
    clearTimeout(timer)
    reject(new Error('taken back'))
  }
  signal.addEventListener('abort', stop)
  try {
    await promise
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
