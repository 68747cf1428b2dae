/**
 * The data plane: moves bytes between upstream, peers, the store and the clients, as the core says, and tells the core
 * what came of it. It decides nothing about sources or order; it sees to it that no wrong byte gets anywhere.
 *
 * Two promises hold all of it together:
 *
 * - Nothing is kept, announced or served before its SHA-256 was compared. Only bytes that this agent itself gets from the
 *   origin reach its own clients earlier (readers.ts says how that stays safe).
 * - Memory is bounded, whatever is asked: `buffersMax` chunks (buffers.ts), and for each reader a slice and at most one chunk that it
 *   was given before it was verified, or that is kept back for the digest of the whole. A slow client
 *   never holds up the swarm, because bytes go to the store and not to it.
 *
 * wishes -> resolve -> upstream-flow -> keeper -> readers is the way of a first download; peer-fetch and uploads are the
 * same for chunks that others have.
 */
import { recognise as recogniseUrl, type Recognised } from '@starling/shared/content-classes/recognise.ts'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import type { Digest } from '@starling/shared/manifest.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import type {
  BulkPort,
  ByteCounters,
  ContentPort,
  Emit,
  FetchId,
  FlowId,
  FlowsPort,
  SignerPort,
  StorePort,
  TransferView,
  UpstreamPort
} from '../ports.ts'
import { createBuffers } from './buffers.ts'
import { createCompletion } from './completion.ts'
import { createCounters } from './counters.ts'
import { createKeeper } from './keeper.ts'
import { checkTunables, flowsTunables, type FlowsTunables } from './limits.ts'
import { createPieces } from './pieces.ts'
import { createPeerFetch } from './peer-fetch.ts'
import { createRead } from './readers.ts'
import { createRefill } from './refill.ts'
import { createResolve } from './resolve.ts'
import { createTokenBucket } from './token-bucket.ts'
import { createTransfers, type Transfer } from './transfers.ts'
import { createUploads } from './uploads.ts'
import { createFill, newFlow, type Flow } from './upstream-flow.ts'
import { busiestOf, viewsOf } from './views.ts'
import { createWishes } from './wishes.ts'

export interface FlowsParts {
  readonly store: StorePort
  readonly upstream: UpstreamPort
  readonly bulk: BulkPort
  readonly signer: Pick<SignerPort, 'signHead'>
  readonly emit: Emit
  readonly now: () => Millis
  readonly log: Log
  /** For the counters: bytes from a gateway are told apart. */
  readonly roleOf: (peer: AgentId) => 'agent' | 'gateway'
  /** Default: the content classes that Starling knows by itself; policy may bring more. */
  readonly recognise?: (url: string) => Recognised
}

export interface Flows extends FlowsPort, ContentPort {
  /** Every transfer kept or on its way. */
  views(): TransferView[]
  /** The first so many of them, busiest and newest first, and how many there are. */
  busiest(countMax: number): {
    readonly transfers: readonly TransferView[]
    readonly transfersTotal: number
  }
  /** Whether `views` has it. */
  knows(transfer: TransferId): boolean
  /** Since this agent started. */
  totals(): Readonly<ByteCounters>
  /** Calls the listener after views or totals have changed, at most every `changesMs`. @returns what ends it. */
  onChange(listener: () => void): () => void
  /** Buffers in use, for the metrics. */
  buffersTaken(): number
  /** Ends all flows, fetches and reads, and waits for them. */
  close(): Promise<void>
}

