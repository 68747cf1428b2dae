/**
 * Upstream requests for a transfer that is known already: a Range request for a span of chunks, bound to the version
 * by If-Range. An origin that ignores ranges sends everything instead; then everything it sends is taken.
 */
import { bytesOf } from '@starling/shared/chunking.ts'
import { codeOf, messageOf } from '@starling/shared/errors.ts'
import { headerOf } from '@starling/shared/http-fields.ts'
import type { Emit, FlowEnd, UpstreamPort, UpstreamResponse } from '../ports.ts'
import { headersForMore, misfit } from './asking.ts'
import type { Transfer, Transfers } from './transfers.ts'
import type { Fill, Flow } from './upstream-flow.ts'

export interface Refill {
  readonly url: string
  readonly firstChunk: number
  readonly endChunk: number
}

export function createRefill(parts: {
  upstream: UpstreamPort
  transfers: Transfers
  fill: Fill
  emit: Emit
}): (flow: Flow, transfer: Transfer, wanted: Refill) => Promise<FlowEnd> {
  const { upstream, transfers, fill, emit } = parts

  return async function refill(flow, transfer, { url, firstChunk, endChunk }) {
    const { length, chunkBytes } = transfer
    const range = bytesOf({ start: firstChunk, end: endChunk }, length, chunkBytes)
    const { signal } = flow.abort
    if (signal.aborted || transfer.closing.signal.aborted) return 'cancelled'
    let response: UpstreamResponse
    try {
      response = await upstream.request({
        url,
        method: 'GET',
        headers: headersForMore(transfer.upstreamHeaders),
        range,
        ifRange: transfer.head.head.validator || null,
        isBackground: transfer.isBackground,
        signal
      })
    } catch (error) {
      if (signal.aborted) return 'cancelled'
      transfers.problem(transfer, `the origin cannot be asked: ${messageOf(error)}`)
      return hopeless.has(codeOf(error)) ? 'refused' : 'failed'
    }
    const problem = misfit(transfer, range.start, response)
    if (problem !== null) {
      const retryAfter = headerOf(response.headers, 'retry-after')
      const later = retryAfter === null ? '' : `, Retry-After: ${retryAfter}`
      transfers.problem(
        transfer,
        `the origin answered with status ${response.status}${later}: ${sentences[problem]}`
      )
      response.cancel()
      return problem
    }
    if (response.status === 206)
      return await fill(flow, transfer, response, { first: firstChunk, end: endChunk })
    emit({ type: 'flow-moved', flow: flow.id, firstChunk: 0, endChunk: transfer.chunks })
    return await fill(flow, transfer, response, { first: 0, end: transfer.chunks })
  }
}

/** Asking again would bring the same: an address that must not be asked, an origin that counts in its own way. */
const hopeless = new Set(['upstream-refused-address', 'upstream-bad-answer', 'bad-url'])

const sentences: Record<FlowEnd, string> = {
  done: 'all is well',
  cancelled: 'nobody waits for it',
  failed: 'it is asked again later',
  changed: 'it has another version now',
  refused: 'it refuses',
  corrupt: 'it sends something else'
}
