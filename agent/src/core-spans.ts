/**
 * What the core decides, as spans: request > content > fetches. They are read off its events and effects, so neither the core
 * nor the flows know of it. A content is one span for as long as somebody reads it or something of it is on its way,
 * within the request that began it; in it there is a span for each upstream flow (an extent), and one for each peer that gives
 * chunks, however many: a 20 GiB file must not make 20,000 spans.
 */
import type { AgentId, KeyHash, TransferId } from '@starling/shared/ids.ts'
import type { Machine } from '@starling/shared/machine.ts'
import type { Millis } from '@starling/shared/units.ts'
import { withoutQuery } from './log.ts'
import type { AgentEffect, AgentEvent, FetchId, FlowId, WishId } from './ports.ts'
import type { Span, Spans } from './telemetry/spans.ts'

/** Of one content at a time; what is beyond is counted only. */
const fetchesToldMax = 64
/** Something that never ends must not be remembered for ever: the oldest ends here. */
const openMax = 500

interface Content {
  readonly span: Span
  readonly flows: Set<FlowId>
  readonly peers: Map<AgentId, FromPeer>
  readers: number
  told: number
  untold: number
}

interface FromPeer {
  readonly span: Span
  waiting: number
  chunks: number
  failed: number
  lastAt: Millis
}

interface Flow {
  readonly span: Span | null
  readonly transfer: TransferId
  chunks: number
}

/** The same machine; with nobody to tell it to it is the very same. */
export function spanned(
  core: Machine<AgentEvent, AgentEffect>,
  spans: Spans
): Machine<AgentEvent, AgentEffect> {
  if (!spans.areTold) return core
  const seen = createCoreSpans(spans)
  return {
    step(event, now) {
      tell(seen.before, event, now)
      const effects = core.step(event, now)
      for (const effect of effects) tell(seen.decided, effect, now)
      tell(seen.after, event, now)
      return effects
    },
    wakeAt: () => core.wakeAt()
  }
}

