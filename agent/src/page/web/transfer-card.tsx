/** A download that is under way: how far, how fast, how long; opened, where each chunk comes from, and why. */
import { nameOf, safeText } from '@starling/shared/web/names.ts'
import { SourceBar, SourceLegend } from '@starling/shared/web/source-bar.tsx'
import type { ChunkMap } from '../../views.ts'
import { ChunkMapShown } from './chunk-map.tsx'
import { cameOf, sourcesOf, type Transfer } from './status.ts'
import { WhyPanel } from './why-panel.tsx'
import { useSourceNames, useText } from './words.ts'

export function TransferCard(props: {
  readonly transfer: Transfer
  readonly rate: number
  readonly open: boolean
  readonly chunks: ChunkMap | null
  readonly toggle: () => void
  /** This agent's id. */
  readonly self: string
}) {
  const { t, format } = useText()
  const names = useSourceNames()
  const { transfer, rate, open } = props
  const came = cameOf(transfer)
  const left = transfer.length - came
  const name = nameOf(transfer.key)
  const tiles: ReadonlyArray<readonly [string, string]> = [
    [
      t('transfer.speed'),
      rate > 0 ? format.rate(rate) : transfer.complete ? t('transfers.complete') : t('transfers.waiting')
    ],
    [t('transfer.left'), transfer.complete || rate === 0 ? '–' : format.span((1000 * left) / rate)],
    [t('transfer.peers'), format.count(transfer.peers)],
    [t('transfer.readers'), format.count(transfer.readers)]
  ]
  return (
    <li class="card" aria-label={name}>
      <div class="card-head">
        <div>
          <h3>{name}</h3>
          <p class="key">{safeText(transfer.key)}</p>
        </div>
        <p class="percent">
          <strong>{format.share(came, transfer.length)}</strong>{' '}
          {t('transfers.bytes', {
            kept: format.bytes(came),
            length: format.bytes(transfer.length)
          })}
        </p>
      </div>
      <SourceBar bytes={sourcesOf(transfer)} whole={transfer.length} subject={name} names={names} tall />
      <SourceLegend bytes={sourcesOf(transfer)} names={names} short />
      <dl class="small-tiles">
        {tiles.map(([what, value]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {transfer.passesThrough && <p class="notice">{t('transfer.passes')}</p>}
      <ul class="troubles">
        {transfer.problems.map(problem => (
          <li key={problem}>{safeText(problem)}</li>
        ))}
      </ul>
      <button class="unfold" aria-expanded={open} onClick={props.toggle}>
        {t('transfer.look')}
      </button>
      {open && (
        <div class="inside">
          {props.chunks !== null && <ChunkMapShown map={props.chunks} name={name} />}
          <WhyPanel transfer={transfer.transfer} self={props.self} />
        </div>
      )}
    </li>
  )
}
