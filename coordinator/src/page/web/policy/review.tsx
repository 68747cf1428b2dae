/**
 * What a new version would do, before it is kept: the coordinator reads it, compares it with the version before and asks for
 * each machine of the fleet what would become of it. Then a reason, and how it is to reach its agents.
 */
import { addPolicyVersion, startRollout } from '@starling/shared/admin-api/policy.ts'
import { messageOf } from '@starling/shared/errors.ts'
import type { PolicyScope } from '@starling/shared/policy-scope.ts'
import { useEffect, useRef, useState } from 'preact/hooks'
import { coordinator } from '../coordinator.ts'
import { useRefusal } from '@starling/shared/web/said.ts'
import { useText } from '../words.ts'
import { Changes, type Fields } from './changes.tsx'
import { useFindingWords } from './finding-words.ts'
import type { Document } from './layers.ts'
import { StageFields, saidIn, stagesSaid } from './stage-fields.tsx'

type DryRun = Awaited<ReturnType<typeof dryRun>>
/** Somebody who types is not told after each letter. */
const pauseMs = 400
/** To look at each machine costs the coordinator a second: when the typing seems to be over, or the review is opened. */
const impactPauseMs = 3000

const dryRun = (
  scope: PolicyScope,
  document: Document,
  basedOn: number | null,
  impact: boolean,
  signal: AbortSignal
) =>
  coordinator.ask(
    addPolicyVersion,
    { params: { scope }, body: { document, basedOn, dryRun: true, impact } },
    signal
  )

