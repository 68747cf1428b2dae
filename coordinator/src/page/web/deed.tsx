/**
 * A button for something that changes something: it opens what it wants to know and what it will do, in a dialog that Escape
 * closes; a refusal stays there to be read.
 */
import { useRefusal } from '@starling/shared/web/said.ts'
import type { ComponentChildren } from 'preact'
import { useId, useRef, useState } from 'preact/hooks'
import { useText } from './words.ts'

export interface Field {
  readonly name: string
  readonly label: string
  readonly value: string
  readonly type?: 'text' | 'password' | 'number' | 'datetime-local' | 'url'
  readonly options?: ReadonlyArray<readonly [value: string, label: string]>
  readonly required?: boolean
  /** Offered while one types; others are taken too. */
  readonly suggestions?: readonly string[]
}

export function Deed(props: {
  readonly name: string
  /** What it is done to, where the same button stands in many rows. */
  readonly about?: string
  readonly fields: readonly Field[]
  /** Done when it resolves; what it returns is shown, else the dialog closes. @throws what is then shown */
  readonly act: (said: Readonly<Record<string, string>>) => Promise<ComponentChildren | void>
  /** What cannot be undone. */
  readonly warning?: string
  readonly main?: boolean
  readonly disabled?: boolean
}) {
  const { t } = useText()
  const refusal = useRefusal()
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  const [problem, setProblem] = useState<string | null>(null)
  const [outcome, setOutcome] = useState<ComponentChildren>(null)
  const [busy, setBusy] = useState(false)
  const title = props.about === undefined ? props.name : `${props.name}: ${props.about}`
  /** Each opening has a fresh form, made when the last one is closed: no password waits in the page, and no ticket. */
  const [opened, setOpened] = useState(0)
  const forget = () => {
    setProblem(null)
    setOutcome(null)
    setOpened(count => count + 1)
  }
  const submit = async (form: HTMLFormElement) => {
    setBusy(true)
    setProblem(null)
    try {
      const shown = await props.act(Object.fromEntries(new FormData(form)) as Record<string, string>)
      if (shown === undefined) dialog.current?.close()
      else setOutcome(shown)
    } catch (error) {
      setProblem(refusal(error))
    }
    setBusy(false)
  }
  return (
    <>
      <button
        class={props.main === true ? 'main' : ''}
        disabled={props.disabled}
        aria-label={props.about === undefined ? undefined : title}
        onClick={() => dialog.current?.showModal()}
      >
        {props.name}
      </button>
      <dialog ref={dialog} aria-label={title} onClose={forget}>
        {outcome === null ? (
          <form
            key={opened}
            onSubmit={event => {
              event.preventDefault()
              void submit(event.currentTarget)
            }}
          >
            <h2>{title}</h2>
            {props.warning !== undefined && <p class="trouble">{props.warning}</p>}
            {props.fields.map(field => (
              <label key={field.name}>
                {field.label}
                {field.options === undefined ? (
                  <input
                    name={field.name}
                    type={(field.type ?? 'text') as 'text'}
                    defaultValue={field.value}
                    required={field.required === true}
                    step={field.type === 'number' ? 'any' : undefined}
                    {...(field.suggestions === undefined ? {} : { list: `${id}-${field.name}` })}
                    autocomplete={field.type === 'password' ? 'new-password' : 'off'}
                  />
                ) : (
                  <select name={field.name}>
                    {field.options.map(([value, label]) => (
                      <option key={value} value={value} selected={value === field.value}>
                        {label}
                      </option>
                    ))}
                  </select>
                )}
              </label>
            ))}
            {props.fields.map(({ name, suggestions }) =>
              suggestions === undefined ? null : (
                <datalist key={name} id={`${id}-${name}`}>
                  {suggestions.map(value => (
                    <option key={value} value={value} />
                  ))}
                </datalist>
              )
            )}
            {problem !== null && (
              <p class="trouble" role="alert">
                {problem}
              </p>
            )}
            <div class="dialog-end">
              <button type="button" onClick={() => dialog.current?.close()}>
                {t('part.cancel')}
              </button>
              <button class="main" disabled={busy}>
                {props.name}
              </button>
            </div>
          </form>
        ) : (
          <div class="dialog-outcome">
            {outcome}
            <div class="dialog-end">
              <button class="main" onClick={() => dialog.current?.close()}>
                {t('part.close')}
              </button>
            </div>
          </div>
        )}
      </dialog>
    </>
  )
}
