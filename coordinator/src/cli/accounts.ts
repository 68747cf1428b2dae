/** The commands about who may ask: accounts, API tokens, the first admin. */
import * as api from '@starling/shared/admin-api/accounts.ts'
import type { AccountRole } from '@starling/shared/admin-api/roles.ts'
import { parseDuration } from '../config.ts'
import type { AdminOptions } from './admin.ts'
import { createAdminClient } from './admin-client.ts'
import { print, table, when } from './output.ts'
import { readSecret } from './secret-input.ts'

export async function offerFirstAdmin({ data, json }: AdminOptions): Promise<void> {
  const { code, expiresAt } = await (await createAdminClient(data)).ask(api.offerFirstAdmin, {})
  if (json) return print(JSON.stringify({ code, expiresAt }))
  print(code)
  process.stderr.write(`Makes the first admin, once, until ${when(expiresAt)}: treat it like a password.\n`)
}

export async function createAccount(
  { data, json, role }: AdminOptions & { readonly role: AccountRole },
  name: string
): Promise<void> {
  const client = await createAdminClient(data)
  const password = await readSecret(`Password for ${name}`, true)
  const account = await client.ask(api.createAccount, { body: { name, role, password } })
  print(json ? JSON.stringify(account) : `${name} may sign in as ${role}.`)
}

export async function listAccounts({ data, json }: AdminOptions): Promise<void> {
  const { accounts } = await (await createAdminClient(data)).ask(api.listAccounts, {})
  if (json) return print(JSON.stringify(accounts))
  const rows = accounts.map(({ name, role, disabled, signedInAt }) => [
    name,
    role,
    disabled ? 'disabled' : 'enabled',
    when(signedInAt)
  ])
  print(table(['ACCOUNT', 'ROLE', 'STATE', 'SIGNED IN'], rows))
}

export async function changeAccount(
  { data, json }: AdminOptions,
  name: string,
  change: { readonly disabled: boolean }
): Promise<void> {
  await (await createAdminClient(data)).ask(api.changeAccount, { params: { name }, body: change })
  const said = change.disabled ? `${name} is disabled and signed out.` : `${name} is enabled.`
  print(json ? JSON.stringify({ name, ...change }) : said)
}

export async function resetPassword({ data, json }: AdminOptions, name: string): Promise<void> {
  const client = await createAdminClient(data)
  const password = await readSecret(`New password for ${name}`, true)
  await client.ask(api.changeAccount, { params: { name }, body: { password } })
  print(json ? JSON.stringify({ name }) : `${name} has a new password and is signed out everywhere.`)
}

export async function removeAccount({ data, json }: AdminOptions, name: string): Promise<void> {
  await (await createAdminClient(data)).ask(api.removeAccount, { params: { name } })
  print(json ? JSON.stringify({ name }) : `${name} is removed.`)
}

export async function createToken(
  options: AdminOptions & { readonly role: AccountRole; readonly site?: string; readonly expires: string },
  name: string
): Promise<void> {
  const { data, json, role, site = null, expires } = options
  const client = await createAdminClient(data)
  const body = { name, role, site, expiresInMs: parseDuration(expires) }
  const created = await client.ask(api.createToken, { body })
  if (json) return print(JSON.stringify(created))
  // The token alone on stdout, as with tickets.
  print(created.token)
  process.stderr.write(
    `For the role ${role}${site === null ? '' : ` at the site ${site}`} until ${when(created.expiresAt)}. It is not shown again.\n`
  )
}

export async function listTokens({ data, json }: AdminOptions): Promise<void> {
  const { tokens } = await (await createAdminClient(data)).ask(api.listTokens, {})
  if (json) return print(JSON.stringify(tokens))
  const rows = tokens.map(({ id, name, role, site, expiresAt, usedAt, revokedAt }) => [
    id,
    name,
    role,
    site ?? 'all',
    revokedAt === null ? when(expiresAt) : 'revoked',
    when(usedAt)
  ])
  print(table(['TOKEN', 'NAME', 'ROLE', 'SITE', 'EXPIRES', 'USED'], rows))
}

export async function revokeToken({ data, json }: AdminOptions, id: string): Promise<void> {
  await (await createAdminClient(data)).ask(api.revokeToken, { params: { id } })
  print(json ? JSON.stringify({ id }) : `${id} is revoked.`)
}