export function createFlows(parts: FlowsParts, tunables: Partial<FlowsTunables> = {}): Flows {
  const limits = checkTunables({ ...flowsTunables, ...tunables })
  const { store, bulk, log, emit } = parts
  const buffers = createBuffers(limits)
  const counters = createCounters(limits.changesMs)
  const pieces = createPieces()
  const transfers = createTransfers({ store, counters, log, learnt }, limits)
  const keeper = createKeeper({ store, buffers, transfers, counters, emit }, limits)
  const wishes = createWishes({ emit })
  const steadily = () => performance.now()
  const pacing = {
    all: createTokenBucket(steadily),
    foreground: createTokenBucket(steadily),
    background: createTokenBucket(steadily)
  }
  const fill = createFill({ buffers, transfers, keeper, counters, emit, now: parts.now, pacing }, limits)
  const recognise = parts.recognise ?? ((url: string) => recogniseUrl(url))
  const resolve = createResolve({ ...parts, recognise, transfers, wishes, fill })
  const refill = createRefill({ upstream: parts.upstream, transfers, fill, emit })
  const fetchFromPeer = createPeerFetch({ ...parts, buffers, transfers, keeper, counters })
  const uploads = createUploads({ store, buffers, transfers, keeper, counters, emit })
  const complete = createCompletion({ store, buffers, transfers, keeper, spoil })
  const read = createRead({ store, transfers, keeper, counters, emit, now: parts.now, left }, limits)

  const flows = new Map<FlowId, Flow>()
  const fetches = new Map<FetchId, AbortController>()
  const closing = new AbortController()
  /** Whatever is under way, so that `close` can wait for it. */
  const work = new Set<Promise<void>>()

  /** Our own bugs end here, aloud: one failed effect must not end the process. */
  function run(what: string, task: () => Promise<void>): void {
    // In a turn of its own: no event reaches the core from within one of its own effects.
    const done = Promise.resolve()
      .then(task)
      .catch((error: unknown) => log.error({ error: messageOf(error) }, `bug: ${what} failed`))
      .finally(() => work.delete(done))
    work.add(done)
  }

  function beginFlow(id: FlowId): Flow {
    const flow = newFlow(id)
    flows.set(id, flow)
    if (closing.signal.aborted) flow.abort.abort()
    return flow
  }

  function failReaders(
    transfer: Transfer,
    sentence: string,
    code: 'transfer-failed' | 'content-untrusted' = 'transfer-failed'
  ): void {
    for (const reader of transfer.readers) reader.failure = new StarlingError(code, sentence)
    transfers.wake(transfer)
  }

  async function spoil(transfer: Transfer, sentence: string): Promise<void> {
    transfers.problem(transfer, sentence)
    failReaders(transfer, sentence, 'content-untrusted')
    await forget(transfer)
  }

  /** Out of sight at once; resolves when the store has removed it, too. */
  function letGo(transfer: Transfer): Promise<void> {
    const removed = transfers.forget(transfer)
    keeper.release(transfer)
    transfers.wake(transfer)
    return removed
  }

  async function forget(transfer: Transfer): Promise<void> {
    const removed = letGo(transfer)
    emit({ type: 'transfer-forgotten', transfer: transfer.id })
    await removed
  }

  function learnt(transfer: Transfer, chunk: number, digest: Digest): void {
    if (!pieces.agrees(transfer, chunk, digest)) contradicted(transfer, chunk)
  }
  function contradicted(transfer: Transfer, chunk: number): void {
    // A digest in the name that was found right says more than a file that came over plain HTTP.
    if (transfer.promised !== null && transfer.promiseKept) return
    const sentence = `chunk ${chunk} is not what the vendor's pieces hash file says: all of it was thrown away`
    run('throw away what the vendor contradicts', () => spoil(transfer, sentence))
  }

  function left(transfer: Transfer): void {
    if (!transfer.evictWhenUnread) return
    run('evict', async () => {
      const stillTo =
        transfer.evictWhenUnread && transfer.readers.size === 0 && !transfer.closing.signal.aborted
      if (stillTo) await forget(transfer)
    })
  }

  bulk.onRequest(uploads.asked)

  return {
    want: wishes.want,
    read,
    expectPieces(key, hashes) {
      pieces.expect(key, hashes)
      for (const { head } of store.outlines()) {
        const transfer = head.head.key === key ? transfers.get(head.transfer) : undefined
        const chunk = transfer === undefined ? null : pieces.firstContradiction(transfer)
        if (transfer !== undefined && chunk !== null) contradicted(transfer, chunk)
      }
    },
    isKept(id, start, end) {
      const transfer = transfers.get(id)
      if (transfer === undefined) return false
      const last = Math.ceil(Math.min(end, transfer.length) / transfer.chunkBytes)
      for (let chunk = Math.floor(start / transfer.chunkBytes); chunk < last; chunk++)
        if (!keeper.isKept(transfer, chunk)) return false
      return true
    },
    views: () => viewsOf(store, transfers),
    busiest: countMax => busiestOf(store, transfers, countMax),
    knows: transfer => transfers.peek(transfer) !== undefined || store.outline(transfer) !== null,
    totals: counters.total,
    onChange: counters.onChange,
    buffersTaken: buffers.taken,

    resolve(key, url, id) {
      const flow = beginFlow(id)
      run('resolve', () => resolve(key, url, flow).finally(() => flows.delete(id)))
    },

    openTransfer: head => void transfers.open(head),

    keepDigests: digests => transfers.keepDigests(digests),

    fetchChunk(wanted) {
      const abort = new AbortController()
      fetches.set(wanted.fetch, abort)
      if (closing.signal.aborted) abort.abort()
      run('fetch from a peer', () => fetchFromPeer(wanted, abort).finally(() => fetches.delete(wanted.fetch)))
    },

    cancelFetch: fetch => fetches.get(fetch)?.abort(),

    fetchUpstream(wanted) {
      const flow = beginFlow(wanted.flow)
      run('fetch from upstream', async () => {
        const transfer = transfers.get(wanted.transfer)
        const reason = transfer === undefined ? 'cancelled' : await refill(flow, transfer, wanted)
        flows.delete(flow.id)
        emit({ type: 'flow-ended', flow: flow.id, reason })
      })
    },

    cancelFlow(id, afterChunk) {
      const flow = flows.get(id)
      if (flow === undefined) return
      flow.stopping = true
      if (!afterChunk || !flow.inChunk) flow.abort.abort()
    },

    serve: upload => run('serve', () => uploads.serve(upload, closing.signal)),
    refuse: uploads.refuse,

    answerWish(wish, id) {
      const transfer = transfers.get(id)
      if (transfer === undefined) wishes.pass(wish, 'the content is not kept here any more')
      else wishes.answer(wish, transfer)
    },

    passWish: wishes.pass,

    failTransfer(id, reason) {
      const transfer = transfers.get(id)
      if (transfer === undefined) return
      transfers.problem(transfer, reason)
      failReaders(transfer, reason)
    },

    complete(id) {
      const transfer = transfers.get(id)
      if (transfer !== undefined) run('complete', () => complete(transfer))
    },

    setRates({ all, foreground, background }) {
      pacing.all.setRate(all)
      pacing.foreground.setRate(foreground)
      pacing.background.setRate(background)
    },

    setClass(id, isBackground) {
      const transfer = transfers.get(id)
      if (transfer !== undefined) transfer.isBackground = isBackground
    },

    measureDelay(url) {
      run('measure the delay', async () => {
        // Whatever goes wrong is no measurement; without an answer the core would never ask again.
        const roundTrip = await parts.upstream.roundTrip(url, closing.signal).catch(() => null)
        const backgroundBytes = pacing.background.spentSince()
        emit({ type: 'delay-sample', roundTrip, backgroundBytes })
      })
    },

    evict(id) {
      const transfer = transfers.get(id)
      if (transfer === undefined) return
      transfer.evictWhenUnread = true
      left(transfer)
    },

    forget(id) {
      const transfer = transfers.get(id)
      if (transfer === undefined) return
      const removed = letGo(transfer)
      run('forget', () => removed)
    },

    async close() {
      closing.abort()
      counters.stop()
      wishes.passAll('the agent is stopping')
      for (const flow of flows.values()) flow.abort.abort()
      for (const fetch of fetches.values()) fetch.abort()
      for (const transfer of transfers.all())
        failReaders(transfer, 'the agent is stopping: ask again once it runs')
      while (work.size > 0) await Promise.all(work)
    }
  }
}
