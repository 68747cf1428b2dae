/** Alerts: what fires, what is about to, what is over; the rules behind them, and where they are told. */
import {
  acknowledgeAlert,
  listAlertRules,
  listAlerts,
  setAlertRule,
  setWebhook,
  testWebhook
} from '@starling/shared/admin-api/alerts.ts'
import type { Answered as AnswerOf } from '@starling/shared/admin-api/operation.ts'
import { useRefusal } from '@starling/shared/web/said.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { useState } from 'preact/hooks'
import { coordinator } from './coordinator.ts'
import { Deed } from './deed.tsx'
import { useAnswer } from './live.tsx'
import { Box } from '@starling/shared/web/box.tsx'
import { Answered, useRuleName } from './parts.tsx'
import { useSession } from './session.tsx'
import { useText } from './words.ts'

type Alert = AnswerOf<typeof listAlerts>['alerts'][number]
type Rule = AnswerOf<typeof listAlertRules>['rules'][number]

const minuteMs = 60_000
const states = ['firing', 'pending', 'resolved'] as const

export function AlertsView() {
  const { t } = useText()
  const alerts = useAnswer(listAlerts, {})
  const rules = useAnswer(listAlertRules, {}, 'changes')
  const known = rules.value?.rules ?? []
  return (
    <>
      <Box title={t('alerts.title')}>
        <Answered answer={alerts}>
          {value =>
            value.alerts.length === 0 ? (
              <p class="empty">{t('alerts.none')}</p>
            ) : (
              <>
                {states.map(state => {
                  const those = value.alerts.filter(alert => alert.state === state)
                  return those.length === 0 ? null : (
                    <AlertsTable
                      key={state}
                      state={state}
                      alerts={those}
                      rules={known}
                      again={alerts.again}
                    />
                  )
                })}
              </>
            )
          }
        </Answered>
      </Box>
      <Answered answer={alerts}>
        {value => <WebhookBox shape={value.webhook} again={alerts.again} />}
      </Answered>
      <Box title={t('alerts.rules')} count={known.length}>
        <Answered answer={rules}>{value => <RulesTable rules={value.rules} again={rules.again} />}</Answered>
      </Box>
    </>
  )
}

