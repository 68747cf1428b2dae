/** The core, its spans for a collector, and beside it the trace of all it hears if the configuration asks for one. */
import { resolve } from 'node:path'
import type { Machine } from '@starling/shared/machine.ts'
import type { AgentConfig } from '../config.ts'
import { createAgentCore, type AgentCoreInit, type AgentCoreMachine } from '../core/agent.ts'
import type { AgentEffect, AgentEvent } from '../core/events.ts'
import type { Log } from '../log.ts'
import type { Stops } from '../stops.ts'
import { spanned } from '../core-spans.ts'
import type { Spans } from '../telemetry/spans.ts'
import { traced, traceTo } from '../trace.ts'

/** @returns `core` to be driven, and `mind` to be looked into */
export function createCore(
  init: AgentCoreInit,
  { trace, dataFolder }: Pick<AgentConfig, 'trace' | 'dataFolder'>,
  parts: {
    readonly problem: (sentence: string) => void
    readonly spans: Spans
    readonly log: Log
    readonly stops: Stops
  }
): { readonly core: Machine<AgentEvent, AgentEffect>; readonly mind: AgentCoreMachine } {
  const mind = createAgentCore(init)
  if (trace === null) return { core: spanned(mind, parts.spans), mind }
  const { log } = parts
  const path = resolve(dataFolder, trace)
  log.info({ path }, 'all events are recorded, with the URLs that clients ask for')
  const tracing = traceTo(path, init, sentence => {
    log.warn(sentence)
    parts.problem(sentence)
  })
  parts.stops.push(() => tracing.close())
  return { core: spanned(traced(mind, tracing), parts.spans), mind }
}
