/**
 * Accounts, their sessions, and API tokens. Each change is one transaction with its audit entry. Of sessions and tokens
 * only a hash is here: who reads the database cannot sign in with it.
 */
import type { AccountRole } from '@starling/shared/admin-api/roles.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { SiteId } from '@starling/shared/ids.ts'
import type { Selectable } from 'kysely'
import type { AccountRecord, AccountStore } from '../ports.ts'
import type { AuditChain } from './audit.ts'
import type { Database, Queries } from './database.ts'

export interface AccountTables {
  accounts: {
    name: string
    role: AccountRole
    passwordHash: string
    isDisabled: number
    createdAt: number
    signedInAt: number | null
  }
  sessions: { hash: string; account: string; createdAt: number; expiresAt: number }
  apiTokens: {
    id: string
    hash: string
    name: string
    role: AccountRole
    site: SiteId | null
    createdAt: number
    createdBy: string
    expiresAt: number
    usedAt: number | null
    revokedAt: number | null
  }
}

const codeFact = 'first-admin'
const accountColumns = ['name', 'role', 'isDisabled', 'createdAt', 'signedInAt'] as const
const tokenColumns = [
  'id',
  'name',
  'role',
  'site',
  'createdAt',
  'createdBy',
  'expiresAt',
  'usedAt',
  'revokedAt'
] as const

