/**
 * Bytes by where they came from: a bar and its words. The four colours are the same on every page and in every chart, and
 * no bar stands without its words.
 */
import { useWords } from './page-words.tsx'

export const sources = ['cache', 'peers', 'gateway', 'origin'] as const
export type Source = (typeof sources)[number]
export type BytesBySource = Readonly<Record<Source, number>>

export function SourceBar(props: {
  readonly bytes: BytesBySource
  /** What a full bar means; the bytes' own sum when left out. */
  readonly whole?: number
  /** What the bar is about, for a screen reader. */
  readonly subject: string
  readonly names: Readonly<Record<Source, string>>
  readonly tall?: boolean
}) {
  const { format } = useWords()
  const whole = props.whole ?? sources.reduce((sum, source) => sum + props.bytes[source], 0)
  const present = sources.filter(source => props.bytes[source] > 0)
  const told = present.map(source => `${props.names[source]} ${format.bytes(props.bytes[source])}`).join(', ')
  return (
    <div
      class={props.tall === true ? 'bar tall' : 'bar'}
      role="img"
      aria-label={`${props.subject}: ${told || '0'}`}
    >
      {present.map(source => (
        <span
          key={source}
          class={`part ${source}`}
          style={{ inlineSize: whole > 0 ? `${((100 * props.bytes[source]) / whole).toFixed(3)}%` : '0%' }}
        />
      ))}
    </div>
  )
}

export function SourceLegend(props: {
  readonly bytes: BytesBySource
  readonly names: Readonly<Record<Source, string>>
  /** Without those from which nothing came. */
  readonly short?: boolean
}) {
  const { format } = useWords()
  const whole = sources.reduce((sum, source) => sum + props.bytes[source], 0)
  const shown = props.short === true ? sources.filter(source => props.bytes[source] > 0) : sources
  return (
    <dl class="legend">
      {shown.map(source => (
        <div key={source}>
          <dt>
            <span class={`swatch ${source}`} />
            {props.names[source]}
          </dt>
          <dd>
            {format.bytes(props.bytes[source])} · {format.share(props.bytes[source], whole)}
          </dd>
        </div>
      ))}
    </dl>
  )
}
