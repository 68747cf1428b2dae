/** A rollout as it goes: who has the version and who has not, how they fare against the others, and what an admin may do. */
import { orderRollout, rollBackPolicy, type PolicyScopeView } from '@starling/shared/admin-api/policy.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { coordinator } from '../coordinator.ts'
import { Deed } from '../deed.tsx'
import { Box } from '@starling/shared/web/box.tsx'
import { Tiles } from '../parts.tsx'
import { useSession } from '../session.tsx'
import { useText } from '../words.ts'

type Rollout = NonNullable<PolicyScopeView['rollout']>
type Stage = Rollout['stages'][number]
type Figures = NonNullable<PolicyScopeView['seen']>['reached']

export function RolloutPill({ rollout }: { readonly rollout: Rollout }) {
  const { t, format } = useText()
  const { phase, to, stage, stages } = rollout
  const isOn = phase.kind === 'running' || phase.kind === 'paused'
  const state = phase.kind === 'done' ? 'good' : phase.kind === 'running' ? 'waiting' : 'bad'
  return (
    <span class="pill" data-state={state}>
      {t(`policy.phase.${phase.kind}`, { version: format.count(to) })}
      {isOn &&
        ` · ${t('policy.stageOf', { stage: format.count(stage + 1), stages: format.count(stages.length) })}`}
    </span>
  )
}

export function RolloutBox(props: { readonly policy: PolicyScopeView; readonly again: () => void }) {
  const { policy, again } = props
  const { t, format } = useText()
  const { may } = useSession()
  const { rollout, current, seen, scope } = policy
  if (rollout === null && current === null) return null
  const isOn = rollout?.phase.kind === 'running' || rollout?.phase.kind === 'paused'
  const reason = { name: 'reason', label: t('part.reason'), value: '' }
  const isLast = rollout !== null && rollout.stage === rollout.stages.length - 1
  const order = (name: 'pause' | 'resume' | 'advance', label: string, warning?: string) => (
    <Deed
      name={label}
      {...(warning === undefined ? {} : { warning })}
      fields={[reason]}
      act={async ({ reason = '' }) => {
        await coordinator.ask(orderRollout, { params: { scope }, body: { order: name, reason } })
        again()
      }}
    />
  )
  return (
    <Box
      title={t('policy.rollout')}
      actions={rollout === null ? undefined : <RolloutPill rollout={rollout} />}
    >
      <p class="note">
        {current === null
          ? t(isOn ? 'policy.othersNone' : 'policy.currentNone')
          : t(isOn ? 'policy.othersHave' : 'policy.currentIs', { version: format.count(current) })}
      </p>
      {rollout !== null && 'why' in rollout.phase && <p class="trouble">{safeText(rollout.phase.why)}</p>}
      {isOn && rollout !== null && (
        <>
          <ol class="stage-list">
            {rollout.stages.map((stage, index) => (
              <li
                key={index}
                aria-current={index === rollout.stage ? 'step' : undefined}
                class={index < rollout.stage ? 'past' : ''}
              >
                <StageText stage={stage} />
                {index === rollout.stage && (
                  <span class="note">{format.ago(Date.now() - rollout.stageSince)}</span>
                )}
              </li>
            ))}
          </ol>
          {seen === null ? (
            <p class="empty">{t('policy.notSeen')}</p>
          ) : (
            <Health seen={seen} isPaused={rollout.phase.kind === 'paused'} />
          )}
          {may('admin') && (
            <div class="deeds after">
              {rollout.phase.kind === 'running'
                ? order('pause', t('policy.pause'))
                : order('resume', t('policy.resume'))}
              {isLast
                ? order('advance', t('policy.finish'), t('policy.finishWarning'))
                : order('advance', t('policy.advance'), t('policy.advanceWarning'))}
              <Deed
                name={t('policy.rollBack')}
                warning={t('policy.rollBackWarning')}
                fields={[reason]}
                act={async ({ reason = '' }) => {
                  await coordinator.ask(rollBackPolicy, { params: { scope }, body: { reason } })
                  again()
                }}
              />
            </div>
          )}
        </>
      )}
    </Box>
  )
}

function StageText({ stage }: { readonly stage: Stage }) {
  const { t, format } = useText()
  const { who, holdMs } = stage
  const whom =
    'percent' in who
      ? format.share(who.percent, 100)
      : 'sites' in who
        ? t('policy.ofSite', { name: safeText(who.sites.join(', ')) })
        : t('policy.ofGroup', { name: safeText(who.groups.join(', ')) })
  return (
    <span>
      <strong>{whom}</strong>{' '}
      <span class="note">{holdMs === null ? t('policy.hold.manual') : format.span(holdMs)}</span>
    </span>
  )
}

function Health({
  seen,
  isPaused
}: {
  readonly seen: NonNullable<PolicyScopeView['seen']>
  /** Why stands above. */
  readonly isPaused: boolean
}) {
  const { t, format } = useText()
  const { reached, others, held } = seen
  const errors = ({ errors, downloads }: Pick<Figures, 'errors' | 'downloads'>): string =>
    `${format.count(errors)} / ${format.count(downloads)}`
  return (
    <div aria-live="polite">
      {held !== null && !isPaused && <p class="note">{t('policy.held', { why: safeText(held) })}</p>}
      <div
        class="bar tall"
        role="img"
        aria-label={t('policy.haveOf', {
          applied: format.count(reached.applied),
          present: format.count(reached.present)
        })}
      >
        <div class="part peers" style={{ inlineSize: share(reached.applied, reached.present) }} />
        <div class="part origin" style={{ inlineSize: share(reached.refused, reached.present) }} />
      </div>
      <Tiles
        tiles={[
          {
            name: t('policy.have'),
            value: `${format.count(reached.applied)} / ${format.count(reached.present)}`
          },
          {
            name: t('policy.haveNot'),
            value: format.count(Math.max(0, reached.present - reached.applied - reached.refused))
          },
          { name: t('policy.refused'), value: format.count(reached.refused) },
          { name: t('policy.lost'), value: format.count(reached.lost), hint: t('policy.lostHint') },
          { name: t('policy.errors'), value: errors(reached), hint: t('policy.errorsHint') }
        ]}
      />
      {reached.refusal !== '' && (
        <p class="trouble">{t('policy.refusal', { why: safeText(reached.refusal) })}</p>
      )}
      {others !== null && (
        <p class="note">
          {t('policy.others', {
            present: format.count(others.present),
            lost: format.count(others.lost),
            errors: errors(others)
          })}
        </p>
      )}
    </div>
  )
}

const share = (part: number, whole: number): string => `${whole === 0 ? 0 : (100 * part) / whole}%`
