/**
 * One chunk from a peer: into a pooled buffer, hashed, compared, kept. Nobody sees a byte of it before.
 *
 * A fetch that the core cancelled is answered by nothing, except when its bytes are already being written: then they
 * are kept, and said to be.
 */
import { codeOf, messageOf } from '@starling/shared/errors.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import type { Digest } from '@starling/shared/manifest.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { BulkPort, Emit, FetchFailure, FetchId } from '../ports.ts'
import type { Buffers } from './buffers.ts'
import type { Counters } from './counters.ts'
import { digestOf, sameBytes } from './hashing.ts'
import type { Keeper } from './keeper.ts'
import { lengthOf, type Transfer, type Transfers } from './transfers.ts'

export interface PeerFetchParts {
  readonly bulk: Pick<BulkPort, 'fetch'>
  readonly buffers: Buffers
  readonly transfers: Transfers
  readonly keeper: Keeper
  readonly counters: Counters
  readonly emit: Emit
  readonly roleOf: (peer: AgentId) => 'agent' | 'gateway'
}

export interface PeerFetch {
  readonly fetch: FetchId
  readonly transfer: TransferId
  readonly chunk: number
  readonly digest: Digest
  readonly peer: AgentId
}

/** Resolves when everything about the fetch is told. Never rejects. */
export function createPeerFetch(
  parts: PeerFetchParts
): (wanted: PeerFetch, abort: AbortController) => Promise<void> {
  const { bulk, buffers, transfers, keeper, counters, emit } = parts

  return async function fetchChunk(wanted, abort) {
    const transfer = transfers.get(wanted.transfer)
    if (transfer === undefined || wanted.chunk < 0 || wanted.chunk >= transfer.chunks) {
      emit({ type: 'fetch-failed', fetch: wanted.fetch, reason: 'broken', retryAfterMs: 0 })
      return
    }
    const stop = () => abort.abort()
    transfer.closing.signal.addEventListener('abort', stop)
    await fetchInto(transfer, wanted, abort.signal)
    transfer.closing.signal.removeEventListener('abort', stop)
  }

  async function fetchInto(transfer: Transfer, wanted: PeerFetch, signal: AbortSignal): Promise<void> {
    const { fetch, chunk, digest, peer } = wanted
    const fail = (reason: FetchFailure, retryAfterMs: Millis = 0) => {
      if (!signal.aborted) emit({ type: 'fetch-failed', fetch, reason, retryAfterMs })
    }
    let buffer: Uint8Array
    try {
      buffer = await buffers.take(signal)
    } catch {
      return
    }
    const target = buffer.subarray(0, lengthOf(transfer, chunk))
    try {
      await bulk.fetch({ peer, transfer: transfer.id, chunk, target, signal })
    } catch (error) {
      buffers.give(buffer)
      const reason = failures.get(codeOf(error)) ?? 'broken'
      if (reason === 'broken' && !signal.aborted) {
        transfers.problem(transfer, `chunk ${chunk} did not come from ${peer}: ${messageOf(error)}`)
      }
      fail(reason, retryAfterOf(error))
      return
    }
    counters.add(
      transfer.bytes,
      parts.roleOf(peer) === 'gateway' ? 'fromGateway' : 'fromPeers',
      target.length
    )
    transfer.sources.add(peer)
    const fine = sameBytes(await digestOf(target), digest)
    if (!fine || signal.aborted) {
      buffers.give(buffer)
      counters.add(transfer.bytes, 'wasted', target.length)
      if (!fine) transfers.problem(transfer, `chunk ${chunk} from ${peer} does not match its signed digest`)
      fail('corrupt')
      return
    }
    await keeper.keep(transfer, { index: chunk, digest, buffer, source: { kind: 'peer', peer }, fetch })
  }
}

const failures = new Map<string, FetchFailure>([
  ['busy', 'busy'],
  ['gone', 'gone'],
  ['timeout', 'timeout'],
  ['broken', 'broken']
])

function retryAfterOf(error: unknown): Millis {
  const given =
    typeof error === 'object' && error !== null && 'retryAfterMs' in error ? error.retryAfterMs : 0
  return typeof given === 'number' && given > 0 ? given : 0
}
