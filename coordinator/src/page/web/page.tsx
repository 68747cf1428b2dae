/** The frame of the page: who is signed in, where one can go, and the view of where one is. */
import type { AccountRole } from '@starling/shared/admin-api/roles.ts'
import { LookSettings } from '@starling/shared/web/look-settings.tsx'
import { linkTo, usePlace } from '@starling/shared/web/route.ts'
import starling from '@starling/shared/web/starling.svg'
import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import './page.css'
import { AgentsView } from './agents-view.tsx'
import { AlertsView } from './alerts-view.tsx'
import { ContentsView } from './contents-view.tsx'
import { EnrolmentView } from './enrolment-view.tsx'
import { FleetView } from './fleet-view.tsx'
import { later } from './later.tsx'
import { LiveProvider, useLiveState } from './live.tsx'
import { OrdersView } from './orders-view.tsx'
import { SessionProvider, useSession } from './session.tsx'
import { SitesView } from './sites-view.tsx'
import { useText, type Key } from './words.ts'

interface View {
  readonly name: string
  readonly title: Key
  /** Whom it is for; left out: everybody. */
  readonly role?: AccountRole
  /** @param rest the parts of the address after the view's name */
  readonly show: ComponentType<{ readonly rest: readonly string[]; readonly query: URLSearchParams }>
}

// Looked at less often, and large.
const PolicyView = later(async () => (await import('./policy/policy-view.tsx')).PolicyView)
const AuditView = later(async () => (await import('./audit-view.tsx')).AuditView)
const AccountsView = later(async () => (await import('./accounts-view.tsx')).AccountsView)

/** In the order of the navigation. The first one is home. */
const views: readonly View[] = [
  { name: 'fleet', title: 'nav.fleet', show: FleetView },
  { name: 'sites', title: 'nav.sites', show: SitesView },
  { name: 'agents', title: 'nav.agents', show: AgentsView },
  { name: 'contents', title: 'nav.contents', show: ContentsView },
  { name: 'prestage', title: 'nav.prestage', show: OrdersView },
  { name: 'alerts', title: 'nav.alerts', show: AlertsView },
  { name: 'policy', title: 'nav.policy', show: PolicyView },
  { name: 'enrolment', title: 'nav.enrolment', show: EnrolmentView },
  { name: 'audit', title: 'nav.audit', show: AuditView, role: 'auditor' },
  { name: 'accounts', title: 'nav.accounts', show: AccountsView }
]

export function Page() {
  return (
    <SessionProvider>
      <LiveProvider>
        <Frame />
      </LiveProvider>
    </SessionProvider>
  )
}

function Frame() {
  const { t } = useText()
  const { actor, leave, may } = useSession()
  const live = useLiveState()
  const place = usePlace()
  const [name, ...rest] = place.path
  const open = views.filter(({ role }) => role === undefined || may(role))
  const view = open.find(known => known.name === name) ?? open[0]
  // On a phone the views stand in one row that scrolls.
  useEffect(() => {
    document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [view])
  const title = view === undefined ? 'Starling' : `${t(view.title)} · Starling`
  useEffect(() => {
    document.title = title
  }, [title])
  if (view === undefined) return null
  const Shown = view.show
  return (
    <div class={live === 'lost' || live === 'away' ? 'frame stale' : 'frame'}>
      <a
        class="skip"
        href="#main"
        onClick={event => (event.preventDefault(), document.getElementById('main')?.focus())}
      >
        {t('skip')}
      </a>
      <header>
        <img src={starling} alt="" width="36" height="36" />
        <div class="who">
          <strong>Starling</strong>
        </div>
        <p
          class="pill"
          role="status"
          data-state={live === 'live' ? 'good' : live === 'waiting' ? 'waiting' : 'bad'}
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
        <span class="me">
          {actor.name} · {t(`role.${actor.role}`)}
        </span>
        <button onClick={() => void leave()}>{t('session.leave')}</button>
      </header>
      <nav aria-label={t('nav')}>
        <ul>
          {open.map(known => (
            <li key={known.name}>
              <a href={linkTo([known.name])} aria-current={known === view ? 'page' : undefined}>
                {t(known.title)}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <main id="main" tabIndex={-1}>
        <h1>{t(view.title)}</h1>
        <Shown rest={rest} query={place.query} />
      </main>
    </div>
  )
}
