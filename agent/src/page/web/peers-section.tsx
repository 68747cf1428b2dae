import { safeText, shortId } from '@starling/shared/web/names.ts'
import type { Status } from './status.ts'
import { useText } from './words.ts'

export function PeersSection({ status }: { readonly status: Status }) {
  const { t, format } = useText()
  return (
    <section id="peers" aria-labelledby="peers-title">
      <h2 id="peers-title">
        {t('peers.title')} {status.peers.length > 0 && <span class="count">{status.peers.length}</span>}
      </h2>
      {status.peers.length === 0 ? (
        <p class="empty">{t('peers.empty')}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{t('peers.agent')}</th>
              <th scope="col">{t('peers.role')}</th>
              <th scope="col">{t('peers.address')}</th>
              <th scope="col" class="num">
                {t('peers.connected')}
              </th>
              <th scope="col" class="num">
                {t('peers.taken')}
              </th>
              <th scope="col" class="num">
                {t('peers.given')}
              </th>
            </tr>
          </thead>
          <tbody>
            {status.peers.map(peer => (
              <tr key={peer.id}>
                <th scope="row" class="id" title={safeText(peer.id)}>
                  {shortId(peer.id)}
                </th>
                <td data-column={t('peers.role')}>{peer.role}</td>
                <td class="address" data-column={t('peers.address')}>
                  {safeText(peer.address)}
                </td>
                <td class="num" data-column={t('peers.connected')}>
                  {format.span(status.now - peer.connectedAt)}
                </td>
                <td class="num" data-column={t('peers.taken')}>
                  {format.bytes(peer.bytesFrom)}
                </td>
                <td class="num" data-column={t('peers.given')}>
                  {format.bytes(peer.bytesTo)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
