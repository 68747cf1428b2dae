/** Signing in and out, accounts and tokens. */
import {
  changeAccount,
  changeOwnPassword,
  createAccount,
  createToken,
  listAccounts,
  listTokens,
  offerFirstAdmin,
  redeemFirstAdmin,
  removeAccount,
  revokeToken,
  signIn,
  signOut
} from '@starling/shared/admin-api/accounts.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { FastifyReply } from 'fastify'
import { signInWrong, type Accounts } from '../accounts.ts'
import { byActor, byStranger } from '../by.ts'
import type { AuditLog } from '../ports.ts'
import { sessionCookie, sessionOf } from './access.ts'
import { createFailureBrake, type FailureBrake } from './rate-limit.ts'
import type { AddRoute } from './route.ts'

const done = { done: true } as const
const cookieRules = 'Path=/; Secure; HttpOnly; SameSite=Strict'

export function addAccountRoutes(
  route: AddRoute,
  {
    accounts,
    audit,
    clock
  }: {
    readonly accounts: Accounts
    readonly audit: Pick<AuditLog, 'write'>
    readonly clock: () => number
  }
): void {
  // Both: one address may not try many accounts, nor many addresses one account.
  const byAddress = createFailureBrake(clock)
  const byAccount = createFailureBrake(clock)

  route(signIn, async ({ body: { name: typed, password }, by, reply }) => {
    const name = typed.toLowerCase()
    braked(reply, [
      [byAddress, by.address],
      [byAccount, name]
    ])
    const role = await accounts.roleOf(name, password)
    if (role === null) {
      byAddress.failed(by.address)
      byAccount.failed(name)
      // People type passwords where names belong: only a name that exists is written down.
      const isKnown = (await accounts.list()).some(account => account.name === name)
      const called = isKnown ? name : ''
      await audit.write({
        by: byStranger(by.action, by.address, called),
        target: isKnown ? name : 'unknown account',
        outcome: 'sign-in-wrong'
      })
      throw signInWrong()
    }
    const actor = { kind: 'account', name, role, site: null } as const
    const { session, expiresAt } = await accounts.signIn(byActor(actor, by.action, by.address), name)
    reply.header('set-cookie', `${sessionCookie}=${session}; ${cookieRules}`)
    return { ...actor, expiresAt }
  })

  route(signOut, async ({ by, request, reply }) => {
    const session = sessionOf(request)
    if (session === null)
      throw new StarlingError('not-an-account', 'only an account that is signed in can sign out')
    await accounts.signOut(by, session)
    reply.header('set-cookie', `${sessionCookie}=; ${cookieRules}; Max-Age=0`)
    return done
  })

  route(redeemFirstAdmin, async ({ body: { code, name, password }, by, reply }) => {
    braked(reply, [[byAddress, by.address]])
    try {
      return await accounts.redeemFirstAdmin(by, code, name, password)
    } catch (error) {
      if (error instanceof StarlingError && error.code === 'code-wrong') {
        byAddress.failed(by.address)
        await audit.write({ by, target: 'first admin', outcome: error.code })
      }
      throw error
    }
  })

  route(offerFirstAdmin, async ({ by }) => await accounts.offerFirstAdmin(by))

  route(changeOwnPassword, async ({ actor, body: { current, next }, by, request, reply }) => {
    const session = sessionOf(request)
    if (actor.kind !== 'account' || session === null)
      throw new StarlingError('not-an-account', 'only an account that is signed in has a password')
    braked(reply, [[byAccount, actor.name]])
    try {
      await accounts.changePassword(by, actor.name, current, next, session)
    } catch (error) {
      if (error instanceof StarlingError && error.code === 'sign-in-wrong') byAccount.failed(actor.name)
      throw error
    }
    return done
  })

  route(listAccounts, async () => ({ accounts: await accounts.list() }))
  route(createAccount, async ({ body: { name, role, password }, by }) =>
    accounts.create(by, name, role, password)
  )
  route(changeAccount, async ({ params: { name }, body, by }) => {
    await accounts.change(by, name, body)
    return done
  })
  route(removeAccount, async ({ params: { name }, by }) => {
    await accounts.remove(by, name)
    return done
  })

  route(listTokens, async () => ({ tokens: await accounts.tokens() }))
  route(createToken, async ({ body, by }) => {
    const { token, record } = await accounts.createToken(by, body)
    return { ...record, token }
  })
  route(revokeToken, async ({ params: { id }, by }) => {
    await accounts.revokeToken(by, id)
    return done
  })
}

/** @throws StarlingError `too-many-failures` */
function braked(reply: FastifyReply, tried: ReadonlyArray<readonly [FailureBrake, string]>): void {
  const waitMs = Math.max(...tried.map(([brake, who]) => brake.waitMs(who)))
  if (waitMs === 0) return
  const waitS = Math.ceil(waitMs / 1000)
  reply.header('retry-after', waitS)
  throw new StarlingError('too-many-failures', `too many wrong tries: try again in ${waitS} s`)
}
