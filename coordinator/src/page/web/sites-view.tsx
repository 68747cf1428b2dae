/** The sites, those in trouble first; and one site. */
import { listSites, showFleet } from '@starling/shared/admin-api/fleet-view.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { useMemo } from 'preact/hooks'
import { AgentsTable } from './agents-view.tsx'
import { ContentsTable } from './contents-view.tsx'
import { FleetTiles } from './fleet-tiles.tsx'
import { useAnswer } from './live.tsx'
import { Box } from '@starling/shared/web/box.tsx'
import { Answered, ProblemCounts, SourcesOverTime } from './parts.tsx'
import { useText } from './words.ts'

export interface Site {
  readonly site: string
  readonly agents: number
  readonly online: number
  readonly gateways: number
  readonly gatewaysOnline: number
  readonly problems: Readonly<Record<string, number>>
  readonly day: {
    readonly wan: number
    readonly clients: number
    readonly errors: number
    readonly downloads: number
  }
  readonly amplification: number | null
}

/**
 * How much a site wants to be looked at: gateways that are away weigh most, then the share of agents with a problem, then
 * agents that are not heard and copies over the WAN that need not be. Only its order counts.
 */
export function troubleOf(site: Site): number {
  const problems = Object.values(site.problems).reduce((sum, count) => sum + count, 0)
  const away = site.gateways > 0 && site.gatewaysOnline === 0 ? 10 : 0
  const silent = 1 - site.online / Math.max(1, site.agents)
  const failed = site.day.downloads > 0 ? site.day.errors / site.day.downloads : 0
  return (
    away +
    (5 * problems) / Math.max(1, site.agents) +
    silent +
    5 * failed +
    Math.max(0, (site.amplification ?? 1) - 1)
  )
}

export function SitesView({ rest }: { readonly rest: readonly string[] }) {
  const { t } = useText()
  const [name] = rest
  const sites = useAnswer(listSites, name === undefined ? {} : null)
  if (name !== undefined) return <OneSite key={name} name={name} />
  return (
    <Box title={t('sites.title')} count={sites.value?.sites.length ?? 0}>
      <Answered answer={sites}>{value => <SitesTable sites={value.sites} />}</Answered>
    </Box>
  )
}

export function SitesTable({ sites }: { readonly sites: readonly Site[] }) {
  const { t, format } = useText()
  if (sites.length === 0) return <p class="empty">{t('sites.empty')}</p>
  const ranked = sites.toSorted(
    (one, other) => troubleOf(other) - troubleOf(one) || (one.site < other.site ? -1 : 1)
  )
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t('sites.site')}</th>
          <th scope="col" class="num">
            {t('fleet.online')}
          </th>
          <th scope="col">{t('sites.gateway')}</th>
          <th scope="col" class="num">
            {t('sites.saved')}
          </th>
          <th scope="col" class="num">
            {t('fleet.amplification')}
          </th>
          <th scope="col">{t('fleet.problems')}</th>
        </tr>
      </thead>
      <tbody>
        {ranked.map(site => (
          <tr key={site.site}>
            <th scope="row">
              <a href={linkTo(['sites', site.site])}>{safeText(site.site)}</a>
            </th>
            <td class="num" data-column={t('fleet.online')}>
              {t('fleet.onlineOf', { online: format.count(site.online), agents: format.count(site.agents) })}
            </td>
            <td data-column={t('sites.gateway')}>
              {site.gateways === 0
                ? t('sites.noGateway')
                : site.gatewaysOnline > 0
                  ? t('sites.gatewayUp')
                  : t('sites.gatewayAway')}
            </td>
            <td class="num" data-column={t('sites.saved')}>
              {site.day.clients === 0
                ? '–'
                : format.share(Math.max(0, site.day.clients - site.day.wan), site.day.clients)}
            </td>
            <td class="num" data-column={t('fleet.amplification')}>
              {site.amplification === null ? '–' : format.decimal(site.amplification)}
            </td>
            <td data-column={t('fleet.problems')}>
              <ProblemCounts
                problems={site.problems}
                linkTo={problem => linkTo(['agents'], { site: site.site, problem })}
              />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function OneSite({ name }: { readonly name: string }) {
  const { t } = useText()
  const fleet = useAnswer(showFleet, { query: { site: name } })
  // Another object would be another question, and the list would begin anew with each beat.
  const filter = useMemo(() => ({ site: name }), [name])
  return (
    <>
      <p class="crumbs">
        <a href={linkTo(['sites'])}>{t('sites.title')}</a> / {safeText(name)}
      </p>
      <Box title={safeText(name)}>
        <Answered answer={fleet}>
          {value => (
            <>
              <FleetTiles fleet={value} />
              <ProblemCounts
                problems={value.problems}
                linkTo={problem => linkTo(['agents'], { site: name, problem })}
              />
            </>
          )}
        </Answered>
      </Box>
      <SourcesOverTime site={name} />
      <Box title={t('contents.title')}>
        <ContentsTable site={name} />
      </Box>
      <Box title={t('agents.title')}>
        <AgentsTable filter={filter} />
      </Box>
    </>
  )
}
