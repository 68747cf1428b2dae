/**
 * The first upstream request for a key: whose version is it, may it be shared, and if so its body is already the first
 * flow of the new transfer. Nothing of the body is read before the core has said yes, and what is not to be shared goes
 * to the client that asked for it, as it is.
 */
import { chunkBytesDefault, chunksPerExtent } from '@starling/shared/chunking.ts'
import type { Recognised } from '@starling/shared/content-classes/recognise.ts'
import { messageOf } from '@starling/shared/errors.ts'
import { judgeResponse } from '@starling/shared/http-sharing.ts'
import type { KeyHash } from '@starling/shared/ids.ts'
import { keyHashOf } from '@starling/shared/manifest.ts'
import type { Bytes } from '@starling/shared/units.ts'
import { withoutQuery, type Log } from '../log.ts'
import type {
  Emit,
  SignerPort,
  UpstreamPort,
  UpstreamRange,
  UpstreamResponse,
  Wish,
  WishRange
} from '../ports.ts'
import { askingHeaders, coverage, headersForMore } from './asking.ts'
import type { Transfers } from './transfers.ts'
import type { Fill, Flow } from './upstream-flow.ts'
import type { Wishes } from './wishes.ts'

const extentBytes: Bytes = chunkBytesDefault * chunksPerExtent

export interface ResolveParts {
  readonly upstream: UpstreamPort
  readonly signer: Pick<SignerPort, 'signHead'>
  readonly recognise: (url: string) => Recognised
  readonly transfers: Transfers
  readonly wishes: Wishes
  readonly fill: Fill
  readonly emit: Emit
  readonly log: Log
}

interface Asked {
  readonly headers: Record<string, string>
  readonly range: UpstreamRange | null
  readonly wish: { readonly id: number; readonly wish: Wish } | null
}
interface Answered {
  readonly key: KeyHash
  readonly url: string
  readonly recognised: Recognised
  readonly asked: Asked
  readonly response: UpstreamResponse
  readonly flow: Flow
}

/** Answers by exactly one of `resolved` (then, if it has a flow, `flow-ended`) and `not-resolved`. Never rejects. */
export function createResolve(parts: ResolveParts): (key: KeyHash, url: string, flow: Flow) => Promise<void> {
  const { upstream, signer, transfers, wishes, fill, emit, log } = parts

  return async function resolve(key, url, flow) {
    let recognised: Recognised
    let asked: Asked
    let response: UpstreamResponse
    try {
      recognised = parts.recognise(url)
      if (keyHashOf(recognised.key) !== key) {
        emit({ type: 'not-resolved', key, reason: 'the URL is not one of this key', failed: false })
        return
      }
      asked = whatToAsk(wishes.first(key), recognised)
      response = await ask(url, asked, flow)
      if (response.status === 416 && asked.range !== null && !isFirst(asked.range)) {
        // The client asks for what lies behind the end. The content itself is there, and can be shared.
        response.cancel()
        asked = { ...asked, range: { start: 0, end: extentBytes } }
        response = await ask(url, asked, flow)
      }
    } catch (error) {
      const reason = flow.abort.signal.aborted ? 'nobody waits for it any more' : messageOf(error)
      log.debug({ url: withoutQuery(url), reason }, 'not resolved')
      emit({ type: 'not-resolved', key, reason, failed: true })
      return
    }
    await judge({ key, url, recognised, asked, response, flow })
  }

  async function ask(url: string, { headers, range, wish }: Asked, flow: Flow): Promise<UpstreamResponse> {
    const signal = flow.abort.signal
    const client = wish?.wish.client
    return await upstream.request({ url, method: 'GET', headers, range, ifRange: null, client, signal })
  }

  async function judge({ key, url, recognised, asked, response, flow }: Answered): Promise<void> {
    const judged = judgeResponse(response, recognised, { redirected: redirected(url, response) })
    const head = judged.kind === 'share' ? signer.signHead(judged.head) : null
    if (judged.kind === 'pass' || head === null) {
      const reason = judged.kind === 'pass' ? judged.reason : 'this agent may not vouch for what it fetched'
      const own = asked.wish === null ? null : asItsOwn(asked, response)
      if (asked.wish !== null && own !== null) wishes.offer(asked.wish.id, own)
      else response.cancel()
      emit({ type: 'not-resolved', key, reason, failed: response.status >= 500 || response.status === 429 })
      return
    }
    const chunks = wholeChunks(response, judged.head)
    const firstFlow = chunks === null ? null : { id: flow.id, firstChunk: chunks.first, endChunk: chunks.end }
    if (chunks === null) response.cancel()
    emit({ type: 'resolved', key, head, flow: firstFlow })
    if (chunks === null) return
    // The core has answered while it was told; if it was in the middle of something else, it has by the next turn.
    if (transfers.get(head.transfer) === undefined) await nextTurn()
    const transfer = transfers.get(head.transfer)
    if (transfer === undefined || flow.abort.signal.aborted) {
      response.cancel()
      emit({ type: 'flow-ended', flow: flow.id, reason: 'cancelled' })
      return
    }
    transfer.upstreamHeaders = headersForMore(asked.headers)
    emit({ type: 'flow-ended', flow: flow.id, reason: await fill(flow, transfer, response, chunks) })
  }
}

