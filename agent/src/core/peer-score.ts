/**
 * What we think of each peer: how fast it delivers, how much it has in flight for us, and whether it is honest.
 * Speed decides who is asked, honesty whether at all. All figures are integers, so that a run repeats to the bit.
 */
import type { AgentId } from '@starling/shared/ids.ts'
import type { BytesPerSecond, Bytes, Millis } from '@starling/shared/units.ts'
import {
  banMs,
  blameCooldownMs,
  failureCooldownMs,
  failureCooldownMsMax,
  failuresForTrouble,
  hedgeMsMax,
  hedgeMsMin,
  hedgeMsUnknown,
  idleMs,
  strikeWindowMs,
  strikesForBan
} from './limits.ts'

interface Score {
  inFlight: number
  /** EWMA of delivered chunks, weight 1/8; 0: none yet. */
  rate: BytesPerSecond
  /** How long a chunk takes: EWMA and mean deviation, as TCP keeps them for its retransmission timer. */
  tookMs: Millis
  deviationMs: Millis
  /** Not asked before this moment: busy, cooling down or blamed. */
  restsUntil: Millis
  failuresInRow: number
  /** When it sent corrupt chunks, at most `strikesForBan` of the last hour. */
  strikes: Millis[]
  bannedUntil: Millis
  /** Until then its claims do not count: it claimed and fetched nothing. */
  idleUntil: Millis
}

/** What people may see of a score. */
export interface ScoreLook {
  /** In flight to it, over all transfers. */
  readonly requests: number
  /** Of delivered chunks; 0: none yet. */
  readonly bytesPerSecond: BytesPerSecond
  /** How long a chunk takes from it; 0: none has come yet. */
  readonly chunkMs: Millis
  /** It is not asked for so long. */
  readonly restsMs: Millis
  /** In a row. */
  readonly failures: number
  /** Corrupt chunks of the last hour. */
  readonly strikes: number
  readonly bannedMs: Millis
  /** What it says does not count until it delivers. */
  readonly isTroubled: boolean
  /** Its claims do not count for now. */
  readonly isIdle: boolean
}

export class PeerScores {
  readonly #scores = new Map<AgentId, Score>()
  /** What these say they have does not count until they deliver again: they failed us again and again, or lied. */
  readonly #troubled = new Set<AgentId>()

