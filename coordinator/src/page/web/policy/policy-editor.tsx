/** All that a policy may say, by purpose, each with what holds in this scope and who says so; what is changed is looked at before it is kept. */
import type { PolicyScope } from '@starling/shared/policy-scope.ts'
import { useRef, useState } from 'preact/hooks'
import { Box } from '@starling/shared/web/box.tsx'
import { useText } from '../words.ts'
import type { Fields } from './changes.tsx'
import type { Document } from './layers.ts'
import type { FieldInWords } from './field-words.ts'
import { FieldRow } from './field-row.tsx'
import { Review } from './review.tsx'

export type Layers = ReadonlyArray<readonly [scope: PolicyScope, document: Document]>

export function PolicyEditor(props: {
  readonly scope: PolicyScope
  readonly fields: Fields
  /** What the newest version says. */
  readonly said: Document
  readonly version: number | null
  /** The newest version is also the one that counts. */
  readonly isOut: boolean
  /** A rollout is on: another one waits for its end. */
  readonly isRolling: boolean
  readonly draft: Document
  /** Null: the reader may only look. */
  readonly change: ((draft: Document) => void) | null
  readonly wider: Layers
  readonly closer: Layers
  readonly saved: () => void
}) {
  const { said, draft, change, fields } = props
  const { t, format } = useText()
  const [search, setSearch] = useState('')
  const [onlySet, setOnlySet] = useState(false)
  const [faults, setFaults] = useState<ReadonlyMap<string, string>>(new Map())
  /** Categories in which something was set: they stay open while somebody empties a field to type something else. */
  const wereSet = useRef(new Set<string>())
  const wanted = search.trim().toLowerCase()
  const isShown = ({ name, title, what, unit }: FieldInWords): boolean =>
    (!onlySet || draft[name] !== undefined || said[name] !== undefined) &&
    (wanted === '' || `${name} ${title ?? ''} ${what} ${unit ?? ''}`.toLowerCase().includes(wanted))
  const shown = [...fields.values()].filter(isShown)
  const categories = [...new Set(shown.map(({ category }) => category))]
  const names = new Set([...Object.keys(said), ...Object.keys(draft)])
  const changed = [...names].filter(name => JSON.stringify(said[name]) !== JSON.stringify(draft[name]))
  return (
    <Box title={t('policy.settings')}>
      <p class="note">
        {props.version === null
          ? t('policy.saysNothing')
          : props.isOut
            ? t('policy.shows', { version: format.count(props.version) })
            : t('policy.showsNewest', { version: format.count(props.version) })}
      </p>
      <div class="filters">
        <label>
          {t('policy.search')}
          <input type="search" value={search} onInput={event => setSearch(event.currentTarget.value)} />
        </label>
        <label class="tick">
          <input
            type="checkbox"
            checked={onlySet}
            onChange={event => setOnlySet(event.currentTarget.checked)}
          />
          {t('policy.onlySet')}
        </label>
      </div>
      {shown.length === 0 && <p class="empty">{t('policy.noneFound')}</p>}
      {categories.map(category => {
        const inside = shown.filter(field => field.category === category)
        const set = inside.filter(({ name }) => draft[name] !== undefined).length
        if (set > 0) wereSet.current.add(category)
        const isOpen = wanted !== '' || onlySet || wereSet.current.has(category)
        return (
          <details class="category" key={category} open={isOpen}>
            <summary>
              <h3>{t(`policy.in.${category}`)}</h3>{' '}
              {set > 0 && <span class="chip">{t('policy.setHere', { count: set })}</span>}
            </summary>
            {inside.map(field => (
              <FieldRow
                key={field.name}
                field={field}
                scope={props.scope}
                value={draft[field.name]}
                isChanged={changed.includes(field.name)}
                fault={faults.get(field.name) ?? null}
                wider={props.wider}
                closer={props.closer}
                change={
                  change === null
                    ? null
                    : value => {
                        const { [field.name]: _, ...rest } = draft
                        change(value === undefined ? rest : { ...rest, [field.name]: value })
                      }
                }
              />
            ))}
          </details>
        )
      })}
      {change !== null && changed.length > 0 && (
        <Review
          scope={props.scope}
          fields={fields}
          draft={draft}
          basedOn={props.version}
          isRolling={props.isRolling}
          count={changed.length}
          discard={() => change(said)}
          saved={props.saved}
          faulty={setFaults}
        />
      )}
    </Box>
  )
}
