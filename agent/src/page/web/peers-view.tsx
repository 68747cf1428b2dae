/** The other agents: how it goes with each, who is not spoken with and why, and a picture of all of them. */
import { nameOf, safeText, shortId } from '@starling/shared/web/names.ts'
import { paramsOf } from '@starling/shared/policy/peering.ts'
import type { PeerDetail, PeerInfoView } from '../../views.ts'
import { Box } from '@starling/shared/web/box.tsx'
import { useSaid } from '@starling/shared/web/said.ts'
import { Answered, placeText, useWordsOf } from './bits.tsx'
import type { Asked } from './asked.ts'
import type { RatesNow } from './rates.ts'
import type { Status } from './status.ts'
import { SwarmMap } from './swarm-map.tsx'
import { useText } from './words.ts'

export function PeersView(props: {
  readonly status: Status
  readonly rates: RatesNow
  readonly peers: Asked<PeerInfoView>
}) {
  const { t } = useText()
  const wordsOf = useWordsOf()
  return (
    <Answered asked={props.peers}>
      {info => (
        <>
          {!info.peering.allowed && (
            <section class="notice">{t('peers.notAllowed', wordsOf(paramsOf(info.peering)))}</section>
          )}
          {info.peering.allowed && !info.upload.allowed && (
            <section class="notice">{t('peers.noUpload', wordsOf(paramsOf(info.upload)))}</section>
          )}
          {info.peers.length > 0 && (
            <Box title={t('peers.map')}>
              <SwarmMap peers={info.peers} self={props.status.id} fromOrigin={props.rates.fromOrigin} />
            </Box>
          )}
          <Box title={t('peers.title')} count={info.peers.length}>
            {info.peers.length === 0 ? (
              <p class="empty">{t('peers.empty')}</p>
            ) : (
              <PeersTable info={info} status={props.status} />
            )}
            <p class="note">{t(info.wifi ? 'peers.onWifi' : 'peers.onWire')}</p>
          </Box>
          <Away info={info} />
        </>
      )}
    </Answered>
  )
}

function PeersTable({ info, status }: { readonly info: PeerInfoView; readonly status: Status }) {
  const { t, format } = useText()
  const keys = new Map(status.transfers.map(({ transfer, key }) => [transfer, key]))
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t('peers.agent')}</th>
          <th scope="col">{t('peers.state')}</th>
          <th scope="col" class="num">
            {t('peers.roundTrip')}
          </th>
          <th scope="col" class="num">
            {t('peers.taken')}
          </th>
          <th scope="col" class="num">
            {t('peers.given')}
          </th>
          <th scope="col" class="num">
            {t('peers.score')}
          </th>
          <th scope="col" class="num">
            {t('peers.connected')}
          </th>
        </tr>
      </thead>
      <tbody>
        {info.peers.map(peer => {
          const shared = peer.transfers.flatMap(({ transfer, has, of }) => {
            const key = keys.get(transfer)
            return key === undefined || has === 0 ? [] : [`${nameOf(key)} ${format.share(has, of)}`]
          })
          return (
            <tr key={peer.id} title={shared.join('\n')}>
              <th scope="row" title={safeText(peer.id)}>
                <PeerName peer={peer} />{' '}
                {peer.role === 'gateway' && <span class="chip">{t('source.gateway')}</span>}{' '}
                {peer.otherSite && (
                  <span class="chip">{t('peers.otherSite', { site: safeText(peer.site) })}</span>
                )}
                <span class="host">
                  {peer.name !== null && `${shortId(peer.id)} · `}
                  {placeText(peer.address)}
                  {peer.network !== null && ` · ${t(`peers.network.${peer.network}`)}`}
                </span>
              </th>
              <td data-column={t('peers.state')}>
                <StateOf peer={peer} />
              </td>
              <td class="num" data-column={t('peers.roundTrip')}>
                {peer.roundTripMs === null ? '–' : t('peers.ms', { ms: peer.roundTripMs })}
              </td>
              <td class="num" data-column={t('peers.taken')}>
                {format.bytes(peer.bytesFrom)}
                <Rate value={peer.downBytesPerSecond} />
              </td>
              <td class="num" data-column={t('peers.given')}>
                {format.bytes(peer.bytesTo)}
                <Rate value={peer.upBytesPerSecond} />
              </td>
              <td class="num" data-column={t('peers.score')}>
                {peer.bytesPerSecond === 0 ? '–' : format.rate(peer.bytesPerSecond)}
              </td>
              <td class="num" data-column={t('peers.connected')}>
                {format.span(info.now - peer.connectedAt)}
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

/** What it calls itself; its id where it does not say. */
function PeerName({ peer }: { readonly peer: PeerDetail }) {
  return peer.name === null ? <span class="id">{shortId(peer.id)}</span> : <span>{safeText(peer.name)}</span>
}

function Rate({ value }: { readonly value: number }) {
  const { format } = useText()
  return value > 0 ? <span class="host">{format.rate(value)}</span> : null
}

function StateOf({ peer }: { readonly peer: PeerDetail }) {
  const { t, format } = useText()
  const [state, words] = ((): readonly ['good' | 'bad' | 'waiting', string] => {
    if (peer.bannedMs > 0) return ['bad', t('peers.isBanned', { span: format.span(peer.bannedMs) })]
    if (peer.strikes > 0) return ['bad', t('peers.isCorrupt', { count: peer.strikes })]
    if (peer.isTroubled || peer.failures > 0) return ['bad', t('peers.isFailing', { count: peer.failures })]
    if (peer.restsMs > 0) return ['waiting', t('peers.isBusy')]
    if (peer.isIdle) return ['waiting', t('peers.isIdle')]
    if (peer.requests > 0) return ['good', t('peers.isAsked', { count: peer.requests })]
    return ['good', t('peers.isReady')]
  })()
  return (
    <span class="pill" data-state={state}>
      {words}
    </span>
  )
}

/** Whom this agent does not speak with, and why. */
function Away({ info }: { readonly info: PeerInfoView }) {
  const { t, format } = useText()
  const said = useSaid()
  const refusals = Object.entries(info.refusals).filter(([, count]) => count > 0)
  if (info.banned.length === 0 && refusals.length === 0) return null
  return (
    <Box title={t('peers.away')}>
      {info.banned.length > 0 && (
        <ul class="plain">
          {info.banned.map(({ peer, until, reason }) => (
            <li key={peer}>
              <span class="id" title={safeText(peer)}>
                {shortId(peer)}
              </span>{' '}
              {t('peers.bannedUntil', {
                until: format.at(until),
                reason: reason === null ? t('peers.unknownReason') : said(`banned.${reason}`, {}, reason)
              })}
            </li>
          ))}
        </ul>
      )}
      {refusals.length > 0 && (
        <ul class="plain">
          {refusals.map(([reason, count]) => (
            <li key={reason}>
              {t('peers.refused', { reason: said(`noPeer.${reason}`, {}, reason), count })}
            </li>
          ))}
        </ul>
      )}
    </Box>
  )
}
