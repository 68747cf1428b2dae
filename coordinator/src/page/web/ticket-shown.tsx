/** A ticket, once: what to type on a machine, to copy or to photograph. It is a secret and is not kept in the page. */
import { useMemo, useState } from 'preact/hooks'
import { encode } from 'uqr'
import { useText } from './words.ts'

export function TicketShown({ ticket }: { readonly ticket: string }) {
  const { t } = useText()
  return (
    <div class="ticket">
      <div>
        <Line name={t('ticket.windows')} text={`msiexec /i starling.msi /qn TICKET=${ticket}`} />
        <Line name={t('ticket.command')} text={`starling join ${ticket}`} />
        <p class="note">{t('ticket.secret')}</p>
      </div>
      <QrCode text={ticket} label={t('ticket.qr')} />
    </div>
  )
}

/** Something to type elsewhere, with a button that copies it. */
export function Line({ name, text }: { readonly name: string; readonly text: string }) {
  const { t } = useText()
  const [copied, setCopied] = useState(false)
  return (
    <div class="line">
      <span>{name}</span>
      <code>{text}</code>
      <button
        onClick={() => {
          void navigator.clipboard.writeText(text).then(() => setCopied(true))
        }}
      >
        {copied ? t('ticket.copied') : t('ticket.copy')}
      </button>
    </div>
  )
}

/** Dark on light in both looks: many readers of such codes know no other way round. */
function QrCode({ text, label }: { readonly text: string; readonly label: string }) {
  const { size, path } = useMemo(() => {
    const { size, data } = encode(text, { ecc: 'L', border: 2 })
    const dots = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])))
    return { size, path: dots.join('') }
  }, [text])
  return (
    <svg
      class="qr"
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={label}
      shape-rendering="crispEdges"
    >
      <path d={path} />
    </svg>
  )
}
