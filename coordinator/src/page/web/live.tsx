/**
 * What the coordinator answers, kept fresh: a beat tells what has changed, and whoever shows it asks again. Nothing is asked
 * while nobody looks.
 */
import type { Operation } from '@starling/shared/admin-api/operation.ts'
import { showMe } from '@starling/shared/admin-api/service.ts'
import { codeOf, messageOf } from '@starling/shared/errors.ts'
import { useEvents, type LiveState } from '@starling/shared/web/live.ts'
import { createContext, type ComponentChildren } from 'preact'
import { useContext, useEffect, useRef, useState } from 'preact/hooks'
import type { z } from 'zod'
import { coordinator } from './coordinator.ts'

interface Beat {
  readonly page: string
  /** Grows with everything that people or the coordinator did. */
  readonly changes: number
  /** Another one every few seconds: figures may have moved. */
  readonly fleet: number
}

const context = createContext<{ readonly beat: Beat | null; readonly live: LiveState }>({
  beat: null,
  live: 'waiting'
})

const askMs = 5000

export function LiveProvider(props: { readonly children: ComponentChildren }) {
  const [beat, setBeat] = useState<Beat | null>(null)
  const live = useEvents('/api/v1/events', 'beat', data => {
    const next = data as Beat
    // An upgraded coordinator brings its own page.
    if (beat !== null && beat.page !== next.page) location.reload()
    if (!document.hidden || beat === null) setBeat(next)
  })
  // The stream does not say why it is refused. When it is because the session has ended, the page asks to sign in again.
  useEffect(() => {
    if (live !== 'lost') return undefined
    const timer = setInterval(() => void coordinator.ask(showMe, {}).catch(() => {}), askMs)
    return () => clearInterval(timer)
  }, [live])
  return <context.Provider value={{ beat, live }}>{props.children}</context.Provider>
}

export const useLiveState = () => useContext(context).live

/** Another value when what hangs on it may be another. */
export function useBeat(follows: 'changes' | 'fleet'): number {
  const { beat } = useContext(context)
  return beat === null ? 0 : follows === 'changes' ? beat.changes : beat.fleet + beat.changes
}

export interface Answer<Value> {
  /** The last good one, also while a newer one is on its way. */
  readonly value: Value | null
  readonly problem: { readonly code: string; readonly message: string } | null
  /** After a change of one's own: now, not with the next beat. */
  readonly again: () => void
}

/**
 * Asks, and asks again whenever `follows` has changed.
 * @param asking null: do not ask yet
 */
export function useAnswer<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Shape extends z.ZodType
>(
  operation: Operation<Params, Query, Body, Shape>,
  asking: { readonly params?: z.input<Params>; readonly query?: z.input<Query> } | null,
  follows: 'changes' | 'fleet' | 'nothing' = 'fleet'
): Answer<z.output<Shape>> {
  const beat = useBeat(follows === 'nothing' ? 'changes' : follows)
  const [value, setValue] = useState<z.output<Shape> | null>(null)
  const [problem, setProblem] = useState<Answer<never>['problem']>(null)
  const [asked, setAsked] = useState(0)
  const subject = asking === null ? null : JSON.stringify([operation.path, asking])
  const shown = useRef<string | null>(null)
  const stamp = follows === 'nothing' ? 0 : beat
  useEffect(() => {
    if (asking === null) return undefined
    let stale = false
    // What was about something else must not stand under this one's name.
    if (shown.current !== subject) setValue(null)
    shown.current = subject
    coordinator.ask(operation, asking as never).then(
      answer => {
        if (stale) return
        setValue(() => answer)
        setProblem(null)
      },
      (error: unknown) => {
        if (!stale) setProblem({ code: codeOf(error), message: messageOf(error) })
      }
    )
    return () => {
      stale = true
    }
  }, [operation, subject, stamp, asked])
  return { value, problem, again: () => setAsked(count => count + 1) }
}
