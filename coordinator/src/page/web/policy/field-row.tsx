/** One name of policy: what it does, what holds here and who says so, and what this scope says. */
import type { PolicyFieldView } from '@starling/shared/admin-api/policy.ts'
import type { PolicyScope } from '@starling/shared/policy-scope.ts'
import { useId, useState } from 'preact/hooks'
import { useText } from '../words.ts'
import { Value } from './changes.tsx'
import type { FieldInWords } from './field-words.ts'
import { effectiveOf } from './layers.ts'
import type { Layers } from './policy-editor.tsx'
import { useScopeName } from './scope-name.tsx'
import { typedText, typedValue } from './values.ts'

export function FieldRow(props: {
  readonly field: FieldInWords
  readonly scope: PolicyScope
  /** What this scope says; undefined: nothing. */
  readonly value: unknown
  readonly isChanged: boolean
  readonly fault: string | null
  readonly wider: Layers
  readonly closer: Layers
  readonly change: ((value: unknown) => void) | null
}) {
  const { field, scope, value, change, fault } = props
  const { t } = useText()
  const nameOf = useScopeName()
  const id = useId()
  const own: Layers = value === undefined ? [] : [[scope, { [field.name]: value }]]
  const effective = effectiveOf(field.name, field.byDefault, [...own, ...props.wider])
  const closer = props.closer.filter(([, document]) => document[field.name] !== undefined)
  return (
    <div class={props.isChanged ? 'field changed' : 'field'}>
      <div>
        {change === null ? (
          <code class="field-name">{field.name}</code>
        ) : (
          <label for={id}>
            <code class="field-name">{field.name}</code>
          </label>
        )}
        {field.insteadUse !== null && <p class="note">{t('policy.old', { name: field.insteadUse })}</p>}
        {field.title !== null && <p>{field.title}</p>}
        <p lang={field.lang}>{t('policy.sentence', { text: field.what })}</p>
        <details>
          <summary>{t('policy.more')}</summary>
          <p class="note" lang={field.lang}>
            {t('policy.form')} {field.form}
            <br />
            {t('policy.default')} <Value field={field} value={field.byDefault} />
            {t('policy.sentence', { text: '' })} {t('policy.sentence', { text: field.why })}
          </p>
        </details>
      </div>
      <div class="field-value">
        {change === null ? null : (
          <div class="field-input">
            <Input id={id} field={field} value={value} fault={fault} change={change} />
            {value !== undefined && (
              <button
                type="button"
                aria-label={t('policy.unsetName', { name: field.name })}
                onClick={() => change(undefined)}
              >
                {t('policy.unset')}
              </button>
            )}
          </div>
        )}
        {fault !== null && (
          <p class="trouble" id={`${id}-fault`}>
            {fault}
          </p>
        )}
        <p class="note">
          {t('policy.holds')}{' '}
          <strong>
            <Value field={field} value={effective.value} />
          </strong>{' '}
          ·{' '}
          {effective.from === null
            ? t('policy.fromDefault')
            : effective.from === scope
              ? t('policy.fromHere')
              : t('policy.from', { scope: nameOf(effective.from) })}
        </p>
        {closer.length > 0 && (
          <p class="note">
            {t('policy.closer')}{' '}
            {closer.map(([name, document], index) => (
              <>
                {index > 0 && '; '}
                {nameOf(name)}: <Value field={field} value={document[field.name]} />
              </>
            ))}
          </p>
        )}
      </div>
    </div>
  )
}

function Input(props: {
  readonly id: string
  readonly field: PolicyFieldView
  readonly value: unknown
  readonly fault: string | null
  readonly change: (value: unknown) => void
}) {
  const { id, field, value, change, fault } = props
  const { t } = useText()
  // What is being typed stays as it is typed, as long as it means what is in the document.
  const [typed, setTyped] = useState('')
  const same = JSON.stringify(typedValue(field, typed)) === JSON.stringify(value)
  const text = same ? typed : typedText(field, value)
  const common = {
    id,
    'aria-invalid': fault !== null,
    ...(fault === null ? {} : { 'aria-describedby': `${id}-fault` })
  }
  const take = (next: string) => {
    setTyped(next)
    change(typedValue(field, next))
  }
  if (field.kind === 'choice' || field.kind === 'switch') {
    const choices =
      field.kind === 'switch'
        ? [
            { value: 'on', label: 'on' },
            { value: 'off', label: 'off' }
          ]
        : field.choices
    return (
      <select {...common} value={text} onChange={event => take(event.currentTarget.value)}>
        <option value="">{t('policy.notSet')}</option>
        {choices.map(choice => (
          <option key={choice.value} value={String(choice.value)}>
            {String(choice.value) === choice.label ? choice.label : `${choice.value} – ${choice.label}`}
          </option>
        ))}
      </select>
    )
  }
  if (field.kind === 'list' || field.kind === 'objects')
    return (
      <textarea
        {...common}
        value={text}
        rows={text === '' ? 1 : Math.min(12, text.split('\n').length + 1)}
        placeholder={field.kind === 'list' ? t('policy.onePerLine') : '[{ … }]'}
        spellcheck={false}
        onInput={event => take(event.currentTarget.value)}
      />
    )
  return (
    <>
      <input
        {...common}
        value={text}
        placeholder={t('policy.notSet')}
        inputMode={field.kind === 'number' ? 'numeric' : 'text'}
        autocomplete="off"
        spellcheck={false}
        onInput={event => take(event.currentTarget.value)}
      />
      {field.unit !== null && <span class="unit">{field.unit}</span>}
    </>
  )
}
