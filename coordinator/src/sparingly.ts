/**
 * What takes long on the event loop, where heartbeats wait behind it, is made anew only after ten times as long; whoever asks
 * meanwhile gets the last one. In a small fleet nothing takes long, and everybody gets what is now.
 */
import type { Millis } from '@starling/shared/units.ts'

const longMs: Millis = 20
const restsPerWork = 10

export function sparingly<Args extends readonly unknown[], Answer>(
  make: (...args: Args) => Answer,
  clock: () => Millis = () => performance.now()
): (...args: Args) => Answer {
  const kept = new Map<string, { readonly answer: Answer; readonly until: Millis }>()
  return (...args) => {
    const question = JSON.stringify(args)
    const begin = clock()
    for (const [known, { until }] of kept) if (until <= begin) kept.delete(known)
    const last = kept.get(question)
    if (last !== undefined) return last.answer
    const answer = make(...args)
    const end = clock()
    const tookMs = end - begin
    if (tookMs >= longMs) kept.set(question, { answer, until: end + restsPerWork * tookMs })
    return answer
  }
}
