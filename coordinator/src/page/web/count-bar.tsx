/** How far the agents are with an order, as a bar and in words. */
import { useText } from './words.ts'

interface Counts {
  readonly agents: number
  readonly unheard: number
  readonly waiting: number
  readonly running: number
  readonly late: number
  readonly done: number
  readonly failed: number
}

/** Which colour is what. */
const parts = [
  ['done', 'peers'],
  ['running', 'gateway'],
  ['failed', 'origin'],
  ['waiting', 'cache']
] as const

export function CountBar({ counts, subject }: { readonly counts: Counts; readonly subject: string }) {
  const { t, format } = useText()
  // Agents that moved away after they had told of it may be more than it concerns now.
  const told = parts.reduce((sum, [name]) => sum + counts[name], 0)
  const whole = Math.max(1, counts.agents, told)
  const said = [
    t('orders.doneOf', {
      done: format.count(counts.done),
      agents: format.count(Math.max(counts.agents, told))
    }),
    ...(['running', 'late', 'waiting', 'failed', 'unheard'] as const).flatMap(name =>
      counts[name] > 0 ? [t(`orders.count.${name}`, { count: counts[name] })] : []
    )
  ].join(' · ')
  return (
    <>
      <div class="bar" role="img" aria-label={`${subject}: ${said}`}>
        {parts.map(([name, color]) =>
          counts[name] > 0 ? (
            <span
              key={name}
              class={`part ${color}`}
              style={{ inlineSize: `${((100 * counts[name]) / whole).toFixed(2)}%` }}
            />
          ) : null
        )}
      </div>
      <span class="share">{said}</span>
    </>
  )
}

export function CountLegend() {
  const { t } = useText()
  return (
    <ul class="spread-legend">
      {parts.map(([name, color]) => (
        <li key={name}>
          <span class={`swatch ${color}`} />
          {t(`orders.state.${name}`)}
        </li>
      ))}
    </ul>
  )
}
