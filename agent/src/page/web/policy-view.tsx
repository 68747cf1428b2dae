/** Policy as it is in force: each value with where it comes from, and what follows from them on this machine now. */
import { paramsOf } from '@starling/shared/policy/peering.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { useSaid, withReason } from '@starling/shared/web/said.ts'
import { useState } from 'preact/hooks'
import type { PolicyView as Policy } from '../../ports.ts'
import { useAsked } from './asked.ts'
import { Box, Switch } from '@starling/shared/web/box.tsx'
import { Answered } from './bits.tsx'
import { UnlockBox, useUnlock } from './unlock.tsx'
import { useText } from './words.ts'

export function PolicyView() {
  const { t } = useText()
  const { token } = useUnlock()
  const asked = useAsked<Policy>(token === null ? null : '/api/v1/policy', 10_000, token)
  if (token === null) return <UnlockBox what={t('unlock.policy')} />
  return (
    <Answered asked={asked}>
      {policy => (
        <>
          <Verdicts policy={policy} />
          <Values policy={policy} />
        </>
      )}
    </Answered>
  )
}

function Verdicts({ policy: { effective } }: { readonly policy: Policy }) {
  const { t } = useText()
  const said = useSaid()
  const { peering, upload, uploadToOtherSites, keeps, asksForPeers, cacheHosts } = effective
  const verdicts = [
    ['peering', peering.allowed, peering],
    ['upload', upload.allowed, upload],
    ['uploadFar', uploadToOtherSites.allowed, uploadToOtherSites],
    ['keeps', keeps, null],
    ['asks', asksForPeers, null]
  ] as const
  return (
    <Box title={t('policy.follows')}>
      <ul class="checks few">
        {verdicts.map(([name, allowed, verdict]) => (
          <li key={name} data-state={allowed ? 'ok' : 'unknown'}>
            <span class="dot" data-state={allowed ? 'ok' : 'unknown'} aria-hidden="true" />
            <div>
              <h3>
                {t(`policy.verdict.${name}`)}{' '}
                <span class="count">{t(allowed ? 'policy.yes' : 'policy.no')}</span>
              </h3>
              {verdict !== null && !allowed && <p>{withReason(said, paramsOf(verdict))['why']}</p>}
            </div>
          </li>
        ))}
        <li>
          <span class="dot" data-state={cacheHosts.hosts.length > 0 ? 'ok' : 'unknown'} aria-hidden="true" />
          <div>
            <h3>{t('policy.cacheHosts')}</h3>
            <p>
              {[
                safeText(cacheHosts.hosts.join(', ')),
                said(`cacheHosts.${cacheHosts.source}`, {}, cacheHosts.why)
              ]
                .filter(Boolean)
                .join(' · ')}
            </p>
          </div>
        </li>
      </ul>
    </Box>
  )
}

const shows = ['set', 'all'] as const

function Values({ policy }: { readonly policy: Policy }) {
  const { t } = useText()
  const [show, setShow] = useState<(typeof shows)[number]>('set')
  const [search, setSearch] = useState('')
  const wanted = search.trim().toLowerCase()
  const values = policy.values.filter(
    ({ name, origin, waiting }) =>
      (show === 'all' || origin.kind !== 'default' || waiting !== null) && name.toLowerCase().includes(wanted)
  )
  return (
    <Box
      title={t('policy.title')}
      count={values.length}
      actions={
        <Switch
          label={t('policy.show')}
          names={shows}
          chosen={show}
          write={name => t(`policy.show.${name}`)}
          choose={setShow}
        />
      }
    >
      <div class="filters">
        <label>
          {t('policy.search')}
          <input type="search" value={search} onInput={event => setSearch(event.currentTarget.value)} />
        </label>
      </div>
      {values.length === 0 ? (
        <p class="empty">{t('policy.none')}</p>
      ) : (
        <table class="policy">
          <thead>
            <tr>
              <th scope="col">{t('policy.name')}</th>
              <th scope="col">{t('policy.value')}</th>
              <th scope="col">{t('policy.from')}</th>
            </tr>
          </thead>
          <tbody>
            {values.map(({ name, value, origin, waiting }) => (
              <tr key={name}>
                <th scope="row">
                  <code>{name}</code>
                </th>
                <td data-column={t('policy.value')}>
                  {valueText(value)}
                  {waiting !== null && (
                    <span class="host">{t('policy.waits', { value: valueText(waiting.value) })}</span>
                  )}
                </td>
                <td data-column={t('policy.from')}>
                  {t(`policy.origin.${origin.kind}`)}
                  {origin.name !== '' && (
                    <span class="host">
                      {safeText(origin.name)}
                      {origin.line !== null && `:${origin.line}`}
                    </span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Box>
  )
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return value === '' ? '""' : safeText(value)
  return safeText(JSON.stringify(value) ?? '')
}
