/** The frame of a section, and a choice of one of a few in it, as both pages have them. */
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { useWords } from './page-words.tsx'

/** A box with a title, and what can be done there on its right. */
export function Box(props: {
  readonly title: string
  readonly count?: number
  readonly actions?: ComponentChildren
  readonly children: ComponentChildren
}) {
  const { format } = useWords()
  const titleId = useId()
  return (
    <section aria-labelledby={titleId}>
      <div class="box-head">
        <h2 id={titleId}>
          {props.title}
          {props.count === undefined ? null : <span class="count">{format.count(props.count)}</span>}
        </h2>
        {props.actions}
      </div>
      {props.children}
    </section>
  )
}

/** One of a few, side by side. */
export function Switch<Name extends string>(props: {
  readonly label: string
  readonly names: readonly Name[]
  readonly chosen: Name
  readonly write: (name: Name) => string
  readonly choose: (name: Name) => void
}) {
  return (
    <div class="switch" role="group" aria-label={props.label}>
      {props.names.map(name => (
        <button key={name} aria-pressed={name === props.chosen} onClick={() => props.choose(name)}>
          {props.write(name)}
        </button>
      ))}
    </div>
  )
}
