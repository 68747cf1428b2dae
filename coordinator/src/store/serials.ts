/**
 * The serial of each credential that is issued. Those that are asked for while others are being written are written
 * together: after a restart a whole fleet asks within half a minute, and a write to the disk for each takes longer.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AgentId } from '@starling/shared/ids.ts'
import { dayMs, type Millis } from '@starling/shared/units.ts'
import type { Generated } from 'kysely'
import type { TicketStore } from '../ports.ts'
import type { Database } from './database.ts'
import { givenRows } from './rows.ts'

export interface CredentialTables {
  credentials: { serial: Generated<number>; agent: AgentId; issuedAt: number; notAfter: number }
}

type IssueSerial = TicketStore['issueSerial']
type Issued = Parameters<IssueSerial>[0]

interface Asked {
  readonly issued: Issued
  readonly answer: PromiseWithResolvers<number>
}

/** Audit needs the credentials that may still count somewhere, not those of last year. */
const credentialsKeptMs: Millis = 40 * dayMs

export function serialIssuer(database: Database): IssueSerial {
  let asked: Asked[] = []
  let isWriting = false

  async function writeAll(): Promise<void> {
    isWriting = true
    // Who asks in the same turn comes along.
    await nextTurn()
    while (asked.length > 0) {
      const now = asked
      asked = []
      try {
        const serials = await write(now.map(({ issued }) => issued))
        for (const { issued, answer } of now) answer.resolve(serials.get(issued.agent)!.pop()!)
      } catch (error) {
        for (const { answer } of now) answer.reject(error)
      }
    }
    isWriting = false
  }

  /** @returns as many of each agent as it has asked for */
  async function write(rows: readonly Issued[]): Promise<Map<AgentId, number[]>> {
    const given = givenRows(database.kind, { agent: 'text', at: 'integer', notAfter: 'integer' }, rows)
    return await database.transaction(async transaction => {
      const written = await transaction
        .insertInto('credentials')
        .columns(['agent', 'issuedAt', 'notAfter'])
        .expression(from => from.selectFrom(given).select(['given.agent', 'given.at', 'given.notAfter']))
        .returning(['agent', 'serial'])
        .execute()
      await transaction
        .deleteFrom('credentials')
        .where('agent', 'in', from => from.selectFrom(given).select('given.agent'))
        .where('notAfter', '<', Math.min(...rows.map(({ at }) => at)) - credentialsKeptMs)
        .execute()
      const serials = new Map<AgentId, number[]>()
      for (const { agent, serial } of written) {
        const of = serials.get(agent)
        if (of === undefined) serials.set(agent, [serial])
        else of.push(serial)
      }
      return serials
    })
  }

  return async issued => {
    const answer = Promise.withResolvers<number>()
    asked.push({ issued, answer })
    if (!isWriting) void writeAll()
    return await answer.promise
  }
}
