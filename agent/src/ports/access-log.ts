/** Requests of clients and changes by people, one line each, and how they are looked for. */
import type { Bytes, Millis } from '@starling/shared/units.ts'

/** One request of a client, as the access log has it; times are ISO 8601, UTC. */
export interface AccessLine {
  /** When it was over. */
  readonly time: string
  readonly client: string
  /** Null, as all that is null here: it could not be understood so far. */
  readonly method: string | null
  /** With the port where it is not the usual one. */
  readonly host: string | null
  /** Without the query. */
  readonly path: string | null
  readonly class: string | null
  readonly face: 'forward' | 'cache-host' | 'alternate' | 'mirror' | 'tunnel' | null
  /** Null: the client went away before there was an answer. */
  readonly status: number | null
  /** Whether the client got all of it. */
  readonly whole: boolean
  /** Of the body; of a tunnel, all. */
  readonly bytes: Bytes
  /** The same by the way that they came. */
  readonly from: { readonly swarm?: Bytes; readonly cache?: Bytes; readonly pass?: Bytes }
  /** Of the request's body; of a tunnel, all. */
  readonly received: Bytes
  readonly firstByteMs: Millis | null
  readonly totalMs: Millis
  readonly agent: string | null
  /** That refused it. */
  readonly rule: string | null
}

/** Something that was refused or changed, and by whom. */
export interface AuditLine {
  readonly time: string
  /** An address, an AgentId, `api` or `start`. */
  readonly who: string
  readonly what: 'refused' | 'purge' | 'config' | 'api'
  readonly detail: Readonly<Record<string, unknown>>
}

export interface AccessLogPort {
  /** Whether `note` does anything. */
  readonly notesRequests: boolean
  note(line: AccessLine): void
  audit(line: Omit<AuditLine, 'time'>): void
}

/** All that is given must fit. */
export interface RequestQuery {
  readonly from: Millis | null
  readonly to: Millis | null
  readonly client: string | null
  /** `files.example`, `*.files.example` */
  readonly host: string | null
  readonly class: string | null
  readonly limit: number
  /** Where the page before ended. */
  readonly cursor: string | null
}

export interface RequestPage {
  /** The newest first. */
  readonly requests: readonly AccessLine[]
  /** For the next page, which may be empty and not the last: a search ends after a while. Null: there is no more. */
  readonly cursor: string | null
}
