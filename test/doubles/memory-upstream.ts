/**
 * An origin and the way to it, in memory: a small true UpstreamPort whose bodies flow as far as the test lets them. For
 * what must be seen in the middle of a body; origins that are wrong are real ones (origin.ts).
 */
import type { UpstreamPort, UpstreamRange, UpstreamRequest, UpstreamResponse } from '@starling/agent/ports.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { KiB, type Bytes } from '@starling/shared/units.ts'

export interface MemoryContent {
  readonly bytes: Uint8Array
  readonly etag?: string
  readonly headers?: ReadonlyArray<readonly [string, string]>
}

export interface MemoryUpstream extends UpstreamPort {
  put(url: string, content: MemoryContent): void
  readonly requests: UpstreamRequest[]
  /** Bodies stop after so many more bytes, over all of them; Infinity: no more stops. */
  letThrough(bytes: Bytes): void
  /** All bodies under way break off now. */
  breakOff(): void
  /** Body bytes handed out, and responses whose body was neither read to its end nor cancelled. */
  bodyBytes(): Bytes
  openBodies(): number
}

const pieceBytes: Bytes = 64 * KiB

export function createMemoryUpstream(): MemoryUpstream {
  const contents = new Map<string, MemoryContent>()
  const requests: UpstreamRequest[] = []
  const open = new Set<object>()
  const waiters = new Set<() => void>()
  let allowed = Infinity
  let breaks = 0
  let bodyBytes = 0

  function wake(): void {
    for (const waiter of waiters) waiter()
    waiters.clear()
  }

  /** Until something changes. */
  function changed(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      waiters.add(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  function respond(request: UpstreamRequest, content: MemoryContent): UpstreamResponse {
    const { bytes, etag = '"1"' } = content
    const { range, ifRange, signal } = request
    const total = bytes.length
    const headers: Array<readonly [string, string]> = [['etag', etag], ...(content.headers ?? [])]
    const partial = range !== null && (ifRange === null || ifRange === etag)
    const { start, end } = partial ? spanOf(range, total) : { start: 0, end: total }
    if (partial && start >= total) {
      const where = ['content-range', `bytes */${total}`] as const
      return {
        status: 416,
        headers: [where],
        start: 0,
        total: null,
        body: none(),
        via: 'memory',
        cancel: () => {}
      }
    }
    headers.push(['content-length', String(end - start)])
    if (partial) headers.push(['content-range', `bytes ${start}-${end - 1}/${total}`])
    const body = { cancelled: false }
    open.add(body)
    return {
      status: partial ? 206 : 200,
      headers,
      start,
      total,
      body: bodyOf(bytes.subarray(start, end), body, signal),
      via: 'memory',
      cancel() {
        body.cancelled = true
        open.delete(body)
        wake()
      }
    }
  }

  async function* bodyOf(
    bytes: Uint8Array,
    body: { readonly cancelled: boolean },
    signal: AbortSignal
  ): AsyncGenerator<Uint8Array> {
    const born = breaks
    try {
      for (let at = 0; at < bytes.length;) {
        if (signal.aborted || body.cancelled) throw new StarlingError('aborted', 'the body was cancelled')
        if (breaks !== born) throw new StarlingError('upstream-short', `broke off after ${at} bytes`)
        const size = Math.min(pieceBytes, bytes.length - at, allowed)
        if (size === 0) {
          await changed(signal)
          continue
        }
        allowed -= size
        bodyBytes += size
        // A copy that is overwritten as soon as the next one is asked for: who keeps a piece is found out.
        const piece = Uint8Array.from(bytes.subarray(at, at + size))
        yield piece
        piece.fill(0)
        at += size
      }
    } finally {
      open.delete(body)
    }
  }

  return {
    put: (url, content) => void contents.set(url, content),
    requests,
    letThrough(bytes) {
      allowed = bytes
      wake()
    },
    breakOff() {
      breaks++
      wake()
    },
    bodyBytes: () => bodyBytes,
    openBodies: () => open.size,
    async request(request) {
      requests.push(request)
      if (request.signal.aborted) throw new StarlingError('aborted', 'aborted before it was sent')
      const content = contents.get(request.url)
      if (content === undefined)
        throw new StarlingError('upstream-unreachable', `${request.url}: nobody answers`)
      return respond(request, content)
    },
    roundTrip: async () => ({ ms: 1, lateMs: 0 }),
    async close() {}
  }
}

async function* none(): AsyncGenerator<Uint8Array> {}

function spanOf(range: UpstreamRange, total: number): { readonly start: number; readonly end: number } {
  if ('suffix' in range) return { start: Math.max(0, total - range.suffix), end: total }
  return { start: range.start, end: Math.min(range.end ?? total, total) }
}
