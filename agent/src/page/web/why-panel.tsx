/** Why a download goes as it goes: where it comes from, what it waits for, what limits it, and what each peer is good for. */
import { safeText, shortId } from '@starling/shared/web/names.ts'
import type { TransferReason } from '../../ports.ts'
import type { PolicyReason, WhyView } from '../../views.ts'
import { useAsked } from './asked.ts'
import { Answered, useWordsOf } from './bits.tsx'
import { useText } from './words.ts'

type Kind = 'from' | 'waits' | 'limits'
type AnyReason = TransferReason | PolicyReason

/** The compiler sees to it that none is forgotten. */
const kinds: Readonly<Record<AnyReason['code'], Kind>> = {
  complete: 'from',
  'from-peers': 'from',
  'from-origin': 'from',
  'from-far-gateway': 'from',
  'others-fetch': 'from',
  'one-whole-answer': 'from',
  'not-wanted': 'waits',
  background: 'waits',
  'no-peers': 'waits',
  'peers-have-nothing': 'waits',
  'digests-missing': 'waits',
  'waits-for-gateway': 'waits',
  'waits-for-peers-back': 'waits',
  'waits-for-turn': 'waits',
  'upstream-failed': 'waits',
  'upstream-refused': 'waits',
  'no-address': 'waits',
  'not-a-fetcher': 'waits',
  'http-delayed': 'waits',
  'wan-forbidden': 'limits',
  'site-flows-used': 'limits',
  'own-flows-used': 'limits',
  'requests-used': 'limits',
  'lan-rate': 'limits',
  'wan-rate': 'limits',
  'foreground-rate': 'limits',
  'background-rate': 'limits',
  'disk-full': 'limits',
  'gives-nothing': 'limits',
  'peering-not-allowed': 'limits',
  'upload-not-allowed': 'limits',
  'peers-within': 'limits',
  'nothing-kept': 'limits',
  'peers-refused': 'limits'
}

export function WhyPanel({ transfer, self }: { readonly transfer: string; readonly self: string }) {
  const asked = useAsked<WhyView>(`/api/v1/transfers/${transfer}/why`, 2000)
  return <Answered asked={asked}>{why => <Why why={why} self={self} />}</Answered>
}

function Why({ why, self }: { readonly why: WhyView; readonly self: string }) {
  const { t } = useText()
  const wordsOf = useWordsOf()
  const reasons: readonly AnyReason[] = [...why.reasons, ...why.policy]
  return (
    <>
      <div class="reasons">
        {(['from', 'waits', 'limits'] as const).map(kind => {
          const those = reasons.filter(({ code }) => kinds[code] === kind)
          return (
            <section key={kind} data-kind={kind} aria-label={t(`why.group.${kind}`)}>
              <h4>{t(`why.group.${kind}`)}</h4>
              {those.length === 0 && <p class="empty">{t(`why.none.${kind}`)}</p>}
              <ul>
                {those.map(reason => (
                  <li key={JSON.stringify(reason)}>{t(`why.${reason.code}`, wordsOf(reason.params))}</li>
                ))}
              </ul>
            </section>
          )
        })}
      </div>
      {why.peers.length > 0 && <PeersOfIt why={why} />}
      {why.claims.length > 0 && <Claims why={why} self={self} />}
    </>
  )
}

function PeersOfIt({ why }: { readonly why: WhyView }) {
  const { t, format } = useText()
  const wordsOf = useWordsOf()
  return (
    <table>
      <caption>{t('why.peers')}</caption>
      <thead>
        <tr>
          <th scope="col">{t('peers.agent')}</th>
          <th scope="col" class="num">
            {t('why.has')}
          </th>
          <th scope="col" class="num">
            {t('why.useful')}
          </th>
          <th scope="col">{t('why.because')}</th>
        </tr>
      </thead>
      <tbody>
        {why.peers.map(peer => (
          <tr key={peer.peer}>
            <th scope="row" title={safeText(peer.peer)}>
              <span class="id">{shortId(peer.peer)}</span>{' '}
              {peer.role === 'gateway' && <span class="chip">{t('source.gateway')}</span>}
            </th>
            <td class="num" data-column={t('why.has')}>
              {format.share(peer.chunks, why.chunks)}
            </td>
            <td class="num" data-column={t('why.useful')}>
              {format.count(peer.useful)}
            </td>
            <td class="wide" data-column={t('why.because')}>
              {peer.reasons.map(reason => t(`whyPeer.${reason.code}`, wordsOf(reason.params))).join(' · ')}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Claims of one machine are told together: it may have dozens of runs. */
function Claims({ why, self }: { readonly why: WhyView; readonly self: string }) {
  const { t, format } = useText()
  const claimants = [...Map.groupBy(why.claims, ({ claimant }) => claimant)]
  return (
    <table>
      <caption>{t('why.claims')}</caption>
      <thead>
        <tr>
          <th scope="col">{t('why.claimant')}</th>
          <th scope="col" class="num">
            {t('why.chunks')}
          </th>
          <th scope="col" class="num">
            {t('why.done')}
          </th>
          <th scope="col" class="num">
            {t('why.since')}
          </th>
          <th scope="col" class="num">
            {t('why.silent')}
          </th>
        </tr>
      </thead>
      <tbody>
        {claimants.map(([claimant, claims]) => {
          const isGateway = why.peers.some(({ peer, role }) => peer === claimant && role === 'gateway')
          return (
            <tr key={claimant}>
              <th scope="row" title={safeText(claimant)}>
                {claimant === self ? t('why.thisMachine') : <span class="id">{shortId(claimant)}</span>}{' '}
                {isGateway && <span class="chip">{t('source.gateway')}</span>}
              </th>
              <td class="num" data-column={t('why.chunks')}>
                {format.count(
                  claims.reduce((sum, { firstChunk, endChunk }) => sum + endChunk - firstChunk, 0)
                )}
              </td>
              <td class="num" data-column={t('why.done')}>
                {format.bytes(claims.reduce((sum, { bytesDone }) => sum + bytesDone, 0))}
              </td>
              <td class="num" data-column={t('why.since')}>
                {format.span(Math.max(...claims.map(({ sinceMs }) => sinceMs)))}
              </td>
              <td class="num" data-column={t('why.silent')}>
                {format.ago(Math.min(...claims.map(({ silentMs }) => silentMs)))}
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
