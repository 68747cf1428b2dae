import { nameOf, safeText } from '@starling/shared/web/names.ts'
import { SourceBar } from '@starling/shared/web/source-bar.tsx'
import { isUnderWay, sourcesOf, type Status, type Transfer } from './status.ts'
import { useSourceNames, useText } from './words.ts'

export function TransfersSection(props: {
  readonly status: Status
  readonly rates: ReadonlyMap<string, number>
}) {
  const { t } = useText()
  const active = props.status.transfers.filter(isUnderWay)
  return (
    <section id="transfers" aria-labelledby="transfers-title">
      <h2 id="transfers-title">
        {t('transfers.title')} {active.length > 0 && <span class="count">{active.length}</span>}
      </h2>
      {active.length === 0 && (
        <p class="empty">{t('transfers.empty', { proxy: props.status.proxyAddress })}</p>
      )}
      <ol class="cards">
        {active.map(transfer => (
          <TransferCard
            key={transfer.transfer}
            transfer={transfer}
            rate={props.rates.get(transfer.transfer) ?? 0}
          />
        ))}
      </ol>
    </section>
  )
}

function TransferCard({ transfer, rate }: { readonly transfer: Transfer; readonly rate: number }) {
  const { t, format } = useText()
  const names = useSourceNames()
  const left = transfer.length - transfer.keptBytes
  const figures = [
    format.share(transfer.keptBytes, transfer.length),
    t('transfers.bytes', { kept: format.bytes(transfer.keptBytes), length: format.bytes(transfer.length) }),
    rate > 0 ? format.rate(rate) : transfer.complete ? t('transfers.complete') : t('transfers.waiting'),
    ...(!transfer.complete && rate > 0
      ? [t('transfers.left', { span: format.span((1000 * left) / rate) })]
      : []),
    ...(transfer.peers > 0 ? [t('transfers.peers', { count: transfer.peers })] : []),
    ...(transfer.readers > 0 ? [t('transfers.readers', { count: transfer.readers })] : [])
  ]
  return (
    <li class="card">
      <h3>{nameOf(transfer.key)}</h3>
      <p class="key">{safeText(transfer.key)}</p>
      <SourceBar
        bytes={sourcesOf(transfer)}
        whole={transfer.length}
        subject={nameOf(transfer.key)}
        names={names}
        tall
      />
      <p class="figures">{figures.join(' · ')}</p>
      <ul class="troubles">
        {transfer.problems.map(problem => (
          <li key={problem}>{safeText(problem)}</li>
        ))}
      </ul>
    </li>
  )
}
