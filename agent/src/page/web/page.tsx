/**
 * The agent's page: listens to the agent's snapshots and shows them, one section at a time; the address says which. When the agent
 * goes away the page says so and keeps what it showed, greyed.
 */
import starling from '@starling/shared/web/starling.svg'
import { useEvents } from '@starling/shared/web/live.ts'
import { LookSettings } from '@starling/shared/web/look-settings.tsx'
import { safeText, shortId } from '@starling/shared/web/names.ts'
import { linkTo, usePlace } from '@starling/shared/web/route.ts'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ChunkMap, HealthView as Health, PeerInfoView } from '../../views.ts'
import './page.css'
import { useAsked } from './asked.ts'
import { CacheView } from './cache-view.tsx'
import { HealthView } from './health-view.tsx'
import { LogView } from './log-view.tsx'
import { NowView } from './now-view.tsx'
import { PeersView } from './peers-view.tsx'
import { PolicyView } from './policy-view.tsx'
import { SavingsView } from './savings-view.tsx'
import { Rates, isUnderWay } from './rates.ts'
import type { Status } from './status.ts'
import { UnlockProvider, useUnlock } from './unlock.tsx'
import { useShown } from './use-shown.ts'
import { useText } from './words.ts'

const views = ['now', 'savings', 'peers', 'cache', 'health', 'policy', 'log'] as const
type View = (typeof views)[number]

export function Page() {
  return (
    <UnlockProvider>
      <Frame />
    </UnlockProvider>
  )
}

function Frame() {
  const { t } = useText()
  const place = usePlace()
  const view: View = views.find(name => name === place.path[0]) ?? 'now'
  const [status, setStatus] = useState<Status | null>(null)
  const [chunks, setChunks] = useState<ReadonlyMap<string, ChunkMap>>(new Map())
  const [, tick] = useState(0)
  const rates = useRef(new Rates())
  const perSecond = rates.current.at(performance.now())
  const active = (status?.transfers ?? [])
    .filter(one => isUnderWay(one, perSecond))
    // A card stays where it is while its reader looks at it.
    .toSorted((one, other) => (one.key === other.key ? 0 : one.key < other.key ? -1 : 1))
  const [shown, toggle] = useShown(active.map(({ transfer }) => transfer))
  const looksAt = view === 'now' ? shown.map(id => `transfer=${id}`).join('&') : ''
  const live = useEvents(`/api/v1/events?${looksAt}`, ['status', 'chunks'], (data, name) => {
    if (name === 'chunks') {
      const map = data as ChunkMap
      return setChunks(
        old => new Map([...[...old].filter(([id]) => shown.includes(id)), [map.transfer, map] as const])
      )
    }
    const next = data as Status
    // An upgraded agent brings its own page.
    if (status !== null && status.version !== next.version) location.reload()
    if (status !== null && status.startedAt !== next.startedAt) rates.current.forget()
    rates.current.add(next, performance.now())
    setStatus(next)
  })
  // Times go on and rates fade although nothing happens; with nobody looking, not even that.
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) tick(count => count + 1)
    }, 1000)
    return () => clearInterval(timer)
  }, [])
  useEffect(() => {
    document.title = view === 'now' ? 'Starling' : `${t(`nav.${view}`)} · Starling`
  }, [view, t])
  const health = useAsked<Health>('/api/v1/health', view === 'health' ? 5000 : 30_000)
  const peers = useAsked<PeerInfoView>(view === 'peers' ? '/api/v1/peer-info' : null, 2000)

  return (
    <div class={live === 'lost' ? 'stale' : ''}>
      <a
        class="skip"
        href="#main"
        onClick={event => {
          event.preventDefault()
          document.getElementById('main')?.focus()
        }}
      >
        {t('skip')}
      </a>
      <header>
        <img src={starling} alt="" width="40" height="40" />
        <div class="who">
          <h1>Starling</h1>
          <p title={status?.id}>
            {status === null
              ? ' '
              : `${shortId(status.id)} · ${safeText(status.site)} · ${t(`role.${status.role}`)}`}
          </p>
        </div>
        <p
          class="pill"
          role="status"
          data-state={live === 'live' ? 'good' : live === 'lost' ? 'bad' : 'waiting'}
        >
          {t(`live.${live}`)}
        </p>
        <LookSettings
          words={{
            look: t('look'),
            language: t('language'),
            system: t('look.system'),
            light: t('look.light'),
            dark: t('look.dark')
          }}
        />
        <Lock />
      </header>
      <nav aria-label={t('nav')}>
        <ul>
          {views.map(name => (
            <li key={name}>
              <a href={linkTo([name])} aria-current={name === view ? 'page' : undefined}>
                {name === 'health' && (
                  <span class="dot" data-state={health.value?.state ?? 'unknown'} aria-hidden="true" />
                )}
                {t(`nav.${name}`)}
                {name === 'now' && active.length > 0 && <span class="badge">{active.length}</span>}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <main id="main" tabIndex={-1} aria-label={t(`nav.${view}`)}>
        {view === 'health' && <HealthView health={health} />}
        {view === 'policy' && <PolicyView />}
        {view === 'log' && <LogView />}
        {view === 'cache' && <CacheView />}
        {status !== null && view === 'now' && (
          <NowView
            status={status}
            rates={perSecond}
            health={health.value}
            active={active}
            shown={shown}
            chunks={chunks}
            toggle={toggle}
          />
        )}
        {status !== null && view === 'savings' && <SavingsView status={status} />}
        {status !== null && view === 'peers' && <PeersView status={status} rates={perSecond} peers={peers} />}
      </main>
    </div>
  )
}

/** Whoever has finished locks, so that the next one at this screen only looks. */
function Lock() {
  const { t } = useText()
  const { token, lock } = useUnlock()
  return token === null ? null : <button onClick={lock}>{t('unlock.lock')}</button>
}
