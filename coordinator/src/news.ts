/**
 * Agents that wait for news: each holds one request, which is answered the moment that anything it has is old. What there
 * is stands in memory and is read anew when the database says that something has changed, by this coordinator or another;
 * so a poll costs no query, and 10,000 of them wake without one each.
 */
import type { NewsRequest, NewsResponse, PurgeNews } from '@starling/shared/coordinator-api.ts'
import type { RevocationList } from '@starling/shared/credential.ts'
import { StarlingError, messageOf } from '@starling/shared/errors.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { ScopedMember } from '@starling/shared/policy-scope.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { Log } from './log.ts'
import type { OrderDesk, PolicyDesk } from './ports.ts'

/** Each is a socket and a few KB. Those beyond hear of it with their heartbeats, half a minute later. */
const waitersMax = 10_000
/**
 * Between two lots the event loop serves others: waking all at once would hold heartbeats up for a second. Smaller lots
 * would have the first ask again before the last have heard.
 */
const wokenPerTurn = 1000
/** After the database did not answer: until it is read, heartbeats are answered with what was before, too. */
const readAgainMs: Millis = secondMs

export interface News {
  /**
   * Null: nothing came in the time, or the coordinator stops, or the agent asks on another line.
   * @throws StarlingError `news-full`, and `revoked` when that is the news
   */
  wait(member: ScopedMember, has: NewsRequest, gone: AbortSignal): Promise<NewsResponse | null>
  /** Something has changed: reads it and tells those whom it concerns. Resolves when all are told. */
  changed(): Promise<void>
  readonly waiting: () => number
  stop(): void
}

export interface NewsParts {
  readonly desk: Pick<PolicyDesk, 'newsFor'> & { load(): Promise<void> }
  readonly orders: Pick<OrderDesk, 'newsFor' | 'load'>
  readonly revocations: () => Promise<RevocationList | null>
  readonly purgesSince: (than: number) => Promise<PurgeNews>
  readonly log: Log
}

interface Waiter {
  readonly member: ScopedMember
  readonly has: NewsRequest
  readonly end: (answer: NewsResponse | null | StarlingError) => void
}

export function createNews({ desk, orders, revocations, purgesSince, log }: NewsParts, waitMs: Millis): News {
  const waiters = new Map<AgentId, Waiter>()
  let list: RevocationList | null = null
  let revoked: ReadonlySet<AgentId> = new Set()
  let purgesVersion = 0
  let stopped = false
  let reading: Promise<void> | null = null
  let again = false
  let retry: NodeJS.Timeout | undefined

  function revokedError(agent: AgentId): StarlingError {
    return new StarlingError(
      'revoked',
      `${agent} was revoked by an administrator and takes no part in the fleet any more`
    )
  }

  function newsFor(
    member: ScopedMember,
    has: NewsRequest
  ): (Omit<NewsResponse, 'purges'> & { readonly purgesAfter: number | null }) | null {
    const newer = list !== null && list.version > has.revocationsVersion ? list : null
    // Counts anew after a database was lost: that is news as well.
    const purgesAfter =
      has.purgesVersion === undefined || has.purgesVersion === purgesVersion ? null : has.purgesVersion
    const policy = desk.newsFor(member, has.policy)
    const ordered = orders.newsFor(member, has.orders)
    if (newer === null && purgesAfter === null && policy === null && ordered === null) return null
    return { revocations: newer, purgesAfter, policy, ...(ordered === null ? {} : { orders: ordered }) }
  }

  async function answerOf(news: NonNullable<ReturnType<typeof newsFor>>): Promise<NewsResponse> {
    const { purgesAfter, ...rest } = news
    return purgesAfter === null ? rest : { ...rest, purges: await purgesSince(purgesAfter) }
  }

  async function read(): Promise<void> {
    await desk.load()
    await orders.load()
    list = await revocations()
    revoked = new Set(list?.agents)
    purgesVersion = (await purgesSince(Number.MAX_SAFE_INTEGER)).version
  }

  async function wakeAll(): Promise<void> {
    let turn = 0
    // Those of now: who asks again meanwhile has heard.
    const toWake = Array.from(waiters.values())
    for (const waiter of toWake) {
      const { member, has, end } = waiter
      if (revoked.has(member.agent)) end(revokedError(member.agent))
      else {
        const news = newsFor(member, has)
        if (news !== null) end(await answerOf(news))
      }
      if (++turn % wokenPerTurn === 0) await new Promise(resolve => setImmediate(resolve))
    }
  }

  async function changed(): Promise<void> {
    // What changes while we read is read again: the last reading began after the last change.
    again = true
    reading ??= (async () => {
      try {
        while (again && !stopped) {
          again = false
          await read()
          await wakeAll()
        }
      } catch (error) {
        log.warn({ why: messageOf(error) }, 'news could not be read; it is tried again')
        clearTimeout(retry)
        if (!stopped)
          retry = setTimeout(() => {
            void changed()
          }, readAgainMs).unref()
      } finally {
        reading = null
      }
    })()
    await reading
  }

  return {
    changed,
    waiting: () => waiters.size,
    async wait(member, has, gone) {
      if (stopped) return null
      const now = newsFor(member, has)
      if (now !== null) return await answerOf(now)
      // An agent that has come back before its old connection was seen to end.
      waiters.get(member.agent)?.end(null)
      if (waiters.size >= waitersMax)
        throw new StarlingError(
          'news-full',
          `${waitersMax} agents wait for news here already: rely on the heartbeats, or add a coordinator`
        )
      return await new Promise((resolve, reject) => {
        const end: Waiter['end'] = answer => {
          if (waiters.get(member.agent) !== waiter) return
          waiters.delete(member.agent)
          clearTimeout(timer)
          if (answer instanceof StarlingError) reject(answer)
          else resolve(answer)
        }
        const waiter: Waiter = { member, has, end }
        const timer = setTimeout(end, waitMs, null)
        timer.unref()
        waiters.set(member.agent, waiter)
        gone.addEventListener('abort', () => {
          end(null)
        })
      })
    },
    stop() {
      stopped = true
      clearTimeout(retry)
      for (const { end } of waiters.values()) end(null)
    }
  }
}
