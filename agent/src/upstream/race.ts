/**
 * One question, asked of server after server until one answers well: the next is asked when one has failed, and beside one that
 * is silent for longer than is usual there (a hedge). The first good answer counts and the others are called off.
 *
 * A proxy's 502 may be its own fault or the origin's, and so may its silence. So these are held against it only when
 * another one does better: an origin that is down must not take all proxies down with it.
 */
import { StarlingError } from '@starling/shared/errors.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { Order } from './balance.ts'
import { blameFor } from './errors.ts'
import { repeatsMax } from './limits.ts'
import type { Server, Why } from './server.ts'

export interface RaceRules<Answer> {
  readonly order: Order<Server>
  readonly signal: AbortSignal
  /** What the first is asked for. */
  readonly why: Why
  launch(server: Server, why: Why, signal: AbortSignal): Promise<Answer>
  /** The server says itself that it cannot. */
  isBad(server: Server, answer: Answer): boolean
  discard(answer: Answer): void
  explain(cause: unknown, server: Server): StarlingError
  /** `free`: nothing of it was sent. `paid`: out of the budget. */
  mayRepeat(cause: unknown): 'free' | 'paid' | 'never'
  /** Null: not at all. */
  hedgeAfterMs(server: Server): Millis | null
  mayHedge(from: Server, to: Server): boolean
  /** A bad answer, a lost connection and a hedge may be followed by another request, if this is true. */
  takeBudget(): boolean
}

interface Runner {
  readonly server: Server
  readonly why: Why
  readonly abort: AbortController
}

/** @throws StarlingError that tells of all who were asked */
export function race<Answer>(rules: RaceRules<Answer>): Promise<Answer> {
  const { order, signal } = rules
  const waiting = [...order.ready, ...order.resting]
  const isAlone = waiting.length === 1
  const running = new Set<Runner>()
  const failures: StarlingError[] = []
  const inDoubt: Server[] = []
  let bad: { readonly server: Server; readonly answer: Answer } | null = null
  let repeats = 0
  let hedge: NodeJS.Timeout | undefined
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  let isSettled = false

  function settle(): void {
    isSettled = true
    clearTimeout(hedge)
    for (const { abort } of running) abort.abort()
  }

  function start(server: Server, why: Why): void {
    waiting.splice(waiting.indexOf(server), 1)
    const runner: Runner = { server, why, abort: new AbortController() }
    running.add(runner)
    const until = isAlone ? signal : AbortSignal.any([signal, runner.abort.signal])
    rules.launch(server, why, until).then(
      answer => {
        running.delete(runner)
        answered(runner, answer)
      },
      (cause: unknown) => {
        running.delete(runner)
        failed(runner, cause)
      }
    )
    armHedge(server)
  }

  function armHedge(server: Server): void {
    clearTimeout(hedge)
    const afterMs = waiting.length === 0 || repeats >= repeatsMax ? null : rules.hedgeAfterMs(server)
    if (afterMs === null) return
    hedge = setTimeout(() => {
      const other = waiting.find(one => order.ready.includes(one) && rules.mayHedge(server, one))
      if (other === undefined || !rules.takeBudget()) return
      repeats++
      start(other, 'hedge')
    }, afterMs)
  }

  /** Who may be asked the same again: in bad health only when nobody else is left, since a bad answer is no better. */
  function another(): Server | null {
    if (waiting[0] === undefined || repeats >= repeatsMax || !rules.takeBudget()) return null
    repeats++
    return waiting[0]
  }

  function answered(runner: Runner, answer: Answer): void {
    if (isSettled) return rules.discard(answer)
    if (rules.isBad(runner.server, answer)) {
      inDoubt.push(runner.server)
      if (bad !== null) rules.discard(bad.answer)
      bad = { server: runner.server, answer }
      const next = running.size > 0 ? null : another()
      if (next !== null) start(next, 'retry')
      else if (running.size === 0) {
        settle()
        resolve(answer)
      }
      return
    }
    for (const server of inDoubt) server.blame(false)
    if (bad !== null) rules.discard(bad.answer)
    if (runner.why === 'hedge') for (const { server } of running) server.outrun()
    settle()
    resolve(answer)
  }

  function failed({ server }: Runner, cause: unknown): void {
    if (isSettled) return
    const problem = rules.explain(cause, server)
    if (problem.code === 'aborted') return fail(problem)
    const blame = blameFor(cause)
    if (blame === 'sure') server.blame(true)
    if (blame === 'maybe') inDoubt.push(server)
    failures.push(problem)
    // Who was asked beside it may still answer.
    if (running.size > 0) return
    const how = problem.code === 'upstream-refused-address' ? 'never' : rules.mayRepeat(cause)
    if (how === 'never') return fail(problem)
    const next = how === 'free' ? waiting[0] : another()
    if (next !== null && next !== undefined) start(next, 'retry')
    else if (bad !== null) {
      const { answer } = bad
      settle()
      resolve(answer)
    } else fail(together(failures))
  }

  function fail(problem: StarlingError): void {
    if (bad !== null) rules.discard(bad.answer)
    settle()
    reject(problem)
  }

  const first = waiting[0]
  if (first === undefined) fail(new StarlingError('upstream-unreachable', 'there is no server to ask'))
  else start(first, rules.why)
  return promise
}

function together(failures: readonly StarlingError[]): StarlingError {
  const last = failures.at(-1)!
  if (failures.length === 1) return last
  const all = failures.map(({ message }) => message).join('; ')
  return new StarlingError(last.code, all, { cause: last })
}
