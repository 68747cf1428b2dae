/** What lies beyond the site: one question and its answer, and how its servers do, for people. */
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { RoundTrip } from '../core/events.ts'

/** A byte span, `end` exclusive (null: to the end), or so many of the last bytes. */
export type UpstreamRange = { readonly start: Bytes; readonly end: Bytes | null } | { readonly suffix: Bytes }

export interface UpstreamRequest {
  /** Its path and query are sent as they are spelled. */
  readonly url: string
  /** GET or HEAD for content; anything but CONNECT for what the proxy passes through. */
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  /** Only for what the proxy passes through: such a request is sent once, never again. */
  readonly body?: AsyncIterable<Uint8Array> | null
  /** Default true. False hands a 3xx to the caller: for what the proxy passes through. */
  readonly followRedirects?: boolean
  /** Waits minutes and not seconds for an answer: for what the proxy passes through (long polls, slow services). */
  readonly patient?: boolean
  /** Nobody waits for it. Absent: somebody does. */
  readonly isBackground?: boolean
  /** What is asked for with a Range header; null: everything. */
  readonly range: UpstreamRange | null
  /** Strong validator for If-Range / If-Match style checks; null: none. */
  readonly ifRange: string | null
  /** The address of who wants it: whose turn it is where many wait. Left out: nobody in particular. */
  readonly client?: string | undefined
  readonly signal: AbortSignal
}

export interface UpstreamResponse {
  readonly status: number
  /** The reason phrase as it came. */
  readonly statusText?: string
  /** Where the answer came from: differs from the request's only after redirects. */
  readonly url?: string
  /** Names in lower case, in order, duplicates kept. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** Where the body starts in the content: from Content-Range for 206, else 0. */
  readonly start: Bytes
  /** Whole length of the content if the response tells it. */
  readonly total: Bytes | null
  /** Body bytes; ends early with a StarlingError `upstream-short` when fewer than promised arrive. */
  readonly body: AsyncIterable<Uint8Array>
  /** What came behind the body; complete when that has ended. */
  readonly trailers?: () => ReadonlyArray<readonly [name: string, value: string]>
  /** How it was reached, for people: `direct` or `proxy http://...`. */
  readonly via: string
  /** Stops the body and closes the connection. */
  cancel(): void
}

export interface UpstreamPort {
  /**
   * @throws StarlingError `upstream-unreachable`, `upstream-timeout`, `upstream-refused-address`, `aborted`,
   * `upstream-bad-answer` (not HTTP, contradicts itself, or is not the range that was asked for)
   */
  request(request: UpstreamRequest): Promise<UpstreamResponse>
  /**
   * How long a TCP handshake takes with the host that a request for this URL would connect to. The other side's kernel
   * answers it, so it tells of the way and not of the server. Null when there was no answer.
   */
  roundTrip(url: string, signal: AbortSignal): Promise<RoundTrip | null>
  close(): Promise<void>
}

export type UpstreamPhase = 'dns' | 'connect' | 'tls' | 'first-byte' | 'total'

/** A histogram since this agent started. */
export interface UpstreamPhaseView {
  readonly count: number
  readonly sumSeconds: number
  /** Up to so many seconds: so many, all smaller ones included. */
  readonly buckets: ReadonlyArray<readonly [seconds: number, count: number]>
}

/** One gateway, proxy, or the direct way, as the API, the metrics and the command line show it. */
export interface UpstreamView {
  readonly name: string
  readonly kind: 'proxy' | 'gateway' | 'direct'
  /** Where it listens, without credentials; null for direct. */
  readonly address: string | null
  /** `trying`: it was down, and one request finds out whether it still is. */
  readonly state: 'up' | 'down' | 'trying'
  readonly inFlight: number
  /** Since this agent started: sent to it, of these failed, and what the rest were sent for. */
  readonly requests: number
  readonly failures: number
  readonly retries: number
  readonly hedges: number
  readonly resumes: number
  readonly lastProblem: { readonly at: Millis; readonly text: string } | null
  /** Of the last answers; null: there were none. */
  readonly firstByteMs: { readonly p50: Millis; readonly p95: Millis } | null
  /** dns, connect and tls: of each connection that was made. first-byte and total: of each answer. */
  readonly phases: Readonly<Record<UpstreamPhase, UpstreamPhaseView>>
}