function createCoreSpans(spans: Spans) {
  const wishes = new Map<WishId, { readonly key: KeyHash; readonly request: Span | null }>()
  const resolving = new Map<KeyHash, { readonly span: Span; readonly url: string }>()
  const contents = new Map<TransferId, Content>()
  /** Who asked for it last. */
  const askedBy = new Map<TransferId, Span>()
  const readers = new Map<number, TransferId>()
  const flows = new Map<FlowId, Flow>()
  const fetches = new Map<FetchId, { readonly transfer: TransferId; readonly peer: AgentId }>()
  const gateways = new Set<AgentId>()

  function contentOf(transfer: TransferId): Content {
    const known = contents.get(transfer)
    if (known !== undefined) return known
    const parent = spans.current() ?? askedBy.get(transfer) ?? null
    const span = spans.begin('content', { parent, facts: { 'starling.transfer': transfer } })
    const made: Content = { span, flows: new Set(), peers: new Map(), readers: 0, told: 0, untold: 0 }
    bounded(contents, transfer, made, oldest => {
      end(oldest)
    })
    return made
  }

  /** Null: there are enough of them. */
  function fetchSpan(content: Content, facts: Readonly<Record<string, string | number>>): Span | null {
    if (content.told >= fetchesToldMax) {
      content.untold++
      return null
    }
    content.told++
    return spans.begin(`fetch from ${facts['starling.source']}`, {
      kind: 'client',
      parent: content.span,
      facts
    })
  }

  function beginFlow(flow: FlowId, transfer: TransferId, url: string, first: number, endChunk: number): void {
    const content = contentOf(transfer)
    content.flows.add(flow)
    const span = fetchSpan(content, {
      'starling.source': 'upstream',
      'url.full': withoutQuery(url),
      'starling.chunks.first': first,
      'starling.chunks.end': endChunk
    })
    bounded(flows, flow, { span, transfer, chunks: 0 }, () => {})
  }

  function answered(fetch: FetchId | null, now: Millis, fine: boolean | null): void {
    const known = fetch === null ? undefined : fetches.get(fetch)
    if (fetch === null || known === undefined) return
    fetches.delete(fetch)
    const from = contents.get(known.transfer)?.peers.get(known.peer)
    if (from !== undefined) {
      from.waiting--
      from.lastAt = now
      if (fine === true) from.chunks++
      if (fine === false) from.failed++
    }
    endIfOver(known.transfer)
  }

  function endIfOver(transfer: TransferId): void {
    const content = contents.get(transfer)
    if (content === undefined || content.readers > 0 || content.flows.size > 0) return
    for (const { waiting } of content.peers.values()) if (waiting > 0) return
    end(content)
    contents.delete(transfer)
    askedBy.delete(transfer)
  }

  function end({ span, peers, untold }: Content): void {
    for (const from of peers.values()) endPeer(from)
    if (untold > 0) span.note({ 'starling.fetches.untold': untold })
    span.end()
  }

  function endPeer({ span, chunks, failed, lastAt }: FromPeer): void {
    span.note({ 'starling.chunks': chunks, 'starling.failures': failed })
    span.end(chunks === 0 && failed > 0 ? 'it gave nothing' : null, lastAt)
  }

  const before: Handlers<AgentEvent> = {
    'content-wanted'({ wish, key }) {
      bounded(wishes, wish, { key, request: spans.current() }, () => {})
    },
    'wish-dropped'({ wish }) {
      wishes.delete(wish)
    },
    'range-wanted'({ reader, transfer }) {
      readers.set(reader, transfer)
      contentOf(transfer).readers++
    },
    'peer-joined'({ role, peer }) {
      if (role === 'gateway') gateways.add(peer)
    },
    'not-resolved'({ key, failed, reason }) {
      resolving.get(key)?.span.end(failed ? reason : null)
      resolving.delete(key)
    },
    'chunk-stored'({ source, fetch }, now) {
      const flow = source.kind === 'upstream' ? flows.get(source.flow) : undefined
      if (flow !== undefined) flow.chunks++
      answered(fetch, now, true)
    },
    'fetch-failed'({ fetch }, now) {
      answered(fetch, now, false)
    }
  }

  const decided: Handlers<AgentEffect> = {
    'answer-wish'({ wish, transfer }) {
      const request = wishes.get(wish)?.request ?? null
      if (request !== null) bounded(askedBy, transfer, request, () => {})
      wishes.delete(wish)
    },
    'pass-wish'({ wish }) {
      wishes.delete(wish)
    },
    resolve({ key, url }) {
      const waiting = [...wishes.values()].find(wish => wish.key === key && wish.request !== null)
      const facts = { 'url.full': withoutQuery(url) }
      const span = spans.begin('resolve', { kind: 'client', parent: waiting?.request ?? null, facts })
      bounded(resolving, key, { span, url }, oldest => {
        oldest.span.end()
      })
    },
    'fetch-upstream'({ flow, transfer, url, firstChunk, endChunk }) {
      beginFlow(flow, transfer, url, firstChunk, endChunk)
    },
    'fetch-chunk'({ fetch, transfer, peer }, now) {
      const content = contentOf(transfer)
      let from = content.peers.get(peer)
      if (from === undefined) {
        const source = gateways.has(peer) ? 'gateway' : 'peer'
        const span = fetchSpan(content, { 'starling.source': source, 'starling.peer': peer })
        if (span === null) return
        content.peers.set(peer, (from = { span, waiting: 0, chunks: 0, failed: 0, lastAt: now }))
      }
      from.waiting++
      bounded(fetches, fetch, { transfer, peer }, () => {})
    },
    'cancel-fetch'({ fetch }, now) {
      answered(fetch, now, null)
    }
  }

  /** What comes of them is decided by then. */
  const after: Handlers<AgentEvent> = {
    resolved({ key, head, flow }) {
      const known = resolving.get(key)
      resolving.delete(key)
      known?.span.end()
      if (flow !== null) beginFlow(flow.id, head.transfer, known?.url ?? '', flow.firstChunk, flow.endChunk)
    },
    'range-done'({ reader }) {
      const transfer = readers.get(reader)
      const content = transfer === undefined ? undefined : contents.get(transfer)
      readers.delete(reader)
      if (content !== undefined && content.readers > 0) content.readers--
      if (transfer !== undefined) endIfOver(transfer)
    },
    'flow-ended'({ flow: id, reason }) {
      const flow = flows.get(id)
      if (flow === undefined) return
      flows.delete(id)
      flow.span?.note({ 'starling.chunks': flow.chunks, 'starling.end': reason })
      flow.span?.end(reason === 'done' || reason === 'cancelled' ? null : reason)
      contents.get(flow.transfer)?.flows.delete(id)
      endIfOver(flow.transfer)
    },
    'peer-left'({ peer: gone }, now) {
      gateways.delete(gone)
      for (const [fetch, { peer }] of fetches) if (peer === gone) answered(fetch, now, null)
    }
  }
  return { before, decided, after }
}

type Handlers<One extends { readonly type: string }> = {
  readonly [Type in One['type']]?: (one: Extract<One, { readonly type: Type }>, now: Millis) => void
}

function tell<One extends { readonly type: string }>(handlers: Handlers<One>, one: One, now: Millis): void {
  const handler = handlers[one.type as One['type']] as ((one: One, now: Millis) => void) | undefined
  handler?.(one, now)
}

function bounded<Key, Value>(
  map: Map<Key, Value>,
  key: Key,
  value: Value,
  dropped: (oldest: Value) => void
): void {
  map.set(key, value)
  if (map.size <= openMax) return
  for (const [oldest, one] of map) {
    map.delete(oldest)
    return dropped(one)
  }
}
