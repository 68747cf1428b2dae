/** The core, its spans for a collector, and beside it the trace of all it hears if the configuration asks for one. */
import { resolve } from 'node:path'
import type { Machine } from '@starling/shared/machine.ts'
import type { AgentConfig } from '../config.ts'
import { createAgentCore, type AgentCoreInit } from '../core/agent.ts'
import type { AgentEffect, AgentEvent } from '../core/events.ts'
import type { Log } from '../log.ts'
import type { Stops } from '../stops.ts'
import { spanned } from '../core-spans.ts'
import type { Spans } from '../telemetry/spans.ts'
import { traced, traceTo } from '../trace.ts'

export function createCore(
  init: AgentCoreInit,
  { trace, dataFolder }: Pick<AgentConfig, 'trace' | 'dataFolder'>,
  parts: {
    readonly problem: (sentence: string) => void
    readonly spans: Spans
    readonly log: Log
    readonly stops: Stops
  }
): Machine<AgentEvent, AgentEffect> {
  const core = createAgentCore(init)
  if (trace === null) return spanned(core, parts.spans)
  const { log } = parts
  const path = resolve(dataFolder, trace)
  log.info({ path }, 'all events are recorded, with the URLs that clients ask for')
  const tracing = traceTo(path, init, sentence => {
    log.warn(sentence)
    parts.problem(sentence)
  })
  parts.stops.push(() => tracing.close())
  return spanned(traced(core, tracing), parts.spans)
}
