/**
 * The agent's page: listens to the agent's snapshots and shows them, section by section. When the agent goes away the page
 * says so and keeps what it showed, greyed.
 */
import starling from '@starling/shared/web/starling.svg'
import { useEvents } from '@starling/shared/web/live.ts'
import { LookSettings } from '@starling/shared/web/look-settings.tsx'
import { safeText, shortId } from '@starling/shared/web/names.ts'
import { useEffect, useRef, useState } from 'preact/hooks'
import { CacheSection } from './cache-section.tsx'
import { PeersSection } from './peers-section.tsx'
import { SavingsSection } from './savings-section.tsx'
import { Rates, type Status } from './status.ts'
import { TransfersSection } from './transfers-section.tsx'
import { useText } from './words.ts'

/** Without an event for so long nothing moves any more, so a speed that still stood there would be untrue. */
const quietMs = 2000

export function Page() {
  const { t } = useText()
  const [status, setStatus] = useState<Status | null>(null)
  const [, tick] = useState(0)
  const rates = useRef(new Rates())
  const seenAt = useRef(0)
  const live = useEvents('/api/v1/events', 'status', data => {
    const next = data as Status
    // An upgraded agent brings its own page.
    if (status !== null && status.version !== next.version) location.reload()
    if (status !== null && status.startedAt !== next.startedAt) rates.current.forget()
    seenAt.current = performance.now()
    rates.current.add(next, seenAt.current)
    setStatus(next)
  })
  // Times go on and rates fade although nothing happens; with nobody looking, not even that.
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) tick(count => count + 1)
    }, 1000)
    return () => clearInterval(timer)
  }, [])

  const quiet = performance.now() - seenAt.current
  const perSecond = quiet > quietMs ? new Map<string, number>() : rates.current.at(performance.now())
  return (
    <div class={live === 'lost' ? 'stale' : ''}>
      <a class="skip" href="#transfers">
        {t('skip')}
      </a>
      <header>
        <img src={starling} alt="" width="40" height="40" />
        <div class="who">
          <h1>Starling</h1>
          <p title={status?.id}>
            {status === null ? ' ' : `${shortId(status.id)} · ${safeText(status.site)} · ${status.role}`}
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
      </header>
      {status !== null && (
        <main>
          {status.problems.length > 0 && (
            <section id="problems" aria-labelledby="problems-title">
              <h2 id="problems-title">{t('problems')}</h2>
              <ul>
                {status.problems.map(problem => (
                  <li key={problem}>{safeText(problem)}</li>
                ))}
              </ul>
            </section>
          )}
          <SavingsSection status={status} />
          <TransfersSection status={status} rates={perSecond} />
          <PeersSection status={status} />
          <CacheSection status={status} />
        </main>
      )}
    </div>
  )
}
