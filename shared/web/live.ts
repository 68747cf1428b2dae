/**
 * Server-sent events that survive a restart. The browser tries again by itself while the connection only breaks; after a
 * refusal for good (another program took the port, the session ended) it gives up, so we ask again, slowly.
 */
import { useEffect, useRef, useState } from 'preact/hooks'

export type LiveState = 'waiting' | 'live' | 'lost'

const reopenMs = 5000
/** Streams end now and then (the coordinator's every minute) and are open again a second later: that is no loss. */
const lostAfterMs = 4000

/**
 * Calls `take` with each event's data, parsed, and its name.
 * @param url null: do not listen
 */
export function useEvents(
  url: string | null,
  names: string | readonly string[],
  take: (data: unknown, name: string) => void
): LiveState {
  const [state, setState] = useState<LiveState>('waiting')
  const taker = useRef(take)
  taker.current = take
  const listed = [names].flat().join(' ')
  useEffect(() => {
    if (url === null) return undefined
    let source: EventSource
    let timer: ReturnType<typeof setTimeout> | undefined
    let lost: ReturnType<typeof setTimeout> | undefined
    const heard = () => {
      clearTimeout(lost)
      lost = undefined
      setState('live')
    }
    const open = () => {
      source = new EventSource(url)
      for (const name of listed.split(' '))
        source.addEventListener(name, event => {
          heard()
          taker.current(JSON.parse(event.data as string), name)
        })
      source.addEventListener('open', heard)
      source.addEventListener('error', () => {
        lost ??= setTimeout(() => setState('lost'), lostAfterMs)
        if (source.readyState !== EventSource.CLOSED) return
        source.close()
        timer = setTimeout(open, reopenMs)
      })
    }
    open()
    return () => {
      clearTimeout(timer)
      clearTimeout(lost)
      source.close()
    }
  }, [url, listed])
  return state
}