/** What a wish (or, without one, a peer) makes us ask for. */
function whatToAsk(waiting: Asked['wish'], recognised: Recognised): Asked {
  const rangeFirst = waiting?.wish.rangeFirst ?? recognised.rangeFirst
  const headers = askingHeaders(waiting?.wish.headers ?? null, rangeFirst)
  const wanted = waiting?.wish.range ?? null
  const range = wanted === null && !rangeFirst ? null : firstRange(wanted)
  return { headers, range, wish: waiting }
}

/**
 * An extent, or less: whoever asks for two bytes must not make us fetch two extents because they lie on both sides of
 * a border, nor the beginning of a content when he wants its end.
 */
function firstRange(wanted: WishRange | null): UpstreamRange {
  if (wanted?.kind === 'suffix') {
    // With one chunk more it begins before the chunk in which the wanted bytes begin, so that this one comes whole.
    const suffix = wanted.length + chunkBytesDefault
    return suffix <= extentBytes ? { suffix } : { start: 0, end: extentBytes }
  }
  const from = wanted?.start ?? 0
  const start = Math.floor(from / extentBytes) * extentBytes
  const end = wanted?.end ?? null
  if (end === null || end <= start + extentBytes || end - from > extentBytes)
    return { start, end: start + extentBytes }
  return {
    start: Math.floor(from / chunkBytesDefault) * chunkBytesDefault,
    end: Math.ceil(end / chunkBytesDefault) * chunkBytesDefault
  }
}

function isFirst(range: UpstreamRange): boolean {
  return 'start' in range && range.start === 0
}

/**
 * The response as one to the client's own request; null: it is none. An error always is, and a part of ours only when
 * it is all there is, which is what small files come as.
 */
function asItsOwn(asked: Asked, response: UpstreamResponse): UpstreamResponse | null {
  if (response.status === 416) return asked.range === null ? response : null
  if (response.status !== 206) return response
  const isAll = response.start === 0 && response.total !== null && coverage(response).end === response.total
  if (!isAll) return null
  const headers = response.headers.filter(([name]) => name !== 'content-range')
  return { ...response, status: 200, statusText: 'OK', headers }
}

function redirected(url: string, response: UpstreamResponse): boolean {
  return response.url !== undefined && new URL(response.url).href !== new URL(url).href
}

/** The chunks that the response brings completely; null: none. */
function wholeChunks(
  response: UpstreamResponse,
  head: { readonly length: Bytes; readonly chunkBytes: Bytes }
): { first: number; end: number } | null {
  const { start, end } = coverage(response)
  const first = Math.ceil(start / head.chunkBytes)
  const last =
    end === null || end >= head.length
      ? Math.ceil(head.length / head.chunkBytes)
      : Math.floor(end / head.chunkBytes)
  return first < last ? { first, end: last } : null
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => void setImmediate(resolve))
}
