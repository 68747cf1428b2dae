/** An answer of the agent that is asked for again and again while somebody looks, and not otherwise. */
import { useCallback, useEffect, useState } from 'preact/hooks'
import { useRefusal } from '@starling/shared/web/said.ts'
import type { Millis } from '@starling/shared/units.ts'
import { Refused, ask } from './agent-api.ts'
import { useUnlock } from './unlock.tsx'

export interface Asked<Answer> {
  /** The last one; null: there is none yet. */
  readonly value: Answer | null
  /** Why there is none. */
  readonly problem: string | null
  /** Asks at once, because something was changed. */
  readonly again: () => void
}

/**
 * @param path null: nothing is asked
 * @param token for what needs it, and for nothing else: whoever took the agent's port while it was away shall not be shown it
 */
export function useAsked<Answer>(
  path: string | null,
  everyMs: Millis,
  token: string | null = null
): Asked<Answer> {
  const { lock } = useUnlock()
  const refusal = useRefusal()
  const [found, setFound] = useState<{ path: string | null; value: Answer | null; error: unknown }>({
    path,
    value: null,
    error: null
  })
  const [round, setRound] = useState(0)
  useEffect(() => {
    if (path === null) return undefined
    const gone = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let isLooking = false
    const look = async () => {
      isLooking = true
      try {
        const value = await ask<Answer>(path, { token, signal: gone.signal })
        setFound({ path, value, error: null })
      } catch (error) {
        if (gone.signal.aborted) return
        // Of an agent that was set up anew: its token is another.
        if (error instanceof Refused && error.status === 401 && token !== null) lock()
        setFound(last => ({ path, value: last.path === path ? last.value : null, error }))
      }
      isLooking = false
      if (!gone.signal.aborted && !document.hidden) timer = setTimeout(() => void look(), everyMs)
    }
    const shown = () => {
      clearTimeout(timer)
      if (!document.hidden && !isLooking) void look()
    }
    void look()
    document.addEventListener('visibilitychange', shown)
    return () => {
      gone.abort()
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', shown)
    }
  }, [path, everyMs, token, lock, round])
  const again = useCallback(() => setRound(count => count + 1), [])
  const isOfThis = found.path === path
  const problem = isOfThis && found.error !== null ? refusal(found.error) : null
  return { value: isOfThis ? found.value : null, problem, again }
}