export function accountStore(database: Database, audit: AuditChain): AccountStore {
  const { db } = database

  /** Everything that could take the last admin away, or make the first one, goes through here one at a time. */
  async function lockAccounts(within: Queries): Promise<void> {
    await within
      .insertInto('facts')
      .values({ name: 'accounts', value: '1' })
      .onConflict(conflict => conflict.column('name').doNothing())
      .execute()
    await within.selectFrom('facts').select('name').where('name', '=', 'accounts').forUpdate().execute()
  }

  async function insertAccount(
    within: Queries,
    { name, role, disabled, createdAt, signedInAt, passwordHash }: AccountRecord & { passwordHash: string }
  ): Promise<void> {
    const { numInsertedOrUpdatedRows } = await within
      .insertInto('accounts')
      .values({ name, role, passwordHash, isDisabled: Number(disabled), createdAt, signedInAt })
      .onConflict(conflict => conflict.column('name').doNothing())
      .executeTakeFirst()
    if (numInsertedOrUpdatedRows === 0n)
      throw new StarlingError('account-exists', `there is an account ${name} already: choose another name`)
  }

  /** What is left must hold an admin who can sign in. */
  async function refuseLastAdmin(within: Queries, name: string): Promise<void> {
    const admins = await within
      .selectFrom('accounts')
      .select('name')
      .where('role', '=', 'admin')
      .where('isDisabled', '=', 0)
      .execute()
    if (admins.length > 0 && admins.every(admin => admin.name === name))
      throw new StarlingError('last-admin', `${name} is the last admin: make another one first`)
  }

  async function firstAdminCode(
    within: Queries
  ): Promise<{ readonly hash: string; readonly expiresAt: number } | null> {
    const fact = await within
      .selectFrom('facts')
      .select('value')
      .where('name', '=', codeFact)
      .executeTakeFirst()
    const [, expiresAt, hash] = /^(\d+) ([0-9a-f]{64})$/.exec(fact?.value ?? '') ?? []
    return hash === undefined ? null : { hash, expiresAt: Number(expiresAt) }
  }

  const hasAccounts = async (within: Queries): Promise<boolean> =>
    (await within.selectFrom('accounts').select('name').limit(1).executeTakeFirst()) !== undefined

  /**
   * Whether what somebody made still counts: not when his account is disabled or gone, also when he made it by way of another
   * token. Who may read admin.token makes them as `local`, and needs no account.
   */
  async function mayStill(maker: string): Promise<boolean> {
    // No account has a space in its name.
    const token = / \(([0-9a-f]{16})\)$/.exec(maker)?.[1]
    if (token !== undefined) {
      const { createdBy } =
        (await db.selectFrom('apiTokens').select('createdBy').where('id', '=', token).executeTakeFirst()) ??
        {}
      return createdBy !== undefined && (await mayStill(createdBy))
    }
    const account = await db
      .selectFrom('accounts')
      .select('isDisabled')
      .where('name', '=', maker)
      .executeTakeFirst()
    return account === undefined ? maker === 'local' : account.isDisabled === 0
  }

  return {
    async accounts() {
      const rows = await db.selectFrom('accounts').select(accountColumns).orderBy('name').execute()
      return rows.map(recordOf)
    },
    async passwordHash(name) {
      const row = await db
        .selectFrom('accounts')
        .select('passwordHash')
        .where('name', '=', name)
        .where('isDisabled', '=', 0)
        .executeTakeFirst()
      return row?.passwordHash ?? null
    },
    async createAccount(by, account) {
      await database.transaction(async transaction => {
        await lockAccounts(transaction)
        await insertAccount(transaction, account)
        await transaction.deleteFrom('facts').where('name', '=', codeFact).execute()
        await audit.append(transaction, { by, target: account.name, detail: account.role })
      })
    },
    async changeAccount(by, name, { role, disabled, passwordHash }, sessionKept = '') {
      await database.transaction(async transaction => {
        await lockAccounts(transaction)
        if ((role !== undefined && role !== 'admin') || disabled === true)
          await refuseLastAdmin(transaction, name)
        const { numUpdatedRows } = await transaction
          .updateTable('accounts')
          .set({
            name,
            ...(role === undefined ? {} : { role }),
            ...(disabled === undefined ? {} : { isDisabled: Number(disabled) }),
            ...(passwordHash === undefined ? {} : { passwordHash })
          })
          .where('name', '=', name)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) throw unknownAccount(name)
        await transaction
          .deleteFrom('sessions')
          .where('account', '=', name)
          .where('hash', '<>', sessionKept)
          .execute()
        const changes = [
          role === undefined ? '' : `role ${role}`,
          disabled === undefined ? '' : disabled ? 'disabled' : 'enabled',
          passwordHash === undefined ? '' : 'password'
        ]
        await audit.append(transaction, { by, target: name, detail: changes.filter(Boolean).join(', ') })
      })
    },
    async removeAccount(by, name) {
      await database.transaction(async transaction => {
        await lockAccounts(transaction)
        await refuseLastAdmin(transaction, name)
        const { numDeletedRows } = await transaction
          .deleteFrom('accounts')
          .where('name', '=', name)
          .executeTakeFirst()
        if (numDeletedRows === 0n) throw unknownAccount(name)
        await audit.append(transaction, { by, target: name })
      })
    },

    firstAdminCode: () => firstAdminCode(db),
    async offerFirstAdmin(by, { hash, expiresAt }) {
      return await database.transaction(async transaction => {
        await lockAccounts(transaction)
        if (await hasAccounts(transaction)) return false
        const value = `${expiresAt} ${hash}`
        await transaction
          .insertInto('facts')
          .values({ name: codeFact, value })
          .onConflict(conflict => conflict.column('name').doUpdateSet({ value }))
          .execute()
        await audit.append(transaction, { by, target: 'first admin' })
        return true
      })
    },
    async takeFirstAdmin(by, codeHash, account) {
      await database.transaction(async transaction => {
        await lockAccounts(transaction)
        const code = await firstAdminCode(transaction)
        if (
          code === null ||
          code.hash !== codeHash ||
          code.expiresAt <= account.createdAt ||
          (await hasAccounts(transaction))
        ) {
          throw new StarlingError(
            'code-wrong',
            'this code is not valid, or not any more: "starling-coordinator first-admin" on the machine of the coordinator makes a new one'
          )
        }
        await insertAccount(transaction, account)
        await transaction.deleteFrom('facts').where('name', '=', codeFact).execute()
        await audit.append(transaction, { by, target: account.name, detail: 'first admin' })
      })
    },

    async createSession(by, { hash, account, at, expiresAt }) {
      await database.transaction(async transaction => {
        await transaction.deleteFrom('sessions').where('expiresAt', '<=', at).execute()
        await transaction.insertInto('sessions').values({ hash, account, createdAt: at, expiresAt }).execute()
        await transaction
          .updateTable('accounts')
          .set({ signedInAt: at })
          .where('name', '=', account)
          .execute()
        await audit.append(transaction, { by, target: account })
      })
    },
    async session(hash, now) {
      const row = await db
        .selectFrom('sessions')
        .innerJoin('accounts', 'accounts.name', 'sessions.account')
        .select(['sessions.account', 'accounts.role', 'sessions.expiresAt'])
        .where('hash', '=', hash)
        .where('sessions.expiresAt', '>', now)
        .where('isDisabled', '=', 0)
        .executeTakeFirst()
      return row ?? null
    },
    async prolongSession(hash, expiresAt) {
      await db.updateTable('sessions').set({ expiresAt }).where('hash', '=', hash).execute()
    },
    async endSession(by, hash) {
      await database.transaction(async transaction => {
        await transaction.deleteFrom('sessions').where('hash', '=', hash).execute()
        await audit.append(transaction, { by, target: by.actor })
      })
    },

    async tokens() {
      return await db
        .selectFrom('apiTokens')
        .select(tokenColumns)
        .orderBy('createdAt')
        .orderBy('id')
        .execute()
    },
    async createToken(by, token) {
      await database.transaction(async transaction => {
        await transaction.insertInto('apiTokens').values(token).execute()
        const { id, name, role, site, expiresAt } = token
        const scope = [role, site === null ? '' : `of ${site}`, `until ${new Date(expiresAt).toISOString()}`]
        await audit.append(transaction, {
          by,
          target: id,
          detail: [name, ...scope].filter(Boolean).join(' ')
        })
      })
    },
    async token(hash, now) {
      const row = await db
        .selectFrom('apiTokens')
        .select(tokenColumns)
        .where('hash', '=', hash)
        .where('expiresAt', '>', now)
        .where('revokedAt', 'is', null)
        .executeTakeFirst()
      return row !== undefined && (await mayStill(row.createdBy)) ? row : null
    },
    async tokenUsed(id, at) {
      await db.updateTable('apiTokens').set({ usedAt: at }).where('id', '=', id).execute()
    },
    async revokeToken(by, id, at) {
      await database.transaction(async transaction => {
        const { numUpdatedRows } = await transaction
          .updateTable('apiTokens')
          .set({ revokedAt: at })
          .where('id', '=', id)
          .where('revokedAt', 'is', null)
          .executeTakeFirst()
        if (numUpdatedRows === 0n)
          throw new StarlingError(
            'unknown-token',
            `there is no token ${id} that could be revoked: see "starling-coordinator token list"`
          )
        await audit.append(transaction, { by, target: id })
      })
    }
  }
}

function recordOf({
  name,
  role,
  isDisabled,
  createdAt,
  signedInAt
}: Omit<Selectable<AccountTables['accounts']>, 'passwordHash'>): AccountRecord {
  return { name, role, disabled: isDisabled !== 0, createdAt, signedInAt }
}

function unknownAccount(name: string): StarlingError {
  return new StarlingError(
    'unknown-account',
    `there is no account ${name}: see "starling-coordinator account list"`
  )
}