export function Review(props: {
  readonly scope: PolicyScope
  readonly fields: Fields
  readonly draft: Document
  /** The newest version that is known here; null: none. */
  readonly basedOn: number | null
  /** A rollout is on: another one would be refused, and the version be kept. */
  readonly isRolling: boolean
  readonly count: number
  readonly discard: () => void
  readonly saved: () => void
  /** Told which names are wrong, and why. */
  readonly faulty: (faults: ReadonlyMap<string, string>) => void
}) {
  const { scope, fields, draft, basedOn } = props
  const { t } = useText()
  const refusal = useRefusal()
  const inWords = useFindingWords()
  const dialog = useRef<HTMLDialogElement>(null)
  const [would, setWould] = useState<DryRun | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const subject = JSON.stringify(draft)
  /** Null: not looked at yet. */
  const [impact, setImpact] = useState<DryRun['findings'] | null>(null)
  const [isOpen, setOpen] = useState(false)
  useEffect(() => {
    const stale = new AbortController()
    setWould(null)
    const timer = setTimeout(() => {
      dryRun(scope, draft, basedOn, false, stale.signal).then(
        answer => {
          if (stale.signal.aborted) return
          setWould(answer)
          setProblem(null)
          props.faulty(new Map())
        },
        (error: unknown) => {
          if (stale.signal.aborted) return
          setProblem(refusal(error))
          props.faulty(faultsIn(messageOf(error), Object.keys(draft)))
        }
      )
    }, pauseMs)
    return () => {
      stale.abort()
      clearTimeout(timer)
    }
  }, [scope, subject, basedOn])
  useEffect(() => setImpact(null), [scope, subject, basedOn])
  // The older question is over before the newer one is asked, so there are never two of one editor.
  useEffect(() => {
    if (would === null || impact !== null) return undefined
    const stale = new AbortController()
    const timer = setTimeout(
      () => {
        dryRun(scope, draft, basedOn, true, stale.signal).then(
          ({ findings }) => {
            if (!stale.signal.aborted) setImpact(findings)
          },
          (error: unknown) => {
            if (!stale.signal.aborted) setProblem(messageOf(error))
          }
        )
      },
      isOpen ? 0 : impactPauseMs
    )
    return () => {
      stale.abort()
      clearTimeout(timer)
    }
  }, [would, impact === null, isOpen])
  useEffect(() => () => props.faulty(new Map()), [])
  const save = async (said: Readonly<Record<string, string>>, andRollOut: boolean) => {
    setBusy(true)
    setProblem(null)
    try {
      // Before anything is kept: stages that cannot be read would leave a version that nobody gets.
      const stages = andRollOut ? stagesSaid(said) : {}
      const { reason = '' } = said
      const { version } = await coordinator.ask(addPolicyVersion, {
        params: { scope },
        body: { document: draft, reason, basedOn, impact: false }
      })
      if (andRollOut && version !== null)
        await coordinator.ask(startRollout, { params: { scope }, body: { version, ...stages } })
      dialog.current?.close()
      props.saved()
    } catch (error) {
      setProblem(refusal(error))
      setBusy(false)
    }
  }
  const findings = impact ?? would?.findings ?? []
  const grave = findings.filter(({ kind }) => kind !== 'odd' && kind !== 'host-unknown')
  return (
    <div class="review-bar">
      <p role="status">
        {t('policy.changed', { count: props.count })}
        {problem !== null && <span class="trouble"> {problem}</span>}
        {grave.length > 0 && <span class="trouble"> {t('policy.impact', { count: grave.length })}</span>}
      </p>
      <div class="deeds">
        <button onClick={props.discard}>{t('policy.discard')}</button>
        <button
          class="main"
          disabled={would === null}
          onClick={() => (setOpen(true), dialog.current?.showModal())}
        >
          {t('policy.review')}
        </button>
      </div>
      <dialog ref={dialog} class="wide" aria-label={t('policy.review')} onClose={() => setOpen(false)}>
        <form
          onSubmit={event => {
            event.preventDefault()
            const { submitter } = event as SubmitEvent
            void save(saidIn(event.currentTarget), submitter?.getAttribute('name') === 'rollout')
          }}
        >
          <h2>{t('policy.review')}</h2>
          {would !== null && (
            <>
              <Changes changes={would.changes} fields={fields} />
              <div>
                <h3>{t('policy.impactTitle')}</h3>
                {impact === null && problem === null && <p role="status">{t('policy.looking')}</p>}
                {findings.length === 0 ? (
                  impact !== null && <p class="note">{t('policy.noImpact')}</p>
                ) : (
                  <ul class="findings">
                    {findings.map(finding => (
                      <li
                        key={finding.sentence}
                        class={finding.kind === 'odd' || finding.kind === 'host-unknown' ? '' : 'trouble'}
                      >
                        {inWords(finding)}
                      </li>
                    ))}
                  </ul>
                )}
              </div>
            </>
          )}
          <label>
            {t('part.reason')}
            <input name="reason" autocomplete="off" />
          </label>
          {props.isRolling ? <p class="note">{t('policy.rolloutOn')}</p> : <StageFields />}
          {problem !== null && (
            <p class="trouble" role="alert">
              {problem}
            </p>
          )}
          <div class="dialog-end">
            <button type="button" onClick={() => dialog.current?.close()}>
              {t('part.cancel')}
            </button>
            <button name="keep" disabled={busy || would === null}>
              {t('policy.keep')}
            </button>
            <button
              class="main"
              name="rollout"
              disabled={busy || would === null || props.isRolling || (impact === null && problem === null)}
            >
              {t('policy.keepAndRollOut')}
            </button>
          </div>
        </form>
      </dialog>
    </div>
  )
}

/** The coordinator names what is wrong as `name: what; name: what`. */
function faultsIn(message: string, names: readonly string[]): ReadonlyMap<string, string> {
  const starts = names
    .flatMap(name => {
      const at = message.search(new RegExp(`(^|[;.] )${name}[.:[]`))
      return at < 0 ? [] : [{ name, at }]
    })
    .sort((one, other) => one.at - other.at)
  return new Map(
    starts.map(({ name, at }, index) => [
      name,
      message
        .slice(at, starts[index + 1]?.at)
        .replace(/^[;.] /, '')
        .replace(`${name}: `, '')
    ])
  )
}
