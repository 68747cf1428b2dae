/**
 * Facts from the core, as people meet them: a log line for the admin, and a sentence on the page as long as it is news.
 */
import type { AgentId } from '@starling/shared/ids.ts'
import { hourMs, type Millis } from '@starling/shared/units.ts'
import type { Log } from './log.ts'
import type { Fact } from './ports.ts'

export interface Reporter {
  report(fact: Fact): void
  /** Something that is wrong with this agent, in a sentence that says what to do. */
  problem(sentence: string): void
  /** What people should look at, newest first: of the last hour, each sentence once. */
  problems(): readonly string[]
  /** Purges that were too many to be taken. */
  purgesDropped(): number
  /** Bans that are in force, to be kept over a restart. */
  bans(): readonly Ban[]
}

export interface Ban {
  readonly peer: AgentId
  readonly until: Millis
  /** Absent: an earlier program kept none. */
  readonly reason?: string
}

const problemsMax = 20

export function createReporter(parts: {
  readonly log: Log
  readonly now: () => Millis
  readonly bans: readonly Ban[]
  readonly bansChanged: () => void
}): Reporter {
  const { log, now } = parts
  const problems = new Map<string, Millis>()
  const bans = new Map(parts.bans.map(ban => [ban.peer, ban]))

  let purgesDropped = 0

  function problem(sentence: string): void {
    problems.delete(sentence)
    problems.set(sentence, now())
    const oldest = problems.keys().next()
    if (problems.size > problemsMax && oldest.done !== true) problems.delete(oldest.value)
  }

  return {
    report(fact) {
      switch (fact.what) {
        case 'peer-blamed':
          log.warn(fact, 'a peer sent a corrupt chunk; nothing of it was kept')
          problem(
            `Peer ${fact.peer} sent a corrupt chunk, which was thrown away. It is avoided; check that machine's disk and memory.`
          )
          break
        case 'peer-banned':
          bans.set(fact.peer, { peer: fact.peer, until: fact.until, reason: fact.reason })
          parts.bansChanged()
          log.warn(fact, 'peer banned')
          problem(`Peer ${fact.peer} is banned until ${new Date(fact.until).toISOString()}: ${fact.reason}.`)
          break
        case 'claim-taken-over':
        case 'claim-lost':
          log.debug(fact, fact.what)
          break
        case 'foreground-escape':
          log.info(fact, 'a client waited too long for its site: fetched from upstream out of turn')
          break
        case 'purged':
          log.info(fact, 'purged')
          break
        case 'purge-dropped':
          purgesDropped++
          log.warn(fact, 'more purges of one agent than are taken')
          break
        case 'transfer-changed':
          log.warn(fact, 'the upstream serves another version in mid-download')
          break
      }
    },
    problem,
    purgesDropped: () => purgesDropped,
    problems: () =>
      [...problems]
        .filter(([, at]) => now() - at < hourMs)
        .map(([sentence]) => sentence)
        .reverse(),
    bans: () => [...bans.values()].filter(({ until }) => until > now())
  }
}