  inFlight(peer: AgentId): number {
    return this.#scores.get(peer)?.inFlight ?? 0
  }
  rate(peer: AgentId): BytesPerSecond {
    return this.#scores.get(peer)?.rate ?? 0
  }
  rests(peer: AgentId, now: Millis): boolean {
    return (this.#scores.get(peer)?.restsUntil ?? 0) > now
  }
  restsUntil(peer: AgentId): Millis {
    return this.#scores.get(peer)?.restsUntil ?? 0
  }
  banned(peer: AgentId, now: Millis): boolean {
    return (this.#scores.get(peer)?.bannedUntil ?? 0) > now
  }

  /** Whether it is worth asking `isTroubled` at all. */
  get anyTroubled(): boolean {
    return this.#troubled.size > 0
  }

  isTroubled(peer: AgentId): boolean {
    return this.#troubled.has(peer)
  }

  /** It has delivered a chunk before. */
  isProven(peer: AgentId): boolean {
    return (this.#scores.get(peer)?.rate ?? 0) > 0
  }

  isIdle(peer: AgentId, now: Millis): boolean {
    return (this.#scores.get(peer)?.idleUntil ?? 0) > now
  }

  /** It claimed an extent and brought nothing of it. */
  idled(peer: AgentId, now: Millis): void {
    this.#of(peer).idleUntil = now + idleMs
  }

  /** It was the first at the site to have a chunk: it does fetch. */
  brought(peer: AgentId): void {
    const score = this.#scores.get(peer)
    if (score !== undefined) score.idleUntil = 0
  }

  asked(peer: AgentId): void {
    this.#of(peer).inFlight++
  }

  /** A good chunk of its has come, be it after we had given it up: it was slow, and not mute. */
  cameThrough(peer: AgentId): void {
    this.#of(peer).failuresInRow = 0
    this.#troubled.delete(peer)
  }

  delivered(peer: AgentId, bytes: Bytes, tookMs: Millis): void {
    const score = this.#of(peer)
    score.inFlight = Math.max(0, score.inFlight - 1)
    this.cameThrough(peer)
    const rate = Math.floor((bytes * 1000) / Math.max(1, tookMs))
    score.rate = score.rate === 0 ? rate : score.rate + Math.trunc((rate - score.rate) / 8)
    const took = Math.ceil(tookMs)
    if (score.tookMs === 0) {
      score.tookMs = took
      score.deviationMs = took >> 1
    } else {
      score.deviationMs += Math.trunc((Math.abs(took - score.tookMs) - score.deviationMs) / 4)
      score.tookMs += Math.trunc((took - score.tookMs) / 8)
    }
  }

  /** After so long an answer is later than nearly all before it (mean and four deviations: beyond the 95th percentile). */
  lateAfterMs(peer: AgentId): Millis {
    const score = this.#scores.get(peer)
    if (score === undefined || score.tookMs === 0) return hedgeMsUnknown
    return Math.min(hedgeMsMax, Math.max(hedgeMsMin, score.tookMs + 4 * score.deviationMs))
  }

  /** The request ended through no fault of the peer: cancelled, or the chunk was gone. */
  ended(peer: AgentId): void {
    const score = this.#of(peer)
    score.inFlight = Math.max(0, score.inFlight - 1)
  }

  busy(peer: AgentId, retryAfterMs: Millis, now: Millis): void {
    this.ended(peer)
    this.#rest(peer, now + retryAfterMs)
  }

  failed(peer: AgentId, now: Millis): void {
    this.ended(peer)
    const score = this.#of(peer)
    this.#rest(
      peer,
      now + Math.min(failureCooldownMsMax, failureCooldownMs * 2 ** Math.min(10, score.failuresInRow))
    )
    score.failuresInRow++
    // Of one who has never delivered, one failure is enough: perhaps it only says that it has things.
    if (score.rate === 0 || score.failuresInRow >= failuresForTrouble) this.#troubled.add(peer)
  }

  /** @returns strikes of the last hour, this one included. At `strikesForBan` the peer is banned. */
  corrupt(peer: AgentId, now: Millis): number {
    this.ended(peer)
    const score = this.#of(peer)
    score.strikes = score.strikes.filter(at => at > now - strikeWindowMs)
    score.strikes.push(now)
    this.#rest(peer, now + blameCooldownMs)
    this.#troubled.add(peer)
    if (score.strikes.length >= strikesForBan) score.bannedUntil = now + banMs
    return score.strikes.length
  }

  look(peer: AgentId, now: Millis): ScoreLook {
    const score = this.#scores.get(peer)
    return {
      requests: score?.inFlight ?? 0,
      bytesPerSecond: score?.rate ?? 0,
      chunkMs: score?.tookMs ?? 0,
      restsMs: Math.max(0, (score?.restsUntil ?? 0) - now),
      failures: score?.failuresInRow ?? 0,
      strikes: score?.strikes.filter(at => at > now - strikeWindowMs).length ?? 0,
      bannedMs: Math.max(0, (score?.bannedUntil ?? 0) - now),
      isTroubled: this.isTroubled(peer),
      isIdle: this.isIdle(peer, now)
    }
  }

  bannedUntil(peer: AgentId): Millis {
    return this.#scores.get(peer)?.bannedUntil ?? 0
  }

  /** A ban of an earlier life of this agent. */
  restoreBan(peer: AgentId, until: Millis): void {
    this.#of(peer).bannedUntil = until
  }

  /** The connection is gone, and with it what was in flight. Its reputation stays. */
  left(peer: AgentId): void {
    const score = this.#scores.get(peer)
    if (score !== undefined) score.inFlight = 0
  }

  #rest(peer: AgentId, until: Millis): void {
    const score = this.#of(peer)
    score.restsUntil = Math.max(score.restsUntil, until)
  }

  #of(peer: AgentId): Score {
    let score = this.#scores.get(peer)
    if (score === undefined) {
      score = {
        inFlight: 0,
        rate: 0,
        tookMs: 0,
        deviationMs: 0,
        restsUntil: 0,
        failuresInRow: 0,
        strikes: [],
        bannedUntil: 0,
        idleUntil: 0
      }
      this.#scores.set(peer, score)
    }
    return score
  }
}
