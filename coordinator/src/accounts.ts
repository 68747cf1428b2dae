/**
 * Who is behind a session's cookie or an API token, and how they come to be. Secrets are 256 random bits that are shown
 * once; what is kept is their hash. Whether a session or token counts is asked of the database with each request, so
 * that what is revoked, disabled or signed out is so everywhere, at once.
 */
import { createHash, randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readSecretFile, writeSecretFile } from '@starling/agent/identity/secret-file.ts'
import type { AccountRole } from '@starling/shared/admin-api/roles.ts'
import type { Actor } from '@starling/shared/admin-api/service.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { SiteId } from '@starling/shared/ids.ts'
import { dayMs, hourMs, minuteMs, type Millis } from '@starling/shared/units.ts'
import { byItself } from './by.ts'
import { hashPassword, isPassword } from './passwords.ts'
import type { AccountRecord, AccountStore, By, TokenRecord } from './ports.ts'

/** A working day. It slides: who works on stays signed in, and a page that is only left open does not keep anybody so. */
export const sessionLifeMs: Millis = 8 * hourMs
/** A session is prolonged, and a token's use noted, no more often than this: reading must not mean writing. */
const notedEveryMs: Millis = minuteMs
const codeLifeMs: Millis = dayMs
export const firstAdminFileName = 'first-admin.code'

export interface FirstAdminCode {
  readonly code: string
  readonly expiresAt: Millis
}

export interface Accounts {
  list(): Promise<readonly AccountRecord[]>
  create(by: By, name: string, role: AccountRole, password: string): Promise<AccountRecord>
  change(
    by: By,
    name: string,
    change: { role?: AccountRole | undefined; disabled?: boolean | undefined; password?: string | undefined }
  ): Promise<void>
  /** @throws StarlingError `sign-in-wrong` when `current` is not the password */
  changePassword(by: By, name: string, current: string, next: string, session: string): Promise<void>
  remove(by: By, name: string): Promise<void>

  /** Null when name and password do not belong together; nothing tells which of the two was wrong. */
  roleOf(name: string, password: string): Promise<AccountRole | null>
  signIn(by: By, name: string): Promise<{ readonly session: string; readonly expiresAt: Millis }>
  signOut(by: By, session: string): Promise<void>
  /** @param isAttended it is prolonged: a person uses it */
  bySession(session: string, isAttended: boolean): Promise<Actor | null>

  tokens(): Promise<readonly TokenRecord[]>
  createToken(
    by: By,
    token: {
      readonly name: string
      readonly role: AccountRole
      readonly site: SiteId | null
      readonly expiresInMs: Millis
    }
  ): Promise<{ readonly token: string; readonly record: TokenRecord }>
  revokeToken(by: By, id: string): Promise<void>
  byToken(token: string): Promise<Actor | null>

  /** While there is no account. @throws StarlingError `has-accounts` */
  offerFirstAdmin(by: By): Promise<FirstAdminCode>
  /** At a first start. @returns null when there is an account, or a code was made before */
  offerFirstAdminOnce(): Promise<FirstAdminCode | null>
  /** @throws StarlingError `code-wrong`, `password-weak` */
  redeemFirstAdmin(by: By, code: string, name: string, password: string): Promise<AccountRecord>
}

