/** Every scope that says something, and the way to one that says nothing yet. */
import { listSites } from '@starling/shared/admin-api/fleet-view.ts'
import type { PolicyScopeView } from '@starling/shared/admin-api/policy.ts'
import { isPolicyScope } from '@starling/shared/policy-scope.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { useId, useState } from 'preact/hooks'
import { useAnswer } from '../live.tsx'
import { Box } from '@starling/shared/web/box.tsx'
import { useText } from '../words.ts'
import { RolloutPill } from './rollout.tsx'
import { useScopeName } from './scope-name.tsx'

export function ScopesList({ scopes }: { readonly scopes: readonly PolicyScopeView[] }) {
  const { t, format } = useText()
  const nameOf = useScopeName()
  const hasFleet = scopes.some(({ scope }) => scope === 'fleet')
  return (
    <>
      <Box title={t('policy.scopes')} count={scopes.length}>
        <p class="note">{t('policy.order')}</p>
        {scopes.length === 0 && <p class="empty">{t('policy.empty')}</p>}
        <table>
          <thead>
            <tr>
              <th scope="col">{t('policy.scope')}</th>
              <th scope="col" class="num">
                {t('policy.inForce')}
              </th>
              <th scope="col" class="num">
                {t('policy.newest')}
              </th>
              <th scope="col">{t('policy.rollout')}</th>
            </tr>
          </thead>
          <tbody>
            {!hasFleet && (
              <tr>
                <th scope="row">
                  <a href={linkTo(['policy', 'fleet'])}>{nameOf('fleet')}</a>
                </th>
                <td colSpan={3} class="empty">
                  {t('policy.saysNothing')}
                </td>
              </tr>
            )}
            {scopes.map(({ scope, current, newest, rollout }) => (
              <tr key={scope}>
                <th scope="row">
                  <a href={linkTo(['policy', scope])}>{nameOf(scope)}</a>
                </th>
                <td class="num" data-column={t('policy.inForce')}>
                  {current === null ? '–' : format.count(current)}
                </td>
                <td class="num" data-column={t('policy.newest')}>
                  {newest === null ? '–' : format.count(newest)}
                </td>
                <td class="whole" data-column={t('policy.rollout')}>
                  {rollout === null ? '–' : <RolloutPill rollout={rollout} />}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Box>
      <OtherScope />
    </>
  )
}

/** A scope that has no policy yet has no row: it is named here. */
function OtherScope() {
  const { t } = useText()
  const sites = useAnswer(listSites, {}, 'changes')
  const [kind, setKind] = useState('site')
  const [name, setName] = useState('')
  const list = useId()
  const scope = `${kind}:${name.trim()}`
  const names = kind === 'site' ? (sites.value?.sites ?? []).map(({ site }) => site) : []
  return (
    <Box title={t('policy.other')}>
      <form
        class="filters"
        onSubmit={event => {
          event.preventDefault()
          if (isPolicyScope(scope)) location.hash = linkTo(['policy', scope])
        }}
      >
        <label>
          {t('policy.kind')}
          <select value={kind} onChange={event => setKind(event.currentTarget.value)}>
            <option value="site">{t('policy.site')}</option>
            <option value="group">{t('policy.group')}</option>
            <option value="device">{t('policy.device')}</option>
          </select>
        </label>
        <label>
          {kind === 'device' ? t('policy.deviceId') : t('policy.name')}
          <input
            value={name}
            list={list}
            required
            autocomplete="off"
            onInput={event => setName(event.currentTarget.value)}
          />
        </label>
        <datalist id={list}>
          {names.map(known => (
            <option key={known} value={known} />
          ))}
        </datalist>
        <button disabled={!isPolicyScope(scope)}>{t('policy.open')}</button>
      </form>
    </Box>
  )
}
