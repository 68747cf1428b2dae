import { SourceBar, SourceLegend } from '@starling/shared/web/source-bar.tsx'
import type { Status } from './status.ts'
import { useSourceNames, useText } from './words.ts'

export function SavingsSection({ status: { totals } }: { readonly status: Status }) {
  const { t, format } = useText()
  const names = useSourceNames()
  const bytes = {
    cache: totals.fromCache,
    peers: totals.fromPeers,
    gateway: totals.fromGateway,
    origin: totals.fromUpstream
  }
  const whole = bytes.cache + bytes.peers + bytes.gateway + bytes.origin
  return (
    <section id="savings" aria-labelledby="savings-title">
      <h2 id="savings-title">{t('savings.title')}</h2>
      <p class="headline">
        <strong>{whole === 0 ? t('savings.nothing') : format.share(whole - bytes.origin, whole)}</strong>{' '}
        {whole > 0 && t('savings.of', { bytes: format.bytes(whole) })}
      </p>
      <SourceBar bytes={bytes} subject={t('savings.title')} names={names} tall />
      <SourceLegend bytes={bytes} names={names} />
    </section>
  )
}
