/**
 * The audit log: who did what to what, from where, and how it ended; appended in the transaction of the change itself, so
 * that there is no change without its entry and no entry without its change. audit-chain.ts makes it a chain.
 *
 * The head is kept aside, sealed, as the secret `audit-head`, which each append locks and renews: so several coordinators
 * write one chain, and who can write to the database but has no master key cannot cut the tail unseen.
 */
import type { Millis } from '@starling/shared/units.ts'
import {
  ChainCheck,
  emptyChain,
  linked,
  lostHeadAction,
  pruneAction,
  prunedThrough,
  type AuditEntry,
  type ChainHead
} from '../audit-chain.ts'
import type { AuditLog, AuditQuery, AuditVerdict, By, Deed } from '../ports.ts'
import { byItself } from '../by.ts'
import type { Database, Queries } from './database.ts'
import { storable } from './rows.ts'
import type { Secrets } from './secrets.ts'

export interface AuditTables {
  audit: { -readonly [Name in keyof AuditEntry]: AuditEntry[Name] }
}

const headName = 'audit-head'
const readAtOnce = 1000

export interface AuditChain extends AuditLog {
  /** In the transaction of the change. */
  append(within: Queries, deed: Deed): Promise<void>
}

export async function openAudit(
  database: Database,
  secrets: Secrets,
  clock: () => Millis
): Promise<AuditChain> {
  const { db } = database
  const written = new WeakSet<By>()

  async function headOf(within: Queries): Promise<ChainHead | null> {
    const bytes = await secrets.read(headName, within)
    if (bytes === null) return null
    const [, number, hash = ''] = /^(\d+) ([0-9a-f]{64})$/.exec(Buffer.from(bytes).toString('utf8')) ?? []
    return { number: Number(number), hash }
  }
  const keepHead = async (within: Queries, { number, hash }: ChainHead): Promise<void> => {
    await secrets.write(within, headName, Buffer.from(`${number} ${hash}`))
  }

  async function append(within: Queries, { by, target, detail = '', outcome = 'done' }: Deed): Promise<void> {
    const head = (await headOf(within)) ?? (await refoundHead(within))
    const entry = linked(head, {
      at: Math.floor(clock()),
      kind: by.kind,
      actor: short(by.actor, 128),
      role: by.role,
      action: by.action,
      target: short(target, 512),
      outcome,
      address: by.address,
      detail: short(detail, 1024)
    })
    await within.insertInto('audit').values(entry).execute()
    await keepHead(within, entry)
    written.add(by)
  }

  /** The sealed head is gone. What is there is gone on with, and an entry says so for ever. */
  async function refoundHead(within: Queries): Promise<ChainHead> {
    const last = await within
      .selectFrom('audit')
      .select(['number', 'hash'])
      .orderBy('number', 'desc')
      .limit(1)
      .executeTakeFirst()
    await keepHead(within, last ?? emptyChain)
    if (last === undefined) return emptyChain
    await append(within, { by: byItself(lostHeadAction), target: `after entry ${last.number}` })
    return (await headOf(within)) ?? emptyChain
  }

  async function* entries(): AsyncGenerator<AuditEntry> {
    let after = 0
    for (;;) {
      const some = await db
        .selectFrom('audit')
        .selectAll()
        .where('number', '>', after)
        .orderBy('number')
        .limit(readAtOnce)
        .execute()
      yield* some
      const last = some.at(-1)
      if (last === undefined || some.length < readAtOnce) return
      after = last.number
    }
  }

  async function verifyOnce(): Promise<AuditVerdict> {
    // The head first: what is appended meanwhile is newer, and is not looked at.
    const head = await headOf(db)
    if (head === null) return { entries: 0, problem: 'the sealed head of the log is missing' }
    const check = new ChainCheck()
    let isLonger = false
    for await (const entry of entries()) {
      if (entry.number <= head.number) check.see(entry)
      else isLonger = true
    }
    const problem = check.end(head)
    const isForged = isLonger && (await headOf(db))?.number === head.number
    return {
      entries: check.entries,
      problem:
        problem ??
        (isForged ? `entry ${head.number + 1} and what follows were not written by a coordinator` : null)
    }
  }

  // Now, so that only one coordinator founds the chain, and a missing head is said at once.
  await database.transaction(async transaction => {
    await transaction.selectFrom('facts').select('name').where('name', '=', 'secrets').forUpdate().execute()
    if ((await headOf(transaction)) === null) await refoundHead(transaction)
  })

  return {
    append,
    write: async deed => {
      await database.transaction(async transaction => {
        await append(transaction, deed)
      })
    },
    wrote: by => written.has(by),
    entries,
    async page({ from, to, actor, action, before, count }: AuditQuery) {
      return await db
        .selectFrom('audit')
        .selectAll()
        .$if(from !== undefined, query => query.where('at', '>=', from!))
        .$if(to !== undefined, query => query.where('at', '<', to!))
        .$if(actor !== undefined, query => query.where('actor', '=', actor!))
        .$if(action !== undefined, query => query.where('action', '=', action!))
        .$if(before !== undefined, query => query.where('number', '<', before!))
        .orderBy('number', 'desc')
        .limit(count)
        .execute()
    },
    async verify() {
      const found = await verifyOnce()
      // A prune between two reads looks like a cut; there are not two in a row.
      return found.problem === null ? found : await verifyOnce()
    },
    async prune(before) {
      return await database.transaction(async transaction => {
        // Locks the chain before it is looked at.
        await headOf(transaction)
        const keep = await transaction
          .selectFrom('audit')
          .select(({ fn }) => fn.min('number').as('number'))
          .where('at', '>=', before)
          .executeTakeFirst()
        const last = await transaction
          .selectFrom('audit')
          .select(['number', 'hash'])
          .$if(keep?.number != null, query => query.where('number', '<', keep!.number))
          .orderBy('number', 'desc')
          .limit(1)
          .executeTakeFirst()
        if (last === undefined) return 0
        const { numDeletedRows } = await transaction
          .deleteFrom('audit')
          .where('number', '<=', last.number)
          .executeTakeFirst()
        await append(transaction, {
          by: byItself(pruneAction),
          target: prunedThrough(last),
          detail: `${numDeletedRows} entries from before ${new Date(before).toISOString()}`
        })
        return Number(numDeletedRows)
      })
    }
  }
}

function short(text: string, lengthMax: number): string {
  return String(storable(text.slice(0, lengthMax)))
}
