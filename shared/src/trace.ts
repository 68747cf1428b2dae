/**
 * A trace: all that happened to one agent, as JSON lines. The first says who it was and how it began, each other
 * line is a time and an event. Fed to a fresh core with the same beginning, the events give the same effects.
 *
 * Bytes are written as `{"$bytes": base64}`, a bitfield as `{"$bits": base64, "size": n}`. URLs and names of content are
 * in a trace as they are: it is for the people of the fleet, not for the public.
 */
import { base64 } from 'multiformats/bases/base64'
import { Bitfield } from './bitfield.ts'
import type { Role } from './credential.ts'
import { StarlingError } from './errors.ts'
import type { AgentId, SiteId } from './ids.ts'
import type { Millis } from './units.ts'

export const traceVersion = 2

/** How a traced agent began: what createAgentCore was given. `policy` and `event` are the core's own shapes. */
export interface TraceStart<Policy> {
  readonly version: number
  readonly self: AgentId
  readonly role: Role
  readonly site: SiteId
  readonly policy: Policy
  readonly seed: number
  readonly bans: ReadonlyArray<{ readonly peer: AgentId; readonly until: Millis }>
}

export interface Traced<Event> {
  readonly at: Millis
  readonly event: Event
}

/** One line, without its end. */
export function traceLine(thing: object): string {
  return JSON.stringify(thing, function (this: Readonly<Record<string, unknown>>, key) {
    // Not the second argument: a Buffer has turned itself into something else there.
    const value = this[key]
    if (value instanceof Uint8Array) return { $bytes: base64.baseEncode(value) }
    if (value instanceof Bitfield) return { $bits: base64.baseEncode(value.toBytes()), size: value.size }
    return value
  })
}

/** @throws StarlingError `bad-trace` with the number of the line */
export function parseTrace<Policy, Event>(
  text: string
): { start: TraceStart<Policy>; events: Array<Traced<Event>> } {
  const lines = text.split('\n')
  // A machine that lost power left half a line at the end, or nothing after the last: neither is a fault.
  const whole = lines.slice(0, -1)
  const [first, ...rest] = whole.map((line, index) => parseLine(line, index + 1))
  const start = first as TraceStart<Policy> | undefined
  if (start?.version !== traceVersion || typeof start.self !== 'string' || !Array.isArray(start.bans)) {
    throw bad(1, `it does not begin as a trace of version ${traceVersion}`)
  }
  for (const [index, line] of rest.entries()) {
    const { at, event } = line as Partial<Traced<Event>>
    if (typeof at !== 'number' || typeof event !== 'object')
      throw bad(index + 2, 'there is no time or no event')
  }
  return { start, events: rest as Array<Traced<Event>> }
}

function parseLine(line: string, number: number): unknown {
  try {
    return JSON.parse(line, (_key, value: unknown) => revived(value))
  } catch (cause) {
    throw bad(number, cause instanceof Error ? cause.message : 'not JSON')
  }
}

function revived(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if ('$bytes' in value && typeof value.$bytes === 'string') return base64.baseDecode(value.$bytes)
  if (
    '$bits' in value &&
    typeof value.$bits === 'string' &&
    'size' in value &&
    typeof value.size === 'number'
  ) {
    return Bitfield.fromBytes(base64.baseDecode(value.$bits), value.size)
  }
  return value
}

function bad(line: number, why: string): StarlingError {
  return new StarlingError('bad-trace', `line ${line} of the trace: ${why}; record it again with --trace`)
}
