/** Who may ask: signing in, accounts, API tokens. */
import { z } from 'zod'
import { isSiteId } from '../ids.ts'
import { accountRoleShape, operation, type Given } from './operation.ts'
import { actorShape } from './service.ts'

const at = z.number().int().nonnegative()
/** Lower case only, so that no two look alike but for their case. */
export const accountNameShape = z.string().regex(/^[a-z0-9][a-z0-9._@-]{0,63}$/)
/** Anything goes here; what is too weak is said in words. */
const passwordShape = z.string().max(1024)
const done = z.object({ done: z.literal(true) })

const accountShape = z.object({
  name: z.string(),
  role: accountRoleShape,
  disabled: z.boolean(),
  createdAt: at,
  signedInAt: at.nullable()
})
export type AccountView = Given<z.output<typeof accountShape>>

const tokenShape = z.object({
  id: z.string(),
  name: z.string(),
  role: accountRoleShape,
  site: z.string().nullable().describe('not null: for what concerns this site only'),
  createdAt: at,
  createdBy: z.string(),
  expiresAt: at,
  usedAt: at.nullable(),
  revokedAt: at.nullable()
})
export type TokenView = Given<z.output<typeof tokenShape>>

export const signIn = operation({
  method: 'POST',
  path: '/api/v1/sign-in',
  access: 'open',
  summary: 'Signs an account in: the answer sets the cookie of the session.',
  action: 'session.sign-in',
  body: z.strictObject({ name: z.string().max(64), password: passwordShape }),
  answer: actorShape.extend({ expiresAt: at })
})

export const signOut = operation({
  method: 'POST',
  path: '/api/v1/sign-out',
  access: 'viewer',
  summary: 'Ends the session.',
  action: 'session.sign-out',
  answer: done
})

export const redeemFirstAdmin = operation({
  method: 'POST',
  path: '/api/v1/first-admin',
  access: 'open',
  summary: 'Makes the first admin with the code that the coordinator printed at its first start.',
  action: 'account.first-admin',
  body: z.strictObject({ code: z.string().max(64), name: accountNameShape, password: passwordShape }),
  answer: accountShape
})

export const offerFirstAdmin = operation({
  method: 'POST',
  path: '/api/v1/first-admin/code',
  access: 'admin',
  localOnly: true,
  summary: 'A new code for the first admin, while there is no account.',
  action: 'account.first-admin-code',
  answer: z.object({ code: z.string(), expiresAt: at })
})

export const changeOwnPassword = operation({
  method: 'POST',
  path: '/api/v1/me/password',
  access: 'viewer',
  summary: "Changes the caller's own password and ends all its other sessions.",
  action: 'account.own-password',
  body: z.strictObject({ current: passwordShape, next: passwordShape }),
  answer: done
})

export const listAccounts = operation({
  method: 'GET',
  path: '/api/v1/accounts',
  access: 'admin',
  summary: 'All accounts.',
  answer: z.object({ accounts: z.array(accountShape) })
})

export const createAccount = operation({
  method: 'POST',
  path: '/api/v1/accounts',
  access: 'admin',
  summary: 'A new account.',
  action: 'account.create',
  body: z.strictObject({ name: accountNameShape, role: accountRoleShape, password: passwordShape }),
  answer: accountShape
})

export const changeAccount = operation({
  method: 'PATCH',
  path: '/api/v1/accounts/{name}',
  access: 'admin',
  summary: 'Changes role or password, disables or enables; ends the sessions of the account.',
  action: 'account.change',
  params: z.strictObject({ name: accountNameShape }),
  body: z.strictObject({
    role: accountRoleShape.optional(),
    disabled: z.boolean().optional(),
    password: passwordShape.optional()
  }),
  answer: done
})

export const removeAccount = operation({
  method: 'DELETE',
  path: '/api/v1/accounts/{name}',
  access: 'admin',
  summary: 'Removes an account; what it did stays in the audit log.',
  action: 'account.remove',
  params: z.strictObject({ name: accountNameShape }),
  answer: done
})

export const listTokens = operation({
  method: 'GET',
  path: '/api/v1/tokens',
  access: 'admin',
  summary: 'All API tokens, without their secrets.',
  answer: z.object({ tokens: z.array(tokenShape) })
})

export const createToken = operation({
  method: 'POST',
  path: '/api/v1/tokens',
  access: 'admin',
  summary: 'A new API token. It is shown in this answer and never again.',
  action: 'token.create',
  body: z.strictObject({
    name: z.string().min(1).max(64),
    role: accountRoleShape,
    site: z.string().refine(isSiteId).nullable().default(null),
    expiresInMs: z
      .number()
      .int()
      .min(1000)
      .max(366 * 24 * 3_600_000)
  }),
  answer: tokenShape.extend({ token: z.string() })
})

export const revokeToken = operation({
  method: 'DELETE',
  path: '/api/v1/tokens/{id}',
  access: 'admin',
  summary: 'Revokes an API token at once.',
  action: 'token.revoke',
  params: z.strictObject({ id: z.string().regex(/^[0-9a-f]{16}$/) }),
  answer: done
})
