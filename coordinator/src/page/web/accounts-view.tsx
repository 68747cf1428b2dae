/** Who may ask: one's own session, and for an admin all accounts and API tokens. */
import {
  changeAccount,
  changeOwnPassword,
  createAccount,
  listAccounts,
  removeAccount,
  type AccountView
} from '@starling/shared/admin-api/accounts.ts'
import type { AccountRole } from '@starling/shared/admin-api/roles.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { coordinator } from './coordinator.ts'
import { Deed } from './deed.tsx'
import { useAnswer } from './live.tsx'
import { Box } from '@starling/shared/web/box.tsx'
import { Answered } from './parts.tsx'
import { useRoleOptions } from './role-options.ts'
import { useSession } from './session.tsx'
import { TokensBox } from './tokens-box.tsx'
import { useText } from './words.ts'

export function AccountsView() {
  const { may } = useSession()
  return (
    <>
      <Me />
      {may('admin') && <AccountsBox />}
      {may('admin') && <TokensBox />}
    </>
  )
}

function Me() {
  const { t } = useText()
  const { actor } = useSession()
  return (
    <Box
      title={t('accounts.me')}
      actions={
        <Deed
          name={t('accounts.ownPassword')}
          fields={[
            { name: 'current', label: t('accounts.current'), value: '', type: 'password', required: true },
            { name: 'next', label: t('accounts.next'), value: '', type: 'password', required: true },
            { name: 'again', label: t('accounts.again'), value: '', type: 'password', required: true }
          ]}
          act={async ({ current = '', next = '', again = '' }) => {
            if (next !== again) throw new StarlingError('not-the-same', t('accounts.notTheSame'))
            await coordinator.ask(changeOwnPassword, { body: { current, next } })
            return <p role="status">{t('accounts.passwordChanged')}</p>
          }}
        />
      }
    >
      <p>
        <strong>{safeText(actor.name)}</strong> · {t(`role.${actor.role}`)}
      </p>
      <p class="note">{t(`accounts.may.${actor.role}`)}</p>
    </Box>
  )
}

function AccountsBox() {
  const { t } = useText()
  const roles = useRoleOptions()
  const accounts = useAnswer(listAccounts, {}, 'changes')
  return (
    <Box
      title={t('accounts.title')}
      count={accounts.value?.accounts.length ?? 0}
      actions={
        <Deed
          name={t('accounts.new')}
          main
          fields={[
            { name: 'name', label: t('session.name'), value: '', required: true },
            { name: 'role', label: t('agents.role'), value: 'viewer', options: roles },
            { name: 'password', label: t('session.password'), value: '', type: 'password', required: true }
          ]}
          act={async ({ name = '', role, password = '' }) => {
            await coordinator.ask(createAccount, { body: { name, role: role as AccountRole, password } })
            accounts.again()
          }}
        />
      }
    >
      <Answered answer={accounts}>
        {value => <AccountsTable accounts={value.accounts} changed={accounts.again} />}
      </Answered>
    </Box>
  )
}

function AccountsTable(props: { readonly accounts: readonly AccountView[]; readonly changed: () => void }) {
  const { t, format } = useText()
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t('session.name')}</th>
          <th scope="col">{t('agents.role')}</th>
          <th scope="col">{t('accounts.state')}</th>
          <th scope="col">{t('accounts.signedIn')}</th>
          <th scope="col">{t('part.deeds')}</th>
        </tr>
      </thead>
      <tbody>
        {props.accounts.map(account => (
          <tr key={account.name}>
            <th scope="row">{safeText(account.name)}</th>
            <td data-column={t('agents.role')}>{t(`role.${account.role}`)}</td>
            <td data-column={t('accounts.state')}>
              <span class={account.disabled ? 'trouble' : ''}>
                {account.disabled ? t('accounts.disabled') : t('accounts.enabled')}
              </span>
            </td>
            <td data-column={t('accounts.signedIn')}>
              {account.signedInAt === null ? t('agents.never') : format.at(account.signedInAt)}
            </td>
            <td class="whole">
              <AccountDeeds account={account} changed={props.changed} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function AccountDeeds(props: { readonly account: AccountView; readonly changed: () => void }) {
  const { t } = useText()
  const { actor } = useSession()
  const roles = useRoleOptions()
  const { name, role, disabled } = props.account
  const change = async (body: { role?: AccountRole; disabled?: boolean; password?: string }) => {
    await coordinator.ask(changeAccount, { params: { name }, body })
    props.changed()
  }
  const isOwn = actor.kind === 'account' && actor.name === name
  if (isOwn) return <span class="note">{t('accounts.you')}</span>
  return (
    <div class="deeds">
      <Deed
        name={t('accounts.changeRole')}
        about={safeText(name)}
        fields={[{ name: 'role', label: t('agents.role'), value: role, options: roles }]}
        act={({ role }) => change({ role: role as AccountRole })}
      />
      <Deed
        name={t('accounts.resetPassword')}
        about={safeText(name)}
        warning={t('accounts.resetWarning')}
        fields={[
          { name: 'password', label: t('accounts.next'), value: '', type: 'password', required: true }
        ]}
        act={({ password = '' }) => change({ password })}
      />
      <Deed
        name={disabled ? t('accounts.enable') : t('accounts.disable')}
        about={safeText(name)}
        {...(disabled ? {} : { warning: t('accounts.disableWarning') })}
        fields={[]}
        act={() => change({ disabled: !disabled })}
      />
      <Deed
        name={t('accounts.remove')}
        about={safeText(name)}
        warning={t('accounts.removeWarning')}
        fields={[]}
        act={async () => {
          await coordinator.ask(removeAccount, { params: { name } })
          props.changed()
        }}
      />
    </div>
  )
}
