/** Signing in over real HTTPS: cookies, brakes, sessions that slide and end, the first admin, and what the audit log says of it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  changeOwnPassword,
  createAccount,
  createToken,
  redeemFirstAdmin,
  signIn,
  signOut
} from '@starling/shared/admin-api/accounts.ts'
import { readAudit } from '@starling/shared/admin-api/audit.ts'
import { revokeAgent } from '@starling/shared/admin-api/fleet.ts'
import { showMe } from '@starling/shared/admin-api/service.ts'
import { dayMs, hourMs } from '@starling/shared/units.ts'
import { unattendedHeader } from '@starling/shared/unattended.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bearer, hostOf, startControlPlane, type Answer, type ControlPlane } from './control-plane.ts'

const password = 'four random words here'
let plane: ControlPlane
beforeEach(async () => {
  plane = await startControlPlane()
})
afterEach(() => plane.stop())

const makeAccount = (name: string) =>
  plane.asLocal(createAccount, createAccount.path, { name, role: 'operator', password })
const enter = (name: string, typed = password): Promise<Answer> =>
  plane.ask('POST', signIn.path, { body: { name, password: typed } })
const cookieIn = ({ headers }: Answer): string => String(headers['set-cookie']).split(';')[0]!
const meWith = async (cookie: string): Promise<number> =>
  (await plane.ask('GET', showMe.path, { headers: { cookie } })).status
const own = (cookie: string) => ({ cookie, origin: `https://${hostOf(plane.coordinator)}` })
const lastEntry = async () => (await plane.asLocal(readAudit, `${readAudit.path}?count=1`)).entries[0]

describe('a session', () => {
  it('comes in a cookie that no script reads and no other site sends, and is in the audit log', async () => {
    await makeAccount('eve')
    const answer = await enter('Eve')
    expect(answer).toMatchObject({ status: 200, body: { kind: 'account', name: 'eve', role: 'operator' } })
    expect(String(answer.headers['set-cookie'])).toMatch(
      /^__Host-starling=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/
    )
    expect(await lastEntry()).toMatchObject({
      kind: 'account',
      actor: 'eve',
      action: 'session.sign-in',
      outcome: 'done',
      address: '127.0.0.1'
    })
  })

  it('lasts eight hours from when it was last used', async () => {
    await makeAccount('eve')
    const cookie = cookieIn(await enter('eve'))
    for (let used = 0; used < 3; used++) {
      plane.now += 7 * hourMs
      expect(await meWith(cookie)).toBe(200)
    }
    plane.now += 8 * hourMs
    expect(await meWith(cookie)).toBe(401)
  })

  it('is not kept alive by a page that nobody uses', async () => {
    await makeAccount('eve')
    const cookie = cookieIn(await enter('eve'))
    const unattended = async (): Promise<number> =>
      (await plane.ask('GET', showMe.path, { headers: { cookie, [unattendedHeader]: '1' } })).status
    plane.now += 7 * hourMs
    expect(await unattended()).toBe(200)
    plane.now += 2 * hourMs
    expect(await unattended()).toBe(401)
  })

  it('ends with signing out, and all others with a new password', async () => {
    await makeAccount('eve')
    const [one, other, third] = [await enter('eve'), await enter('eve'), await enter('eve')].map(cookieIn)
    expect((await plane.ask('POST', signOut.path, { headers: own(one!) })).status).toBe(200)
    expect([await meWith(one!), await meWith(other!)]).toEqual([401, 200])
    const change = (current: string, next: string) =>
      plane.ask('POST', changeOwnPassword.path, { headers: own(other!), body: { current, next } })
    expect((await change('wrong', 'another four words')).code).toBe('sign-in-wrong')
    expect((await change(password, 'weak')).code).toBe('password-weak')
    expect((await change(password, 'another four words')).status).toBe(200)
    expect([await meWith(other!), await meWith(third!)]).toEqual([200, 401])
    expect([(await enter('eve')).status, (await enter('eve', 'another four words')).status]).toEqual([
      401, 200
    ])
  })
})

describe('a wrong password', () => {
  it('and an unknown name look the same; the log names only names that exist', async () => {
    await makeAccount('eve')
    const [wrong, unknown] = [await enter('eve', 'guess'), await enter('hunter2-my-password', 'guess')]
    expect(wrong).toMatchObject({ status: 401, code: 'sign-in-wrong' })
    expect(unknown.body).toEqual(wrong.body)
    const { entries } = await plane.asLocal(readAudit, `${readAudit.path}?action=session.sign-in`)
    expect(entries).toMatchObject([
      { kind: 'unknown', actor: '', target: 'unknown account', outcome: 'sign-in-wrong' },
      { kind: 'unknown', actor: 'eve', target: 'eve', outcome: 'sign-in-wrong' }
    ])
  })

  it('typed ten times makes the account wait, also for who knows it, and says how long', async () => {
    await makeAccount('eve')
    for (let n = 0; n < 10; n++) expect((await enter('eve', 'guess')).status).toBe(401)
    const braked = await enter('eve')
    expect(braked).toMatchObject({ status: 429, code: 'too-many-failures', headers: { 'retry-after': '6' } })
    plane.now += 6000
    expect((await enter('eve')).status).toBe(200)
  }, 30_000)
})

describe('the first admin', () => {
  const redeem = (code: string) =>
    plane.ask('POST', redeemFirstAdmin.path, { body: { code, name: 'root', password } })

  it('is made once with the code of the first start', async () => {
    const { code } = plane.coordinator.firstAdmin!
    expect((await readFile(join(plane.folder, 'first-admin.code'), 'utf8')).trim()).toBe(code)
    expect((await redeem(`${code}x`)).code).toBe('code-wrong')
    expect(await lastEntry()).toMatchObject({ action: 'account.first-admin', outcome: 'code-wrong' })
    expect(await redeem(code)).toMatchObject({ status: 200, body: { name: 'root', role: 'admin' } })
    await expect(readFile(join(plane.folder, 'first-admin.code'))).rejects.toMatchObject({ code: 'ENOENT' })
    expect((await redeem(code)).code).toBe('code-wrong')
    expect((await enter('root')).status).toBe(200)
  })

  it('is not made with a code that is a day old', async () => {
    plane.now += dayMs
    expect((await redeem(plane.coordinator.firstAdmin!.code)).code).toBe('code-wrong')
  })
})

describe('what was not allowed, or failed,', () => {
  it('is in the audit log with who tried', async () => {
    const { token, id } = await plane.asLocal(createToken, createToken.path, {
      name: 'ci',
      role: 'viewer',
      expiresInMs: hourMs
    })
    const path = revokeAgent.path.replace('{agent}', plane.coordinator.id)
    expect((await plane.ask('POST', path, { headers: bearer(token), body: {} })).status).toBe(403)
    expect(await lastEntry()).toMatchObject({ kind: 'token', actor: `ci (${id})`, outcome: 'role-too-low' })
    await expect(plane.asLocal(revokeAgent, path, {})).rejects.toThrow('unknown-agent')
    expect(await lastEntry()).toMatchObject({
      kind: 'local',
      action: 'agent.revoke',
      target: plane.coordinator.id,
      outcome: 'unknown-agent'
    })
  })
})
