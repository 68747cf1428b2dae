/**
 * What the coordinator answers, kept fresh: a beat tells what has changed, and whoever shows it asks again. Nothing is asked
 * while nobody looks.
 */
import type { Operation } from '@starling/shared/admin-api/operation.ts'
import { showMe } from '@starling/shared/admin-api/service.ts'
import { codeOf } from '@starling/shared/errors.ts'
import { useRefusal } from '@starling/shared/web/said.ts'
import { useEvents, type LiveState } from '@starling/shared/web/live.ts'
import { createContext, type ComponentChildren } from 'preact'
import { useContext, useEffect, useRef, useState } from 'preact/hooks'
import type { z } from 'zod'
import { coordinator } from './coordinator.ts'
import { oneAtATime } from './one-at-a-time.ts'

interface Beat {
  readonly page: string
  /** Grows with everything that people or the coordinator did. */
  readonly changes: number
  /** Another one every few seconds: figures may have moved. */
  readonly fleet: number
}

/** `away`: the coordinator is there, and what it knows is not. */
type Liveness = LiveState | 'away'

const context = createContext<{ readonly beat: Beat | null; readonly live: Liveness }>({
  beat: null,
  live: 'waiting'
})

const askMs = 5000

export function LiveProvider(props: { readonly children: ComponentChildren }) {
  const [beat, setBeat] = useState<Beat | null>(null)
  const [isAway, setAway] = useState(false)
  const heard = useEvents('/api/v1/events', ['beat', 'away'], (data, name) => {
    setAway(name === 'away')
    if (name === 'away') return
    const next = data as Beat
    // An upgraded coordinator brings its own page.
    if (beat !== null && beat.page !== next.page) location.reload()
    setBeat(next)
  })
  // The stream does not say why it is refused. When it is because the session has ended, the page asks to sign in again.
  useEffect(() => {
    if (heard !== 'lost') return undefined
    const ask = () =>
      void coordinator.ask(showMe, {}).catch((error: unknown) => setAway(codeOf(error).startsWith('store-')))
    ask()
    const timer = setInterval(ask, askMs)
    return () => clearInterval(timer)
  }, [heard])
  const live = isAway && heard !== 'waiting' ? 'away' : heard
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
 * Asks, and asks again whenever `follows` has changed; not before the answer is there, so that a coordinator that takes longer
 * than a beat is not asked ever more, and its answers are seen.
 * @param asking null: do not ask yet
 * @param about what it is about, where the question itself moves with time; left out: the question
 */
export function useAnswer<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Shape extends z.ZodType
>(
  operation: Operation<Params, Query, Body, Shape>,
  asking: { readonly params?: z.input<Params>; readonly query?: z.input<Query> } | null,
  follows: 'changes' | 'fleet' | 'nothing' = 'fleet',
  about?: string
): Answer<z.output<Shape>> {
  const beat = useBeat(follows === 'nothing' ? 'changes' : follows)
  const [value, setValue] = useState<z.output<Shape> | null>(null)
  const [error, setError] = useState<unknown>(null)
  const refusal = useRefusal()
  const [asked, setAsked] = useState(0)
  const subject = asking === null ? null : JSON.stringify([operation.path, asking])
  const shown = useRef<string | null>(null)
  const ask = useRef<() => void>(() => {})
  const stamp = follows === 'nothing' ? 0 : beat
  useEffect(() => {
    if (asking === null) return undefined
    let isOver = false
    // What was about something else must not stand under this one's name.
    if (shown.current !== (about ?? subject)) {
      setValue(null)
      setError(null)
    }
    shown.current = about ?? subject
    ask.current = oneAtATime(async () => {
      if (isOver) return
      try {
        const answer = await coordinator.ask(operation, asking as never)
        if (isOver) return
        setValue(() => answer)
        setError(null)
      } catch (caught) {
        if (!isOver) setError(caught)
      }
    })
    return () => {
      isOver = true
      ask.current = () => {}
    }
  }, [operation, subject])
  useEffect(() => ask.current(), [operation, subject, stamp, asked])
  const problem = error === null ? null : { code: codeOf(error), message: refusal(error) }
  return { value, problem, again: () => setAsked(count => count + 1) }
}
