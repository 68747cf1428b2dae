/** A button that asks before it does what cannot be undone: in a dialog that Escape closes; a refusal stays there to be read. */
import { useRefusal } from '@starling/shared/web/said.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useText } from './words.ts'

export function Sure(props: {
  readonly name: string
  /** For a screen reader, where the name alone does not say of what. */
  readonly label?: string
  readonly question: string
  /** @throws what is then shown */
  readonly act: () => Promise<void>
}) {
  const { t } = useText()
  const refusal = useRefusal()
  const dialog = useRef<HTMLDialogElement>(null)
  const [open, setOpen] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    if (open) dialog.current?.showModal()
  }, [open])
  const act = async () => {
    setBusy(true)
    setProblem(null)
    try {
      await props.act()
      dialog.current?.close()
    } catch (error) {
      setProblem(refusal(error))
    }
    setBusy(false)
  }
  return (
    <>
      <button
        aria-label={props.label}
        onClick={() => {
          setProblem(null)
          setOpen(true)
        }}
      >
        {props.name}
      </button>
      {open && (
        <dialog ref={dialog} aria-label={props.name} onClose={() => setOpen(false)}>
          <p>{props.question}</p>
          {problem !== null && (
            <p class="trouble" role="alert">
              {safeText(problem)}
            </p>
          )}
          <div class="dialog-end">
            <button onClick={() => dialog.current?.close()}>{t('cancel')}</button>
            <button class="main" disabled={busy} onClick={() => void act()}>
              {props.name}
            </button>
          </div>
        </dialog>
      )}
    </>
  )
}
