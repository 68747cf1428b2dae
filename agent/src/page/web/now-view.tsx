/** The first screen: is all well, what did sharing bring, what is being downloaded and why it goes as it goes. */
import { SourceBar, SourceLegend } from '@starling/shared/web/source-bar.tsx'
import { hostOf, nameOf, safeText } from '@starling/shared/web/names.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import type { ChunkMap, HealthView } from '../../views.ts'
import { Box } from '@starling/shared/web/box.tsx'
import type { RatesNow } from './rates.ts'
import { sourcesOf, totalsOf, type Status, type Transfer } from './status.ts'
import { TransferCard } from './transfer-card.tsx'
import { useSourceNames, useText } from './words.ts'

const latelyMs = 3_600_000
const latelyMax = 5

export function NowView(props: {
  readonly status: Status
  readonly rates: RatesNow
  readonly health: HealthView | null
  readonly active: readonly Transfer[]
  /** Those that are looked into, and where their chunks came from. */
  readonly shown: readonly string[]
  readonly chunks: ReadonlyMap<string, ChunkMap>
  readonly toggle: (transfer: string) => void
}) {
  const { t } = useText()
  const { status, active } = props
  return (
    <>
      <Problems status={status} />
      <div class="glance">
        <Headline status={status} rates={props.rates} />
        <HealthLight health={props.health} status={status} />
      </div>
      <Box title={t('transfers.title')} {...(active.length > 0 ? { count: active.length } : {})}>
        {active.length === 0 && (
          <>
            <p class="empty">{t('transfers.nothing')}</p>
            <p class="note">{t('transfers.empty', { proxy: status.proxyAddress })}</p>
          </>
        )}
        <ol class="cards">
          {active.map(transfer => (
            <TransferCard
              key={transfer.transfer}
              transfer={transfer}
              rate={props.rates.of(transfer.transfer)}
              open={props.shown.includes(transfer.transfer)}
              chunks={props.chunks.get(transfer.transfer) ?? null}
              toggle={() => props.toggle(transfer.transfer)}
              self={status.id}
            />
          ))}
        </ol>
      </Box>
      <Lately status={status} active={active} />
    </>
  )
}

function Problems({ status }: { readonly status: Status }) {
  const { t } = useText()
  if (status.problems.length === 0) return null
  return (
    <section id="problems" aria-labelledby="problems-title">
      <h2 id="problems-title">{t('problems')}</h2>
      <ul>
        {status.problems.map(problem => (
          <li key={problem}>{safeText(problem)}</li>
        ))}
      </ul>
    </section>
  )
}

function Headline({ status, rates }: { readonly status: Status; readonly rates: RatesNow }) {
  const { t, format } = useText()
  const names = useSourceNames()
  const bytes = totalsOf(status)
  const whole = bytes.cache + bytes.peers + bytes.gateway + bytes.origin
  return (
    <Box title={t('savings.title')} actions={<a href={linkTo(['savings'])}>{t('savings.more')}</a>}>
      <p class="headline">
        <strong>{whole === 0 ? t('savings.nothing') : format.share(whole - bytes.origin, whole)}</strong>{' '}
        {whole > 0 && t('savings.of', { bytes: format.bytes(whole) })}
      </p>
      <SourceBar bytes={bytes} subject={t('savings.title')} names={names} tall />
      <SourceLegend bytes={bytes} names={names} />
      <p class="note">
        {t('savings.speeds', {
          lan: format.rate(rates.fromLan),
          origin: format.rate(rates.fromOrigin),
          given: format.rate(rates.given)
        })}
      </p>
    </Box>
  )
}

function HealthLight({ health, status }: { readonly health: HealthView | null; readonly status: Status }) {
  const { t, format } = useText()
  const wrong = (health?.checks ?? []).filter(({ state }) => state === 'bad' || state === 'warn')
  return (
    <Box title={t('health.title')} actions={<a href={linkTo(['health'])}>{t('health.more')}</a>}>
      <p class="light" data-state={health?.state ?? 'unknown'}>
        {health === null ? t('asking') : t(`health.overall.${health.state}`)}
      </p>
      {wrong.length > 0 && (
        <ul class="light-list">
          {wrong.map(({ name, state }) => (
            <li key={name}>
              <span class="dot" data-state={state} aria-hidden="true" /> {t(`health.name.${name}`)}
            </li>
          ))}
        </ul>
      )}
      <p class="note">{t('now.peers', { count: status.peers.length })}</p>
      <p class="note">
        {t('now.cache', {
          used: format.bytes(status.store.usedBytes),
          quota: format.bytes(status.store.quotaBytes)
        })}
      </p>
    </Box>
  )
}

/** What has just come, so that a download does not vanish when it is over. */
function Lately({ status, active }: { readonly status: Status; readonly active: readonly Transfer[] }) {
  const { t, format } = useText()
  const names = useSourceNames()
  const lately = status.transfers
    .filter(one => !active.includes(one) && one.complete && status.now - one.lastUsedAt < latelyMs)
    .sort((one, other) => other.lastUsedAt - one.lastUsedAt)
    .slice(0, latelyMax)
  if (lately.length === 0) return null
  return (
    <Box title={t('lately.title')} actions={<a href={linkTo(['cache'])}>{t('lately.more')}</a>}>
      <ul class="lately">
        {lately.map(one => (
          <li key={one.transfer}>
            <div>
              <strong class="name">{nameOf(one.key)}</strong>
              <span class="host">
                {hostOf(one.key)} · {format.bytes(one.length)} · {format.ago(status.now - one.lastUsedAt)}
              </span>
            </div>
            <SourceBar bytes={sourcesOf(one)} whole={one.length} subject={nameOf(one.key)} names={names} />
          </li>
        ))}
      </ul>
    </Box>
  )
}
