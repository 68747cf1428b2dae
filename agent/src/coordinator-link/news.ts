/**
 * One request for news is always under way, on a connection of its own so that no heartbeat stands behind it. Where it
 * cannot be held (an older coordinator, one that has too many, a proxy that cuts it off), the heartbeats bring the same
 * half a minute later.
 */
import {
  apiPaths,
  newsResponseShape,
  newsWaitMs,
  type CoordinatorAddress,
  type NewsRequest,
  type NewsResponse
} from '@starling/shared/coordinator-api.ts'
import { codeOf } from '@starling/shared/errors.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { createApiClient, type Dial } from './api-client.ts'

/** What the coordinator may be late by. */
const answerSlackMs: Millis = 10 * secondMs
const firstRetryMs: Millis = secondMs
const retryMsMax: Millis = 30 * secondMs
/** Its room for waiting agents does not become free within seconds. */
const fullRetryMs: Millis = 10 * minuteMs

/** A policy, a purge and a revocation may well come one after the other. */
const atOnceMax = 8

const retryMs = (times: number): Millis => Math.min(retryMsMax, firstRetryMs * 2 ** Math.min(times, 10))

export interface NewsParts {
  readonly dial: Dial
  readonly random: () => number
  /** What this agent has; null: it takes no part now. */
  readonly has: () => {
    readonly request: NewsRequest
    readonly coordinators: readonly CoordinatorAddress[]
  } | null
  readonly take: (news: NewsResponse) => Promise<void>
  /** Refused in a way that the heartbeat has to find out about. */
  readonly refused: () => void
}

export interface NewsLine {
  /** A coordinator that knows of news answers. */
  open(): void
  stop(): Promise<void>
}

export function createNewsLine({ dial, random, has, take, refused }: NewsParts): NewsLine {
  const client = createApiClient(dial, newsWaitMs + answerSlackMs)
  let failures = 0
  /** Answers in a row that came at once: an agent that cannot take what it is told must not ask a thousand times a second. */
  let atOnce = 0
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  /** Asking, or waiting to ask again. */
  let isOpen = false
  let asking: Promise<void> = Promise.resolve()

  function again(waitMs: Millis): void {
    if (stopped) return
    // Between half and the whole: who was cut off together does not come back together.
    timer = setTimeout(
      () => {
        asking = ask()
      },
      waitMs * (0.5 + random() / 2)
    )
    timer.unref()
  }

  async function ask(): Promise<void> {
    const what = has()
    if (what === null || stopped) return void (isOpen = false)
    const askedAt = performance.now()
    try {
      const news = await client.ask(
        what.coordinators,
        apiPaths.news,
        what.request,
        newsResponseShape.nullable()
      )
      if (news !== null) await take(news)
      failures = 0
      atOnce = performance.now() < askedAt + secondMs ? atOnce + 1 : 0
      again(atOnce <= atOnceMax ? 0 : retryMs(atOnce - atOnceMax))
    } catch (error) {
      if (stopped) return
      switch (codeOf(error)) {
        case 'news-full':
          return again(fullRetryMs)
        case 'closed':
        case 'revoked':
        case 'not-enrolled':
          // Opened again by the next heartbeat that is answered.
          isOpen = false
          return refused()
        default:
          again(retryMs(failures++))
      }
    }
  }

  return {
    open() {
      if (isOpen || stopped) return
      isOpen = true
      asking = ask()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      client.close()
      await asking
    }
  }
}
