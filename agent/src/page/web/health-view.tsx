/** Each check: well, or what to do. What needs somebody comes first. `starling doctor` says the same. */
import type { HealthCheck, HealthView as Health } from '../../views.ts'
import { Box } from '@starling/shared/web/box.tsx'
import { useSaid } from '@starling/shared/web/said.ts'
import { Answered, useWordsOf } from './bits.tsx'
import type { Asked } from './asked.ts'
import { useText } from './words.ts'

const order: ReadonlyArray<HealthCheck['state']> = ['bad', 'warn', 'unknown', 'ok']

export function HealthView({ health }: { readonly health: Asked<Health> }) {
  const { t, format } = useText()
  return (
    <Box title={t('health.title')} actions={<button onClick={health.again}>{t('health.again')}</button>}>
      <Answered asked={health}>
        {({ state, at, checks }) => (
          <>
            <p class="light" data-state={state} role="status">
              {t(`health.overall.${state}`)}
            </p>
            <ul class="checks">
              {checks
                .toSorted((one, other) => order.indexOf(one.state) - order.indexOf(other.state))
                .map(check => (
                  <Check key={check.name} check={check} />
                ))}
            </ul>
            <p class="note">
              {t('health.at', { at: format.at(at) })} <code>starling doctor</code>
            </p>
          </>
        )}
      </Answered>
    </Box>
  )
}

function Check({ check }: { readonly check: HealthCheck }) {
  const { t } = useText()
  const params = useWordsOf()(check.params)
  const said = useSaid()
  return (
    <li data-state={check.state}>
      <span class="dot" data-state={check.state} aria-hidden="true" />
      <div>
        <h3>
          {t(`health.name.${check.name}`)} <span class="count">{t(`health.state.${check.state}`)}</span>
        </h3>
        <p>{said(`health.found.${check.code}`, params, check.text)}</p>
        {check.advice !== null && (
          <p class="advice">{said(`health.advice.${check.code}`, params, check.advice)}</p>
        )}
      </div>
    </li>
  )
}
