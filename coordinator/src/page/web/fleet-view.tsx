/** The fleet in one look: who is there, what was spared, where bytes came from, which sites have trouble. */
import { listSites, showFleet, showSeries } from '@starling/shared/admin-api/fleet-view.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { TimeChart } from '@starling/shared/web/time-chart.tsx'
import { useMemo } from 'preact/hooks'
import { useAnswer } from './live.tsx'
import { useSourceNames, useText } from './words.ts'

export function FleetView() {
  const { t, format } = useText()
  const fleet = useAnswer(showFleet, {})
  const sites = useAnswer(listSites, {})
  if (fleet.problem !== null) return <p class="trouble">{fleet.problem.message}</p>
  if (fleet.value === null) return null
  const { agents, online, savings, amplification } = fleet.value
  return (
    <>
      <section aria-label={t('nav.fleet')}>
        <dl class="tiles">
          <div>
            <dt>{t('fleet.online')}</dt>
            <dd>{t('fleet.onlineOf', { online: format.count(online), agents: format.count(agents) })}</dd>
          </div>
          <div>
            <dt>{t('fleet.saved')}</dt>
            <dd>{format.bytes(savings.day.saved)}</dd>
          </div>
          <div>
            <dt>{t('fleet.amplification')}</dt>
            <dd>{amplification === null ? '–' : amplification.toFixed(2)}</dd>
          </div>
        </dl>
        <SourcesChart />
      </section>
      <section aria-labelledby="sites-title">
        <h2 id="sites-title">{t('fleet.sites')}</h2>
        <table>
          <tbody>
            {sites.value?.sites.map(site => (
              <tr key={site.site}>
                <th scope="row">
                  <a href={linkTo(['sites', site.site])}>{safeText(site.site)}</a>
                </th>
                <td class="num">{t('fleet.onlineOf', { online: site.online, agents: site.agents })}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  )
}

export function SourcesChart({ site }: { readonly site?: string }) {
  const { t, format } = useText()
  const names = useSourceNames()
  const { value } = useAnswer(showSeries, { query: { span: 'minute', site } })
  const chart = useMemo(() => {
    const points = value?.points ?? []
    return {
      times: points.map(point => point.at),
      lines: (['origin', 'gateway', 'peers', 'cache'] as const).map(source => ({
        label: names[source],
        color: `--${source}`,
        values: points.map(point => point[source])
      }))
    }
  }, [value, names.origin])
  return <TimeChart {...chart} stacked summary={t('fleet.chart')} write={format.bytes} />
}
