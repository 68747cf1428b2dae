/** `--watch`: shows something anew every second, until Ctrl-C or until the agent is gone. */
import { setTimeout as sleep } from 'node:timers/promises'
import { StarlingError, codeOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { CommandTools, Terminal } from './services.ts'

const intervalMs: Millis = secondMs

export interface ShowOptions {
  readonly json: boolean
  readonly watch: boolean
}

/** @throws StarlingError `agent-gone` */
export async function showLive(
  options: ShowOptions,
  { terminal, signal }: CommandTools,
  show: () => Promise<string>
): Promise<void> {
  if (!options.watch) return terminal.print(await show())
  while (!signal.aborted) {
    try {
      printOver(terminal, options.json, await show())
    } catch (error) {
      if (['ECONNREFUSED', 'ECONNRESET'].includes(codeOf(error))) throw agentGone()
      throw error
    }
    await sleep(intervalMs, undefined, { signal }).catch(() => {})
  }
}

/** Home and clear to the end: no flicker, and what was there before stays in the scroll-back. */
export function printOver(terminal: Terminal, json: boolean, text: string): void {
  terminal.print(!json && terminal.columns > 0 ? `\u001b[H\u001b[J${text}` : text)
}

export function agentGone(): StarlingError {
  return new StarlingError('agent-gone', 'the agent has stopped; `starling run` starts it again')
}
