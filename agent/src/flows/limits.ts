/**
 * The data plane's own numbers, each with its reason, and their relations asserted. What an admin may change is in
 * policy; these follow from the design.
 */
import { chunkBytesDefault } from '@starling/shared/chunking.ts'
import { assert } from '@starling/shared/errors.ts'
import { KiB, type Bytes, type Millis } from '@starling/shared/units.ts'

export interface FlowsTunables {
  /** One buffer takes one chunk. */
  readonly bufferBytes: Bytes
  /** Chunks in memory at a time, over everything: what is received, hashed, written, sent or held for readers. */
  readonly buffersMax: number
  /** Idle buffers kept for the next one; the rest goes back to the system, so that an idle agent is small. */
  readonly buffersIdleMax: number
  /** With a full disk: flows that run ahead of the readers stop once so many chunks are held in memory. */
  readonly heldPauseAt: number
  /** ... and from here on the held chunk that is farthest from any reader is dropped to make room. */
  readonly heldMax: number
  /** How much of a chunk a reader is given at a time. */
  readonly sliceBytes: Bytes
  /** `flow-progress` is told no more often than that (events.ts). */
  readonly progressMs: Millis
  /** Those who watch (the page) hear of changes no more often than that: smooth for eyes, nothing for the CPU. */
  readonly changesMs: Millis
  /** Problems of a transfer kept for people. */
  readonly problemsMax: number
}

export const flowsTunables: FlowsTunables = {
  bufferBytes: chunkBytesDefault,
  // 64 MiB: a gateway's 6 flows, 16 chunks from peers, 16 uploads, 12 held, and some to overlap them.
  buffersMax: 64,
  buffersIdleMax: 16,
  // 3 extents: the core itself looks ahead no more than one when the disk is full.
  heldPauseAt: 12,
  heldMax: 24,
  // Few enough system calls and wake-ups to be cheap, small enough that a hundred slow readers hold 50 MiB.
  sliceBytes: 512 * KiB,
  progressMs: 250,
  changesMs: 250,
  problemsMax: 5
}

export function checkTunables(tunables: FlowsTunables): FlowsTunables {
  assert(tunables.heldPauseAt < tunables.heldMax, 'flows must pause before held chunks are dropped')
  assert(tunables.heldMax * 2 <= tunables.buffersMax, 'held chunks must leave buffers for those on their way')
  assert(tunables.sliceBytes <= tunables.bufferBytes, 'a slice is a part of a chunk')
  return tunables
}
