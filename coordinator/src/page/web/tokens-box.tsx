/** API tokens: for programs. Each is shown once, when it is made. */
import { createToken, listTokens, revokeToken, type TokenView } from '@starling/shared/admin-api/accounts.ts'
import { listSites } from '@starling/shared/admin-api/fleet-view.ts'
import type { AccountRole } from '@starling/shared/admin-api/roles.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { coordinator } from './coordinator.ts'
import { Deed } from './deed.tsx'
import { useAnswer } from './live.tsx'
import { Box } from '@starling/shared/web/box.tsx'
import { Answered } from './parts.tsx'
import { useRoleOptions } from './role-options.ts'
import { Line } from './ticket-shown.tsx'
import { useText } from './words.ts'

const dayMs = 24 * 3_600_000
const lives = [dayMs, 30 * dayMs, 90 * dayMs, 365 * dayMs] as const

export function TokensBox() {
  const { t, format } = useText()
  const roles = useRoleOptions()
  const tokens = useAnswer(listTokens, {}, 'changes')
  const sites = useAnswer(listSites, {}, 'changes')
  return (
    <Box
      title={t('tokens.title')}
      count={tokens.value?.tokens.length ?? 0}
      actions={
        <Deed
          name={t('tokens.new')}
          main
          fields={[
            { name: 'name', label: t('tokens.for'), value: '', required: true },
            { name: 'role', label: t('agents.role'), value: 'viewer', options: roles },
            {
              name: 'site',
              label: t('tokens.site'),
              value: '',
              suggestions: (sites.value?.sites ?? []).map(({ site }) => site)
            },
            {
              name: 'life',
              label: t('enrol.life'),
              value: String(lives[2]),
              options: lives.map(ms => [String(ms), format.span(ms)])
            }
          ]}
          act={async ({ name = '', role, site = '', life = '' }) => {
            const { token } = await coordinator.ask(createToken, {
              body: {
                name,
                role: role as AccountRole,
                site: site === '' ? null : site,
                expiresInMs: Number(life)
              }
            })
            tokens.again()
            return (
              <>
                <Line name={t('tokens.header')} text={`Authorization: Bearer ${token}`} />
                <p class="note">{t('tokens.once')}</p>
              </>
            )
          }}
        />
      }
    >
      <Answered answer={tokens}>
        {value => <TokensTable tokens={value.tokens} changed={tokens.again} />}
      </Answered>
    </Box>
  )
}

function TokensTable(props: { readonly tokens: readonly TokenView[]; readonly changed: () => void }) {
  const { t, format } = useText()
  if (props.tokens.length === 0) return <p class="empty">{t('tokens.none')}</p>
  const now = Date.now()
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t('tokens.for')}</th>
          <th scope="col">{t('agents.role')}</th>
          <th scope="col">{t('sites.site')}</th>
          <th scope="col">{t('tokens.by')}</th>
          <th scope="col">{t('tokens.used')}</th>
          <th scope="col">{t('enrol.expires')}</th>
          <th scope="col">{t('part.deeds')}</th>
        </tr>
      </thead>
      <tbody>
        {props.tokens.map(token => (
          <tr key={token.id}>
            <th scope="row">{safeText(token.name)}</th>
            <td data-column={t('agents.role')}>{t(`role.${token.role}`)}</td>
            <td data-column={t('sites.site')}>
              {token.site === null ? t('tokens.allSites') : safeText(token.site)}
            </td>
            <td data-column={t('tokens.by')}>{safeText(token.createdBy)}</td>
            <td data-column={t('tokens.used')}>
              {token.usedAt === null ? t('agents.never') : format.at(token.usedAt)}
            </td>
            <td class="whole" data-column={t('enrol.expires')}>
              {format.at(token.expiresAt)}
            </td>
            <td class="whole">
              {token.revokedAt !== null ? (
                <span class="trouble">{t('tokens.revoked')}</span>
              ) : token.expiresAt <= now ? (
                t('enrol.expired')
              ) : (
                <Deed
                  name={t('enrol.revoke')}
                  about={safeText(token.name)}
                  warning={t('tokens.revokeWarning')}
                  fields={[]}
                  act={async () => {
                    await coordinator.ask(revokeToken, { params: { id: token.id } })
                    props.changed()
                  }}
                />
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