export function createAccounts(store: AccountStore, dataFolder: string, clock: () => Millis): Accounts {
  const codePath = join(dataFolder, firstAdminFileName)
  const now = (): Millis => Math.floor(clock())
  const notedAt = new Map<string, Millis>()

  /** Whether it is time to write down that it was used. */
  function isDue(id: string): boolean {
    if (now() - (notedAt.get(id) ?? -Infinity) < notedEveryMs) return false
    // Whoever else has it has the same second thoughts: forgetting costs a write.
    if (notedAt.size > 10_000) notedAt.clear()
    notedAt.set(id, now())
    return true
  }

  async function newAccount(
    name: string,
    role: AccountRole,
    password: string
  ): Promise<AccountRecord & { readonly passwordHash: string }> {
    const passwordHash = await hashPassword(password, name)
    return { name, role, disabled: false, createdAt: now(), signedInAt: null, passwordHash }
  }

  async function offer(by: By): Promise<FirstAdminCode | null> {
    const code = randomBytes(16).toString('base64url')
    const expiresAt = now() + codeLifeMs
    if (!(await store.offerFirstAdmin(by, { hash: hashOf(code), expiresAt }))) return null
    await writeSecretFile(codePath, `${code}\n`)
    return { code, expiresAt }
  }

  return {
    list: () => store.accounts(),
    async create(by, name, role, password) {
      const account = await newAccount(name, role, password)
      await store.createAccount(by, account)
      await rm(codePath, { force: true })
      return account
    },
    async change(by, name, { role, disabled, password }) {
      const passwordHash = password === undefined ? undefined : await hashPassword(password, name)
      await store.changeAccount(by, name, { role, disabled, passwordHash })
    },
    async changePassword(by, name, current, next, session) {
      if (!(await isPassword(current, await store.passwordHash(name)))) throw signInWrong()
      const passwordHash = await hashPassword(next, name)
      await store.changeAccount(by, name, { passwordHash }, hashOf(session))
    },
    remove: (by, name) => store.removeAccount(by, name),

    async roleOf(name, password) {
      if (!(await isPassword(password, await store.passwordHash(name)))) return null
      return (await store.accounts()).find(account => account.name === name)?.role ?? null
    },
    async signIn(by, name) {
      const session = randomBytes(32).toString('base64url')
      const expiresAt = now() + sessionLifeMs
      await store.createSession(by, { hash: hashOf(session), account: name, at: now(), expiresAt })
      return { session, expiresAt }
    },
    signOut: (by, session) => store.endSession(by, hashOf(session)),
    async bySession(session, isAttended) {
      const hash = hashOf(session)
      const found = await store.session(hash, now())
      if (found === null) return null
      if (isAttended && isDue(hash)) await store.prolongSession(hash, now() + sessionLifeMs)
      return { kind: 'account', name: found.account, role: found.role, site: null }
    },

    tokens: () => store.tokens(),
    async createToken(by, { name, role, site, expiresInMs }) {
      const token = `sct_${randomBytes(32).toString('base64url')}`
      const hash = hashOf(token)
      const record: TokenRecord = {
        id: hash.slice(0, 16),
        name,
        role,
        site,
        createdAt: now(),
        createdBy: by.actor,
        expiresAt: now() + expiresInMs,
        usedAt: null,
        revokedAt: null
      }
      await store.createToken(by, { ...record, hash })
      return { token, record }
    },
    revokeToken: (by, id) => store.revokeToken(by, id, now()),
    async byToken(token) {
      const found = await store.token(hashOf(token), now())
      if (found === null) return null
      if (isDue(found.id)) await store.tokenUsed(found.id, now())
      return { kind: 'token', name: `${found.name} (${found.id})`, role: found.role, site: found.site }
    },

    async offerFirstAdmin(by) {
      const offered = await offer(by)
      if (offered !== null) return offered
      throw new StarlingError(
        'has-accounts',
        'there are accounts already: "starling-coordinator account create NAME --role admin" makes another admin'
      )
    },
    async offerFirstAdminOnce() {
      const known = await store.firstAdminCode()
      if (known === null) return await offer(byItself('account.first-admin-code'))
      // Gone after use is gone after time, too.
      if (known.expiresAt <= now() && (await readSecretFile(codePath)) !== null)
        await rm(codePath, { force: true })
      return null
    },
    async redeemFirstAdmin(by, code, name, password) {
      const account = await newAccount(name, 'admin', password)
      await store.takeFirstAdmin(by, hashOf(code.trim()), account)
      await rm(codePath, { force: true })
      return account
    }
  }
}

export function signInWrong(): StarlingError {
  return new StarlingError(
    'sign-in-wrong',
    'name and password do not belong together, or the account is disabled'
  )
}

/** Of 256 random bits: nothing that is guessed at, so no salt and no slowness. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