function AlertsTable(props: {
  readonly state: Alert['state']
  readonly alerts: readonly Alert[]
  readonly rules: readonly Rule[]
  readonly again: () => void
}) {
  const { t, format } = useText()
  const refusal = useRefusal()
  const { may } = useSession()
  const nameOf = useRuleName()
  const write = useFigure()
  const [problem, setProblem] = useState<string | null>(null)
  const acknowledge = async (id: string) => {
    try {
      await coordinator.ask(acknowledgeAlert, { body: { id } })
      setProblem(null)
      props.again()
    } catch (error) {
      setProblem(refusal(error))
    }
  }
  const unitOf = (id: string) => props.rules.find(rule => rule.id === id)?.unit ?? 'count'
  return (
    <>
      <h3>
        {t(`alerts.state.${props.state}`)}
        <span class="count">{format.count(props.alerts.length)}</span>
      </h3>
      {problem !== null && (
        <p class="trouble" role="alert">
          {problem}
        </p>
      )}
      <table>
        <thead>
          <tr>
            <th scope="col">{t('alerts.what')}</th>
            <th scope="col">{t('sites.site')}</th>
            <th scope="col" class="num">
              {t('alerts.value')}
            </th>
            <th scope="col">{t(props.state === 'resolved' ? 'alerts.over' : 'alerts.since')}</th>
            <th scope="col">{t('alerts.seen')}</th>
          </tr>
        </thead>
        <tbody>
          {props.alerts.map(alert => {
            const since = props.state === 'resolved' ? alert.resolvedAt : alert.firedAt
            return (
              <tr key={alert.id}>
                <th scope="row">{nameOf(alert.rule)}</th>
                <td data-column={t('sites.site')}>
                  <a href={linkTo(['sites', alert.site])}>{safeText(alert.site)}</a>
                </td>
                <td class="num" data-column={t('alerts.value')}>
                  {write(alert.value, unitOf(alert.rule))}
                </td>
                <td data-column={t(props.state === 'resolved' ? 'alerts.over' : 'alerts.since')}>
                  {since === null ? '–' : format.at(since)}
                </td>
                <td data-column={t('alerts.seen')}>
                  {alert.acknowledgedBy !== null ? (
                    safeText(alert.acknowledgedBy)
                  ) : alert.state === 'firing' && may('operator') ? (
                    <button
                      aria-label={`${t('alerts.acknowledge')}: ${nameOf(alert.rule)}, ${safeText(alert.site)}`}
                      onClick={() => void acknowledge(alert.id)}
                    >
                      {t('alerts.acknowledge')}
                    </button>
                  ) : (
                    '–'
                  )}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </>
  )
}

function RulesTable({ rules, again }: { readonly rules: readonly Rule[]; readonly again: () => void }) {
  const { t, format } = useText()
  const { may } = useSession()
  const nameOf = useRuleName()
  const write = useFigure()
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t('alerts.what')}</th>
          <th scope="col" class="num">
            {t('alerts.threshold')}
          </th>
          <th scope="col" class="num">
            {t('alerts.clearsBelow')}
          </th>
          <th scope="col" class="num">
            {t('alerts.for')}
          </th>
          <th scope="col">{t('agents.state')}</th>
          {may('admin') && <th scope="col">{t('alerts.change')}</th>}
        </tr>
      </thead>
      <tbody>
        {rules.map(rule => (
          <tr key={rule.id}>
            <th scope="row">{nameOf(rule.id, rule.summary)}</th>
            <td class="num" data-column={t('alerts.threshold')}>
              {write(rule.threshold, rule.unit)}
            </td>
            <td class="num" data-column={t('alerts.clearsBelow')}>
              {write(rule.clearsBelow, rule.unit)}
            </td>
            <td class="num" data-column={t('alerts.for')}>
              {format.span(rule.forMs)}
            </td>
            <td data-column={t('agents.state')}>{t(rule.enabled ? 'alerts.on' : 'alerts.off')}</td>
            {may('admin') && (
              <td>
                <ChangeRule rule={rule} again={again} />
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function ChangeRule({ rule, again }: { readonly rule: Rule; readonly again: () => void }) {
  const { t } = useText()
  const nameOf = useRuleName()
  // People say 15 %, the rule 0.15.
  const scale = rule.unit === 'share' ? 100 : 1
  const shown = (figure: number) => String(Number((figure * scale).toPrecision(6)))
  const unit = t(`alerts.unit.${rule.unit}`)
  const change = async (
    what: { threshold: number; clearsBelow: number; forMs: number; enabled: boolean } | null
  ) => {
    await coordinator.ask(setAlertRule, { params: { rule: rule.id }, body: { change: what } })
    again()
  }
  return (
    <div class="deeds">
      <Deed
        name={t('alerts.change')}
        about={nameOf(rule.id, rule.summary)}
        fields={[
          {
            name: 'threshold',
            label: `${t('alerts.threshold')} (${unit})`,
            value: shown(rule.threshold),
            type: 'number',
            required: true
          },
          {
            name: 'clearsBelow',
            label: `${t('alerts.clearsBelow')} (${unit})`,
            value: shown(rule.clearsBelow),
            type: 'number',
            required: true
          },
          {
            name: 'minutes',
            label: t('alerts.minutes'),
            value: String(rule.forMs / minuteMs),
            type: 'number',
            required: true
          },
          {
            name: 'enabled',
            label: t('agents.state'),
            value: rule.enabled ? 'on' : 'off',
            options: [
              ['on', t('alerts.on')],
              ['off', t('alerts.off')]
            ]
          }
        ]}
        act={async said =>
          await change({
            threshold: Number(said.threshold) / scale,
            clearsBelow: Number(said.clearsBelow) / scale,
            forMs: Math.round(Number(said.minutes) * minuteMs),
            enabled: said.enabled === 'on'
          })
        }
      />
      <Deed
        name={t('alerts.reset')}
        about={nameOf(rule.id, rule.summary)}
        fields={[]}
        act={async () => await change(null)}
      />
    </div>
  )
}

function WebhookBox({
  shape,
  again
}: {
  readonly shape: AnswerOf<typeof listAlerts>['webhook']
  readonly again: () => void
}) {
  const { t } = useText()
  const { may } = useSession()
  return (
    <Box title={t('alerts.webhook')}>
      <p>
        {shape === null
          ? t('alerts.noWebhook')
          : t('alerts.webhookIs', { shape: t(`alerts.shape.${shape}`) })}
      </p>
      <div class="deeds">
        {may('admin') && (
          <Deed
            name={t('alerts.setWebhook')}
            fields={[
              { name: 'url', label: t('alerts.url'), value: '', type: 'url', required: true },
              {
                name: 'shape',
                label: t('alerts.shape'),
                value: shape ?? 'json',
                options: (['json', 'slack', 'teams', 'wecom'] as const).map(
                  name => [name, t(`alerts.shape.${name}`)] as const
                )
              }
            ]}
            act={async said => {
              const chosen =
                (['slack', 'teams', 'wecom'] as const).find(name => name === said.shape) ?? 'json'
              await coordinator.ask(setWebhook, { body: { webhook: { url: said.url ?? '', shape: chosen } } })
              again()
            }}
          />
        )}
        {shape !== null && may('operator') && (
          <Deed
            name={t('alerts.test')}
            fields={[]}
            act={async () => {
              await coordinator.ask(testWebhook, {})
              return <p>{t('alerts.tested')}</p>
            }}
          />
        )}
        {shape !== null && may('admin') && (
          <Deed
            name={t('alerts.removeWebhook')}
            warning={t('alerts.removeWarning')}
            fields={[]}
            act={async () => {
              await coordinator.ask(setWebhook, { body: { webhook: null } })
              again()
            }}
          />
        )}
      </div>
    </Box>
  )
}

function useFigure(): (value: number, unit: Rule['unit']) => string {
  const { format } = useText()
  return (value, unit) =>
    unit === 'share' ? format.share(value, 1) : unit === 'count' ? format.count(value) : format.decimal(value)
}
