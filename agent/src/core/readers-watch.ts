/**
 * A client must not be held hostage by a claim, a peer or a gateway that brings nothing. For each reader this keeps
 * the time at which its next chunk is fetched out of turn (an *escape*): the policy's delay after the last sign of
 * progress, longer where a claim is slow but alive, and staggered by rank, so that a stalled claim costs one
 * duplicate and not one a client. When an escape is not possible either, the readers are told.
 */
import { extentOf } from '@starling/shared/chunking.ts'
import type { TransferId } from '@starling/shared/ids.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'
import { isLargeSite, type Around } from './around.ts'
import type { Claiming } from './claiming.ts'
import type { Fetching } from './fetching.ts'
import { escapePatienceMax, escapeStaggerMs, hopelessMs } from './limits.ts'
import type { Members } from './members.ts'
import type { Reader, Wants } from './wants.ts'

export interface WatchedSwarm {
  readonly transfer: TransferId
  readonly members: Members
  readonly wants: Wants
  readonly claiming: Claiming
  readonly fetching: Fetching
  /** Kept or held by this agent. */
  has(chunk: number): boolean
  fail(reason: string): void
}

/** So long a waiting client is put off by what others only say: four chunk times on a flow of 500 kbit/s. */
const wordsMsMax: Millis = minuteMs
/** A refused escape is not tried again at once, whatever policy says. */
const againMsMin: Millis = 100

export class ReadersWatch {
  readonly #swarm: WatchedSwarm
  readonly #around: Around
  /** When a peer last told us of a chunk that we do not have. */
  #newsAt: Millis = 0
  #lastChunkAt: Millis
  /** Chunks that this agent went to fetch out of turn. */
  readonly #escaped = new Set<number>()

  constructor(swarm: WatchedSwarm, around: Around, now: Millis) {
    this.#swarm = swarm
    this.#around = around
    this.#lastChunkAt = now
  }

  news(now: Millis): void {
    this.#newsAt = now
  }

  came(now: Millis): void {
    this.#lastChunkAt = now
  }

  /** @returns whether a chunk that was fetched out of turn was brought by somebody after all: we were too impatient. */
  inVain(chunk: number, fromUpstream: boolean): boolean {
    return this.#escaped.delete(chunk) && !fromUpstream
  }

  /** @returns when it wants to look again. */
  look(now: Millis): Millis | null {
    const { wants, claiming, transfer } = this.#swarm
    let next: Millis | null = null
    for (const reader of wants.readers.values()) {
      const { chunk } = reader
      if (chunk >= reader.endChunk || this.#swarm.has(chunk) || claiming.covers(chunk)) continue
      let at = this.#escapeAt(reader, now)
      if (at <= now && this.#around.isAwake) {
        at = now + Math.max(againMsMin, this.#delayFromHttpMs(reader))
        if (claiming.escape(chunk, now)) {
          this.#escaped.add(chunk)
          this.#around.effect({ type: 'report', fact: { what: 'foreground-escape', transfer, chunk } })
        } else if (this.#hopeless(reader.movedAt, now)) {
          this.#swarm.fail('neither peers nor the upstream bring it')
          return null
        }
      }
      if (next === null || at < next) next = at
    }
    return next
  }

  #escapeAt(reader: Reader, now: Millis): Millis {
    const { chunk, movedAt } = reader
    const { members, claiming, fetching } = this.#swarm
    const { claims } = claiming
    const claim = claims.of(extentOf(chunk))
    const seenAt = Math.max(
      // Where not every claim is heard, haves that keep coming are the sign that the site is at work.
      isLargeSite(this.#around) || members.holders(chunk) > 0 ? this.#newsAt : 0,
      movedAt
    )
    const progressAt = Math.max(
      seenAt,
      claim?.progressAt ?? 0,
      // A claim that has just become void is taken over in the usual order first.
      claiming.openSince(extentOf(chunk)),
      fetching.startedAt(chunk) ?? 0
    )
    const patience = Math.min(escapePatienceMax, claims.patienceFactor)
    const delayMs = this.#delayFromHttpMs(reader) * patience
    const patientUntil = Math.min(
      // On a slow line a chunk takes long: a claim that is not void yet is worth waiting for.
      Math.max(progressAt + delayMs, claim === undefined ? 0 : claims.deadline(claim)),
      // But words alone, renewed for ever, must not keep anybody waiting.
      seenAt + delayMs + wordsMsMax
    )
    // The rank costs more than a comparison, and is not needed before the time has come at all.
    return patientUntil > now ? patientUntil : patientUntil + claiming.rank(extentOf(chunk)) * escapeStaggerMs
  }

  #delayFromHttpMs({ background }: Reader): Millis {
    const policy = this.#around.policy()
    return background ? policy.delayBackgroundDownloadFromHttpMs : policy.delayForegroundDownloadFromHttpMs
  }

  #hopeless(waitsSince: Millis, now: Millis): boolean {
    const quiet = now - Math.max(waitsSince, this.#lastChunkAt)
    return this.#swarm.claiming.refused
      ? quiet >= this.#around.policy().delayForegroundDownloadFromHttpMs
      : quiet >= hopelessMs
  }
}
