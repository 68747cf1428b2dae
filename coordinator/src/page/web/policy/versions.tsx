/** The versions of a scope: who made each, why, and what it changed. To begin from, to roll out, or to go back to. */
import { rollBackPolicy, startRollout, type PolicyRecordView } from '@starling/shared/admin-api/policy.ts'
import type { PolicyScope } from '@starling/shared/policy-scope.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { useRef, useState } from 'preact/hooks'
import { useRefusal } from '@starling/shared/web/said.ts'
import { coordinator } from '../coordinator.ts'
import { Deed } from '../deed.tsx'
import { Box } from '@starling/shared/web/box.tsx'
import { useSession } from '../session.tsx'
import { useText } from '../words.ts'
import { Changes, type Fields } from './changes.tsx'
import type { Document } from './layers.ts'
import { StageFields, saidIn, stagesSaid } from './stage-fields.tsx'

export function Versions(props: {
  readonly scope: PolicyScope
  readonly versions: readonly PolicyRecordView[]
  readonly fields: Fields
  readonly current: number | null
  /** A rollout is on: another one waits for its end. */
  readonly busy: boolean
  readonly edit: (document: Document) => void
  readonly again: () => void
}) {
  const { scope, versions, fields, current, again } = props
  const { t, format } = useText()
  const { may } = useSession()
  const backTo = async (version: number | null, reason: string) => {
    await coordinator.ask(rollBackPolicy, { params: { scope }, body: { version, reason } })
    again()
  }
  const reason = { name: 'reason', label: t('part.reason'), value: '' }
  return (
    <Box
      title={t('policy.versions')}
      count={versions.length}
      actions={
        may('admin') && current !== null ? (
          <Deed
            name={t('policy.withdraw')}
            warning={t('policy.withdrawWarning')}
            fields={[reason]}
            act={({ reason = '' }) => backTo(null, reason)}
          />
        ) : undefined
      }
    >
      <ul class="versions">
        {versions.map(record => (
          <li key={record.version} class="card">
            <div class="box-head">
              <h3>
                {t('policy.version', { version: format.count(record.version) })}{' '}
                {record.version === current && <span class="chip">{t('policy.inForce')}</span>}
              </h3>
              {may('admin') && (
                <div class="deeds">
                  <button onClick={() => props.edit(record.document)}>{t('policy.editFrom')}</button>
                  {record.version !== current && !props.busy && (
                    <RollOut scope={scope} version={record.version} again={again} />
                  )}
                  {record.version !== current && (
                    <Deed
                      name={t('policy.backTo')}
                      about={t('policy.version', { version: format.count(record.version) })}
                      warning={t('policy.backToWarning', { version: format.count(record.version) })}
                      fields={[reason]}
                      act={({ reason = '' }) => backTo(record.version, reason)}
                    />
                  )}
                </div>
              )}
            </div>
            <p class="note">
              {t('policy.by', { author: safeText(record.author), at: format.at(record.createdAt) })}
              {record.reason !== '' && ` · ${safeText(record.reason)}`}
            </p>
            <Changes changes={record.changes} fields={fields} />
          </li>
        ))}
      </ul>
    </Box>
  )
}

function RollOut(props: {
  readonly scope: PolicyScope
  readonly version: number
  readonly again: () => void
}) {
  const { scope, version, again } = props
  const { t } = useText()
  const refusal = useRefusal()
  const dialog = useRef<HTMLDialogElement>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const start = async (said: Readonly<Record<string, string>>) => {
    setProblem(null)
    try {
      await coordinator.ask(startRollout, { params: { scope }, body: { version, ...stagesSaid(said) } })
      dialog.current?.close()
      again()
    } catch (error) {
      setProblem(refusal(error))
    }
  }
  return (
    <>
      <button onClick={() => dialog.current?.showModal()}>{t('policy.rollOut')}</button>
      <dialog ref={dialog} aria-label={t('policy.rollOut')}>
        <form
          onSubmit={event => {
            event.preventDefault()
            void start(saidIn(event.currentTarget))
          }}
        >
          <h2>{t('policy.rollOut')}</h2>
          <StageFields />
          {problem !== null && (
            <p class="trouble" role="alert">
              {problem}
            </p>
          )}
          <div class="dialog-end">
            <button type="button" onClick={() => dialog.current?.close()}>
              {t('part.cancel')}
            </button>
            <button class="main">{t('policy.rollOut')}</button>
          </div>
        </form>
      </dialog>
    </>
  )
}
