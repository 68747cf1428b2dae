import { hostOf, nameOf, safeText } from '@starling/shared/web/names.ts'
import { SourceBar } from '@starling/shared/web/source-bar.tsx'
import { sourcesOf, type Status } from './status.ts'
import { useSourceNames, useText } from './words.ts'

export function CacheSection({ status }: { readonly status: Status }) {
  const { t, format } = useText()
  const names = useSourceNames()
  const { store, transfers } = status
  return (
    <section id="cache" aria-labelledby="cache-title">
      <h2 id="cache-title">
        {t('cache.title')} {status.transfersTotal > 0 && <span class="count">{status.transfersTotal}</span>}
      </h2>
      <p class="note">
        {t('cache.used', {
          used: format.bytes(store.usedBytes),
          quota: format.bytes(store.quotaBytes),
          free: format.bytes(store.freeBytes)
        })}
      </p>
      {transfers.length === 0 ? (
        <p class="empty">{t('cache.empty')}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{t('cache.content')}</th>
              <th scope="col" class="num">
                {t('cache.size')}
              </th>
              <th scope="col">{t('cache.kept')}</th>
              <th scope="col" class="num">
                {t('cache.lastUsed')}
              </th>
            </tr>
          </thead>
          <tbody>
            {transfers.map(transfer => (
              <tr key={transfer.transfer}>
                <th scope="row" class="content" title={safeText(transfer.key)}>
                  <span class="name">{nameOf(transfer.key)}</span>
                  <span class="host">{hostOf(transfer.key)}</span>
                </th>
                <td class="num" data-column={t('cache.size')}>
                  {format.bytes(transfer.length)}
                </td>
                <td class="kept" data-column={t('cache.kept')}>
                  <SourceBar
                    bytes={sourcesOf(transfer)}
                    whole={transfer.length}
                    subject={nameOf(transfer.key)}
                    names={names}
                  />
                </td>
                <td class="num" data-column={t('cache.lastUsed')}>
                  {format.ago(status.now - transfer.lastUsedAt)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
