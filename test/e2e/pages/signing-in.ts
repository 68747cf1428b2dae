/** People who use the coordinator's page: the first admin by the code, others as the admin makes them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createAccount } from '@starling/shared/admin-api/accounts.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { AccountRole } from '@starling/shared/admin-api/roles.ts'
import type { Browser, Page } from 'playwright-core'
import type { CoordinatorHandle } from '../site.ts'
import { visit, type Session } from './browser.ts'

export const password = 'four random words here'
/** Before anybody has signed in, the page asks who it is, and the browser makes an error of the answer. */
export const signedOut = /401 \(Unauthorized\) \(https:[^)]*\/api\/v1\/me\)/

export const addressOf = ({ ready }: CoordinatorHandle): string => `${String(ready.address)}/`

export async function makeFirstAdmin(page: Page, coordinator: CoordinatorHandle): Promise<void> {
  await page.getByRole('button', { name: 'There is no account yet' }).click()
  await page
    .getByLabel('Code')
    .fill(readFileSync(join(coordinator.folder, 'first-admin.code'), 'utf8').trim())
  await page.getByLabel('Name').fill('ada')
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Make the account' }).click()
  await untilSignedIn(page)
}

export async function signIn(page: Page, name: string, typed = password): Promise<void> {
  await page.getByLabel('Name').fill(name)
  await page.getByLabel('Password').fill(typed)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

export async function untilSignedIn(page: Page): Promise<void> {
  await page.getByRole('navigation').waitFor()
  await page.getByRole('status').getByText('live', { exact: true }).waitFor()
}

/** The first admin, and one account of each other role asked for. */
export async function sessionsOf<Role extends AccountRole>(
  browser: Browser,
  coordinator: CoordinatorHandle,
  roles: readonly Role[]
): Promise<Readonly<Record<Role | 'admin', Session>>> {
  const address = addressOf(coordinator)
  const admin = await visit(
    browser,
    address,
    async page => {
      await makeFirstAdmin(page, coordinator)
      for (const role of roles) {
        const body = { name: role, role, password }
        const { status } = await ask(page, createAccount.method, createAccount.path, body)
        if (status !== 200)
          throw new StarlingError('no-account', `making ${role} was answered with ${status}`)
      }
      return await page.context().storageState()
    },
    { expects: [signedOut] }
  )
  const sessions: Partial<Record<AccountRole, Session>> = { admin }
  for (const role of roles)
    sessions[role] = await visit(
      browser,
      address,
      async page => {
        await signIn(page, role)
        await untilSignedIn(page)
        return await page.context().storageState()
      },
      { expects: [signedOut] }
    )
  return sessions as Readonly<Record<Role | 'admin', Session>>
}

/** A request by hand, from within the page and with its cookies. */
export function ask(
  page: Page,
  method: string,
  path: string,
  body?: object
): Promise<{ readonly status: number; readonly body: unknown }> {
  return page.evaluate(
    async ({ method, path, text }) => {
      const answer = await fetch(path, {
        method,
        ...(text === null ? {} : { body: text, headers: { 'content-type': 'application/json' } })
      })
      const said = await answer.text()
      return { status: answer.status, body: said === '' ? null : (JSON.parse(said) as unknown) }
    },
    { method, path, text: body === undefined ? null : JSON.stringify(body) }
  )
}
