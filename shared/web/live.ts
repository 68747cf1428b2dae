/**
 * Server-sent events that survive a restart. The browser tries again by itself while the connection only breaks; after a
 * refusal for good (another program took the port, the session ended) it gives up, so we ask again, slowly. A page that
 * nobody sees does not listen: it would cost the server as much as one that is seen, and a browser has six connections to it.
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
    let source: EventSource | null = null
    let timer: ReturnType<typeof setTimeout> | undefined
    let lost: ReturnType<typeof setTimeout> | undefined
    const heard = () => {
      clearTimeout(lost)
      lost = undefined
      setState('live')
    }
    const open = () => {
      const opened = new EventSource(url)
      source = opened
      for (const name of listed.split(' '))
        opened.addEventListener(name, event => {
          heard()
          taker.current(JSON.parse(event.data as string), name)
        })
      opened.addEventListener('open', heard)
      opened.addEventListener('error', () => {
        lost ??= setTimeout(() => setState('lost'), lostAfterMs)
        if (opened.readyState !== EventSource.CLOSED) return
        opened.close()
        timer = setTimeout(open, reopenMs)
      })
    }
    const close = () => {
      clearTimeout(timer)
      clearTimeout(lost)
      lost = undefined
      source?.close()
      source = null
    }
    const seen = () => {
      if (document.hidden) close()
      else if (source === null) open()
    }
    seen()
    document.addEventListener('visibilitychange', seen)
    return () => {
      document.removeEventListener('visibilitychange', seen)
      close()
    }
  }, [url, listed])
  return state
}
