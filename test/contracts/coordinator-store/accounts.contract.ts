import { byItself } from '@starling/coordinator/by.ts'
import type { AccountStore } from '@starling/coordinator/ports.ts'
import { createSealingKey } from '@starling/coordinator/sealing.ts'
import { accountStore } from '@starling/coordinator/store/accounts.ts'
import { openAudit } from '@starling/coordinator/store/audit.ts'
import type { Database } from '@starling/coordinator/store/database.ts'
import { openSecrets } from '@starling/coordinator/store/secrets.ts'
import { beforeEach, expect, it } from 'vitest'
import type { StoreContract } from './contract.ts'

const masterKey = createSealingKey()
const by = byItself('test')
const hash = (n: number): string => String(n).repeat(64)
const account = (name: string, role: 'viewer' | 'admin' = 'admin') => ({
  name,
  role,
  disabled: false,
  createdAt: 1,
  signedInAt: null,
  passwordHash: `hash of ${name}`
})
const token = {
  id: 'id',
  hash: hash(1),
  name: 'ci',
  role: 'operator' as const,
  site: 'hq',
  createdAt: 1,
  createdBy: 'eve',
  expiresAt: 100,
  usedAt: null,
  revokedAt: null
}

export const accountsContract: StoreContract = harness => {
  let store: AccountStore
  const open = async (database: Database): Promise<AccountStore> => {
    const clock = (): number => 1
    const secrets = await openSecrets(database, masterKey, clock)
    return accountStore(database, await openAudit(database, secrets, clock))
  }
  beforeEach(async () => {
    store = await open(harness.database)
  })

  it('are made once a name, changed and removed', async () => {
    await store.createAccount(by, account('eve'))
    await expect(store.createAccount(by, account('eve', 'viewer'))).rejects.toMatchObject({
      code: 'account-exists'
    })
    await store.createAccount(by, account('bob', 'viewer'))
    await store.changeAccount(by, 'bob', { role: 'admin', passwordHash: 'new' })
    expect(await store.accounts()).toMatchObject([{ name: 'bob', role: 'admin' }, { name: 'eve' }])
    expect(await store.passwordHash('bob')).toBe('new')
    await store.changeAccount(by, 'bob', { disabled: true })
    expect([await store.passwordHash('bob'), await store.passwordHash('who')]).toEqual([null, null])
    await store.removeAccount(by, 'bob')
    for (const change of [
      () => store.removeAccount(by, 'bob'),
      () => store.changeAccount(by, 'bob', {})
    ])
      await expect(change()).rejects.toMatchObject({ code: 'unknown-account' })
  })

  it('never lose the last admin who can sign in, also when two are removed at once', async () => {
    await store.createAccount(by, account('eve'))
    await store.createAccount(by, account('bob'))
    await store.createAccount(by, account('vic', 'viewer'))
    const rival = await open(await harness.rival())
    const both = await Promise.allSettled([
      store.changeAccount(by, 'eve', { role: 'viewer' }),
      rival.removeAccount(by, 'bob')
    ])
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    const last = (await store.accounts()).find(({ role }) => role === 'admin')!.name
    for (const way of [
      () => store.removeAccount(by, last),
      () => store.changeAccount(by, last, { disabled: true }),
      () => store.changeAccount(by, last, { role: 'operator' })
    ])
      await expect(way()).rejects.toMatchObject({ code: 'last-admin' })
    await store.changeAccount(by, last, { role: 'admin', disabled: false })
    await store.removeAccount(by, 'vic')
  })

  it('the first admin is made once, with the code that counts, in time', async () => {
    expect(await store.firstAdminCode()).toBeNull()
    expect(await store.offerFirstAdmin(by, { hash: hash(1), expiresAt: 10 })).toBe(true)
    expect(await store.offerFirstAdmin(by, { hash: hash(2), expiresAt: 10 })).toBe(true)
    const take = (code: string, at: number) =>
      store.takeFirstAdmin(by, code, { ...account('eve'), createdAt: at })
    for (const wrong of [() => take(hash(1), 5), () => take(hash(2), 10)])
      await expect(wrong()).rejects.toMatchObject({ code: 'code-wrong' })
    const rival = await open(await harness.rival())
    const both = await Promise.allSettled([
      take(hash(2), 9),
      rival.takeFirstAdmin(by, hash(2), { ...account('bob'), createdAt: 9 })
    ])
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(await store.accounts()).toHaveLength(1)
    expect(await store.firstAdminCode()).toBeNull()
    expect(await store.offerFirstAdmin(by, { hash: hash(3), expiresAt: 10 })).toBe(false)
  })

  it('sessions end by time, by signing out, and with whatever changes in the account', async () => {
    await store.createAccount(by, account('eve'))
    await store.createAccount(by, account('bob'))
    const begin = (name: string, n: number) =>
      store.createSession(by, { hash: hash(n), account: name, at: 5, expiresAt: 10 })
    for (const n of [1, 2, 3]) await begin('eve', n)
    await begin('bob', 4)
    expect(await store.session(hash(1), 9)).toEqual({ account: 'eve', role: 'admin', expiresAt: 10 })
    expect(await store.session(hash(1), 10)).toBeNull()
    expect((await store.accounts())[1]).toMatchObject({ name: 'eve', signedInAt: 5 })
    await store.prolongSession(hash(1), 20)
    expect(await store.session(hash(1), 19)).not.toBeNull()
    await store.endSession(by, hash(2))
    expect(await store.session(hash(2), 9)).toBeNull()
    await store.changeAccount(by, 'eve', { passwordHash: 'new' }, hash(3))
    expect([await store.session(hash(1), 9), await store.session(hash(3), 9)]).toEqual([
      null,
      expect.objectContaining({ account: 'eve' })
    ])
    await store.removeAccount(by, 'eve')
    expect(await store.session(hash(3), 9)).toBeNull()
    expect(await store.session(hash(4), 9)).not.toBeNull()
  })

  it('tokens count until they expire or are revoked', async () => {
    await store.createAccount(by, account('eve', 'admin'))
    await store.createToken(by, token)
    expect(await store.token(hash(1), 99)).toMatchObject({ id: 'id', role: 'operator', site: 'hq' })
    expect(await store.token(hash(1), 100)).toBeNull()
    expect(await store.token(hash(2), 1)).toBeNull()
    await store.tokenUsed('id', 50)
    expect(await store.tokens()).toEqual([{ ...token, hash: undefined, usedAt: 50 }])
    await store.revokeToken(by, 'id', 60)
    expect(await store.token(hash(1), 61)).toBeNull()
    for (const id of ['id', 'nobody'])
      await expect(store.revokeToken(by, id, 70)).rejects.toMatchObject({ code: 'unknown-token' })
  })

  it('tokens stop with the account that made them, and those that were made by them', async () => {
    const first = '0123456789abcdef'
    for (const name of ['ann', 'eve']) await store.createAccount(by, account(name, 'admin'))
    await store.createToken(by, { ...token, id: first })
    await store.createToken(by, { ...token, id: 'made by it', hash: hash(2), createdBy: `t (${first})` })
    await store.createToken(by, { ...token, id: 'of the machine', hash: hash(3), createdBy: 'local' })
    const counting = async (): Promise<number[]> => {
      const found = await Promise.all([1, 2, 3].map(number => store.token(hash(number), 99)))
      return found.flatMap((one, index) => (one === null ? [] : [index + 1]))
    }
    expect(await counting()).toEqual([1, 2, 3])
    await store.changeAccount(by, 'eve', { disabled: true })
    expect(await counting()).toEqual([3])
    await store.changeAccount(by, 'eve', { disabled: false })
    expect(await counting()).toEqual([1, 2, 3])
    await store.removeAccount(by, 'eve')
    expect(await counting()).toEqual([3])
  })
}
