/**
 * `/api/v1/events`: the whole status as a server-sent event whenever it changes, at most four times a second; with
 * `?transfer=ID` also where that one's chunks came from.
 *
 * Whole snapshots, not differences: a listener that reconnects after a restart is right with its first event, and there is
 * nothing to resume. With no listener nothing is subscribed, timed or computed. A listener that reads too slowly misses
 * snapshots instead of filling memory.
 */
import type { ServerResponse } from 'node:http'
import type { TransferId } from '@starling/shared/ids.ts'
import { KiB, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'

export interface EventsTunables {
  /** People do not see more than four steps a second in a moving bar. */
  readonly intervalMs: Millis
  /** A comment so often, so that a vanished listener is noticed by the failing write. */
  readonly heartbeatMs: Millis
  /** A browser opens six connections to a host at the most; this is five of them. */
  readonly listenersMax: number
  /** Above this the listener is not keeping up; a snapshot has a few tens of KiB. */
  readonly backlogBytesMax: Bytes
}

export const eventsDefaults: EventsTunables = {
  intervalMs: 250,
  heartbeatMs: 15 * secondMs,
  listenersMax: 30,
  backlogBytesMax: 512 * KiB
}

export interface EventsSource {
  /** The data of the next event, one line of JSON. */
  snapshot(): Promise<string>
  /** Of the event with a transfer's chunks; null: it is not here (any more). */
  chunks(transfer: TransferId): string | null
  onChange(listener: () => void): () => void
}

export interface Events {
  /**
   * @param shown the transfers whose chunks it is told
   * @returns false when there are too many listeners already
   */
  add(response: ServerResponse, shown: readonly TransferId[]): boolean
  readonly listeners: number
  stop(): void
}

export function createEvents(source: EventsSource, tunables: EventsTunables = eventsDefaults): Events {
  /** With the transfers that each looks into. */
  const listeners = new Map<ServerResponse, readonly TransferId[]>()
  /** Those who do not keep up, until they have read what they were sent: a tab that is frozen may not for hours. */
  const slow = new WeakSet<ServerResponse>()
  let unsubscribe: (() => void) | null = null
  let heartbeat: NodeJS.Timeout | undefined
  let timer: NodeJS.Timeout | undefined
  let sentAt = 0
  let sending = false
  let changedWhileSending = false

  function changed(): void {
    if (sending) changedWhileSending = true
    if (sending || timer !== undefined || listeners.size === 0) return
    const waitMs = Math.max(0, sentAt + tunables.intervalMs - performance.now())
    timer = setTimeout(() => {
      timer = undefined
      void sendToAll()
    }, waitMs)
  }

  async function sendToAll(): Promise<void> {
    sending = true
    sentAt = performance.now()
    try {
      const event = frame('status', await source.snapshot())
      const maps = new Map<TransferId, string>()
      for (const shown of new Set([...listeners.values()].flat())) {
        const chunks = source.chunks(shown)
        if (chunks !== null) maps.set(shown, frame('chunks', chunks))
      }
      for (const [response, shown] of listeners) {
        const more = shown.map(transfer => maps.get(transfer) ?? '').join('')
        if (response.writableLength <= tunables.backlogBytesMax) response.write(event + more)
        else wait(response)
      }
    } catch {
      // The agent is stopping; the connections end with it.
    }
    sending = false
    if (!changedWhileSending) return
    changedWhileSending = false
    changed()
  }

  function wait(response: ServerResponse): void {
    if (slow.has(response)) return
    slow.add(response)
    response.once('drain', () => {
      slow.delete(response)
      changed()
    })
  }

  function begin(): void {
    unsubscribe = source.onChange(changed)
    heartbeat = setInterval(() => {
      for (const response of listeners.keys()) response.write(':\n\n')
    }, tunables.heartbeatMs)
  }

  function end(): void {
    unsubscribe?.()
    unsubscribe = null
    clearInterval(heartbeat)
    clearTimeout(timer)
    timer = undefined
  }

  return {
    get listeners() {
      return listeners.size
    },
    add(response, shown) {
      if (listeners.size >= tunables.listenersMax) return false
      listeners.set(response, shown)
      if (listeners.size === 1) begin()
      response.once('close', () => {
        if (listeners.delete(response) && listeners.size === 0) end()
      })
      // A restart should be over in a second; the browser tries again by itself for ever.
      response.write('retry: 1000\n\n')
      changed()
      return true
    },
    stop() {
      for (const response of listeners.keys()) response.end()
      listeners.clear()
      end()
    }
  }
}

/** JSON has no line break, so one `data` line is enough. */
const frame = (name: 'status' | 'chunks', json: string) => `event: ${name}\ndata: ${json}\n\n`
