/** Small parts that several sections are made of. */
import type { ComponentChildren } from 'preact'
import { safeText } from '@starling/shared/web/names.ts'
import type { Values } from '@starling/shared/web/i18n.ts'
import { useSaid, withReason } from '@starling/shared/web/said.ts'
import type { Asked } from './asked.ts'
import { useText } from './words.ts'

/** The answer, or why there is none yet. */
export function Answered<Value>(props: {
  readonly asked: Asked<Value>
  readonly children: (value: Value) => ComponentChildren
}) {
  const { t } = useText()
  const { value, problem } = props.asked
  if (value !== null) return <>{props.children(value)}</>
  if (problem === null) return <p class="empty">{t('asking')}</p>
  return (
    <p class="trouble" role="alert">
      {safeText(problem)}
    </p>
  )
}

/** What was written into a field of a form. */
export function fieldOf(form: HTMLFormElement, name: string): string {
  const said = new FormData(form).get(name)
  return typeof said === 'string' ? said.trim() : ''
}

/** Params of a reason or a check as words: what they are is said by how their names end. */
export function useWordsOf(): (params: object) => Values {
  const { t, format } = useText()
  const said = useSaid()
  const numberOf = (name: string, value: number): string | number => {
    if (/(^ms|Ms)$/.test(name))
      return value < 1000 ? t('peers.ms', { ms: Math.round(value) }) : format.span(value)
    if (name.endsWith('PerSecond')) return format.rate(value)
    if (name.endsWith('Bytes')) return format.bytes(value)
    return Math.abs(value)
  }
  return params =>
    withReason(
      said,
      Object.fromEntries(
        Object.entries(params as Readonly<Record<string, unknown>>).map(([name, value]) => [
          name,
          typeof value === 'number' ? numberOf(name, value) : safeText(String(value))
        ])
      )
    )
}

/** `/ip4/192.168.1.7/tcp/17830/...` as people write it: `192.168.1.7:17830`. */
export function placeText(address: string): string {
  const found = /^\/(ip4|ip6)\/([^/]+)(?:\/tcp\/(\d+))?/.exec(address)
  if (found === null) return safeText(address)
  const [, kind, host = '', port] = found
  const shown = kind === 'ip6' ? `[${host}]` : host
  return safeText(port === undefined ? shown : `${shown}:${port}`)
}
