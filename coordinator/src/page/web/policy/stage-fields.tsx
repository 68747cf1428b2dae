/** How a version is to reach its agents: stage by stage, each watched for a while. */
import { stagesFromText } from '@starling/shared/rollout-words.ts'
import { useState } from 'preact/hooks'
import { useText } from '../words.ts'

const minuteMs = 60_000
const holds = [
  ['10m', 10 * minuteMs],
  ['1h', 60 * minuteMs],
  ['1d', 24 * 60 * minuteMs],
  ['manual', null]
] as const

export function StageFields() {
  const { t, format } = useText()
  const [plan, setPlan] = useState('usual')
  return (
    <fieldset class="stages">
      <legend>{t('policy.rollout')}</legend>
      <label>
        {t('policy.plan')}
        <select name="plan" value={plan} onChange={event => setPlan(event.currentTarget.value)}>
          <option value="usual">{t('policy.plan.usual')}</option>
          <option value="own">{t('policy.plan.own')}</option>
          <option value="once">{t('policy.plan.once')}</option>
        </select>
      </label>
      {plan === 'own' && (
        <label>
          {t('policy.plan.stages')}
          <input name="stages" defaultValue="group:pilots,10,50,100" required autocomplete="off" />
        </label>
      )}
      {plan !== 'once' && (
        <label>
          {t('policy.hold')}
          <select name="hold">
            {holds.map(([name, ms]) => (
              <option key={name} value={name}>
                {ms === null ? t('policy.hold.manual') : format.span(ms)}
              </option>
            ))}
          </select>
        </label>
      )}
    </fieldset>
  )
}

/** What a form with these fields says. */
export function saidIn(form: HTMLFormElement): Readonly<Record<string, string>> {
  return Object.fromEntries(new FormData(form)) as Record<string, string>
}

/** What was chosen, as the operation takes it. @throws StarlingError `bad-stages` */
export function stagesSaid({ plan, hold, stages = '' }: Readonly<Record<string, string>>): {
  stages?: ReturnType<typeof stagesFromText>
} {
  if (plan === 'once') return { stages: stagesFromText('100', null) }
  const [name, holdMs] = holds.find(([known]) => known === hold) ?? holds[0]
  // The coordinator's own plan; one for a device has a single stage.
  if (plan === 'usual' && name === '10m') return {}
  return { stages: stagesFromText(plan === 'own' ? stages : '1,10,50,100', holdMs) }
}
