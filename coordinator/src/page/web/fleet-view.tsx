/** The fleet in one look: who is there, what was spared, what is wrong and where. Trouble first. */
import { listSites, showFleet } from '@starling/shared/admin-api/fleet-view.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { useSaid } from '@starling/shared/web/said.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { listAlerts } from '@starling/shared/admin-api/alerts.ts'
import { useEffect, useState } from 'preact/hooks'
import { FleetTiles } from './fleet-tiles.tsx'
import { FirstSteps } from './first-steps.tsx'
import { useAnswer } from './live.tsx'
import { Box } from '@starling/shared/web/box.tsx'
import { Answered, ProblemCounts, SourcesOverTime, useRuleName } from './parts.tsx'
import { SitesTable } from './sites-view.tsx'
import { useText } from './words.ts'

export function FleetView() {
  const { t } = useText()
  const said = useSaid()
  const fleet = useAnswer(showFleet, {})
  const sites = useAnswer(listSites, {})
  const problems = fleet.value?.problems ?? {}
  // Once begun they stay to their end, which is the first agent.
  const [isFirst, setFirst] = useState(false)
  const isEmpty = sites.value?.sites.every(({ agents, gateways }) => agents === gateways) === true
  useEffect(() => {
    if (isEmpty) setFirst(true)
  }, [isEmpty])
  return (
    <>
      <FiringAlerts />
      {isFirst && <FirstSteps done={() => setFirst(false)} />}
      <Box title={t('fleet.now')}>
        <Answered answer={fleet}>{value => <FleetTiles fleet={value} />}</Answered>
        {Object.keys(problems).length > 0 && (
          <>
            <h3>{t('fleet.problems')}</h3>
            <ProblemCounts problems={problems} linkTo={problem => linkTo(['agents'], { problem })} />
          </>
        )}
      </Box>
      <SourcesOverTime />
      <Box title={t('fleet.sites')} count={sites.value?.sites.length ?? 0}>
        <Answered answer={sites}>{value => <SitesTable sites={value.sites} />}</Answered>
      </Box>
      <div class="pair">
        <Box title={t('fleet.versions')}>
          <Answered answer={fleet}>
            {value => (
              <Counts
                counts={value.versions}
                nameOf={version => <a href={linkTo(['agents'], { version })}>{safeText(version)}</a>}
              />
            )}
          </Answered>
        </Box>
        <Box title={t('fleet.noPeer')}>
          <Answered answer={fleet}>
            {value =>
              Object.keys(value.noPeer).length === 0 ? (
                <p class="empty">{t('fleet.noPeerNone')}</p>
              ) : (
                <Counts counts={value.noPeer} nameOf={reason => said(`noPeer.${reason}`, {}, reason)} />
              )
            }
          </Answered>
        </Box>
      </div>
    </>
  )
}

function Counts(props: {
  readonly counts: Readonly<Record<string, number>>
  readonly nameOf: (name: string) => preact.ComponentChildren
}) {
  const { format } = useText()
  return (
    <table>
      <tbody>
        {Object.entries(props.counts)
          .sort(([, one], [, other]) => other - one)
          .map(([name, count]) => (
            <tr key={name}>
              <th scope="row">{props.nameOf(name)}</th>
              <td class="num">{format.count(count)}</td>
            </tr>
          ))}
      </tbody>
    </table>
  )
}

/** Only when there is something: an empty box of alerts is noise. */
function FiringAlerts() {
  const { t, format } = useText()
  const nameOf = useRuleName()
  const { value } = useAnswer(listAlerts, {})
  const firing = value?.alerts.filter(alert => alert.state === 'firing') ?? []
  if (firing.length === 0) return null
  return (
    <section id="problems" aria-labelledby="alerts-title">
      <h2 id="alerts-title">
        <a href={linkTo(['alerts'])}>{t('fleet.alerts', { count: firing.length })}</a>
      </h2>
      <ul>
        {firing.map(alert => (
          <li key={alert.id}>
            {nameOf(alert.rule)} · <a href={linkTo(['sites', alert.site])}>{safeText(alert.site)}</a>
            {alert.firedAt !== null && ` · ${format.at(alert.firedAt)}`}
            {alert.acknowledgedBy !== null &&
              ` · ${t('fleet.seenBy', { name: safeText(alert.acknowledgedBy) })}`}
          </li>
        ))}
      </ul>
    </section>
  )
}
