/** What is seen of a run while it runs: a line for people now and then, and the files of `--trace`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { PathStats } from '../doubles/origin.ts'
import type { Plan } from './options.ts'
import type { EndpointRun } from './run.ts'
import type { Stage } from './stage.ts'

/** Tells people how it goes; with a trace, also files away what every agent says of itself. */
export function createWatch(
  { endpoints }: Stage,
  { traceFolder, sizeBytes }: Plan,
  say: (text: string) => void
): (bodyBytes: Bytes, done: number, elapsedMs: Millis) => Promise<void> {
  let told = 0
  let looked = 0
  return async (bodyBytes, done, elapsedMs) => {
    if (elapsedMs - told > 5 * secondMs) {
      told = elapsedMs
      say(
        `${(elapsedMs / 1000).toFixed(0)} s: ${(bodyBytes / sizeBytes).toFixed(3)} copies over the WAN, ${done} done`
      )
    }
    if (traceFolder === null || elapsedMs - looked < secondMs) return
    looked = elapsedMs
    mkdirSync(traceFolder, { recursive: true })
    const all = await Promise.all(endpoints.map(one => one.status().catch(() => null)))
    const line = {
      elapsedMs: Math.round(elapsedMs),
      bodyBytes,
      agents: all.map(
        (status, at) =>
          status && {
            name: endpoints[at]!.name,
            totals: status.totals,
            kept: status.transfers.map(({ keptBytes }) => keptBytes),
            problems: status.problems
          }
      )
    }
    writeFileSync(join(traceFolder, 'by-second.jsonl'), `${JSON.stringify(line)}\n`, { flag: 'a' })
  }
}

export function writeTrace(folder: string, ends: readonly EndpointRun[], origin: PathStats): void {
  const write = (name: string, value: unknown): void =>
    writeFileSync(join(folder, name), `${JSON.stringify(value, null, 1)}\n`)
  write('origin.json', origin)
  for (const end of ends) write(`${end.name}.json`, end)
}
