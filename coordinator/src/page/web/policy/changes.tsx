/** What differs between two versions, name by name: what was, and what is. */
import type { PolicyFieldView } from '@starling/shared/admin-api/policy.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { useText } from '../words.ts'
import type { FieldInWords } from './field-words.ts'
import { valueText } from './values.ts'

export type Fields = ReadonlyMap<string, FieldInWords>

export function Changes(props: {
  readonly changes: ReadonlyArray<{
    readonly name: string
    readonly before?: unknown
    readonly after?: unknown
  }>
  readonly fields: Fields
}) {
  const { t } = useText()
  if (props.changes.length === 0) return <p class="empty">{t('policy.noChanges')}</p>
  return (
    <ul class="changes">
      {props.changes.map(({ name, before, after }) => (
        <li key={name}>
          <code>{safeText(name)}</code>
          <del>
            <Value field={props.fields.get(name)} value={before} />
          </del>
          <span aria-hidden="true">→</span>
          <ins>
            <Value field={props.fields.get(name)} value={after} />
          </ins>
        </li>
      ))}
    </ul>
  )
}

/** A name that this coordinator no longer knows is shown as it was written. */
export function Value({
  field,
  value
}: {
  readonly field: PolicyFieldView | undefined
  readonly value: unknown
}) {
  const { t } = useText()
  if (value === undefined) return <>{t('policy.notSet')}</>
  const text = field === undefined ? JSON.stringify(value) : valueText(field, value)
  return <>{text === null ? t('policy.nothing') : safeText(text)}</>
}
