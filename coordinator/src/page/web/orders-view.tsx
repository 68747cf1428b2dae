/** Orders to agents: have this there in time, keep that; how far each is, and what holds it up. */
import { listSites } from '@starling/shared/admin-api/fleet-view.ts'
import {
  giveOrder,
  listOrders,
  showOrder,
  withdrawOrder,
  type OrderView
} from '@starling/shared/admin-api/orders.ts'
import type { Answered as AnswerOf } from '@starling/shared/admin-api/operation.ts'
import { nameOf, safeText } from '@starling/shared/web/names.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { coordinator } from './coordinator.ts'
import { Deed, type Field } from './deed.tsx'
import { useAnswer, type Answer } from './live.tsx'
import { CountBar, CountLegend } from './count-bar.tsx'
import { Box } from '@starling/shared/web/box.tsx'
import { Answered, Facts } from './parts.tsx'
import { useSession } from './session.tsx'
import { useText } from './words.ts'

const dayMs = 24 * 3_600_000
const MiB = 1024 * 1024

export function OrdersView({ rest }: { readonly rest: readonly string[] }) {
  const { t } = useText()
  const [id] = rest
  const orders = useAnswer(listOrders, id === undefined ? {} : null)
  const { may } = useSession()
  if (id !== undefined) return <OneOrder key={id} id={id} />
  return (
    <Box
      title={t('orders.title')}
      count={orders.value?.orders.filter(({ state }) => state === 'active').length ?? 0}
      actions={
        may('operator') ? <GiveOrder done={orders.again} /> : <span class="note">{t('orders.ask')}</span>
      }
    >
      <Answered answer={orders}>
        {value =>
          value.orders.length === 0 ? (
            <p class="empty">{t('orders.empty')}</p>
          ) : (
            <>
              <OrdersTable orders={value.orders} />
              <CountLegend />
            </>
          )
        }
      </Answered>
    </Box>
  )
}

function OrdersTable({ orders }: { readonly orders: readonly OrderView[] }) {
  const { t, format } = useText()
  const scopeName = useScopeName()
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{t('orders.what')}</th>
          <th scope="col">{t('orders.kind')}</th>
          <th scope="col">{t('orders.scopes')}</th>
          <th scope="col">{t('orders.by')}</th>
          <th scope="col">{t('orders.progress')}</th>
        </tr>
      </thead>
      <tbody>
        {orders.map(order => (
          <tr key={order.id}>
            <th scope="row" class="content" title={safeText(order.what)}>
              <a href={linkTo(['prestage', order.id])}>{nameOf(order.what)}</a>
              {order.reason !== '' && <span class="host">{safeText(order.reason)}</span>}
            </th>
            <td class="brief" data-column={t('orders.kind')}>
              {t(`orders.kind.${order.kind}`)}
            </td>
            <td data-column={t('orders.scopes')}>{order.scopes.map(scopeName).join(', ')}</td>
            <td class="brief" data-column={t('orders.by')}>
              {order.state === 'active'
                ? order.by === null
                  ? t('orders.untilWithdrawn')
                  : format.at(order.by)
                : t(`orders.state.${order.state}`)}
            </td>
            <td class="kept">
              <CountBar counts={order} subject={nameOf(order.what)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function GiveOrder({ done }: { readonly done: () => void }) {
  const { t } = useText()
  const sites = useAnswer(listSites, {}, 'nothing')
  const scopes: Field = {
    name: 'scope',
    label: t('orders.scope'),
    value: 'fleet',
    options: [
      ['fleet', t('orders.wholeFleet')],
      ...(sites.value?.sites ?? []).map(({ site }) => [`site:${site}`, safeText(site)] as const)
    ]
  }
  const more: Field = { name: 'more', label: t('orders.moreScopes'), value: '' }
  const reason: Field = { name: 'reason', label: t('part.reason'), value: '' }
  const aimedAt = ({ scope = 'fleet', more: others = '' }: Readonly<Record<string, string>>) =>
    others.trim() === '' ? [scope] : others.trim().split(/[\s,]+/)
  return (
    <div class="deeds">
      <Deed
        main
        name={t('orders.give')}
        fields={[
          { name: 'what', label: t('orders.url'), value: '', type: 'url', required: true },
          scopes,
          more,
          {
            name: 'by',
            label: t('orders.thereBy'),
            value: localMoment(Date.now() + dayMs),
            type: 'datetime-local',
            required: true
          },
          { name: 'rate', label: t('orders.rate'), value: '', type: 'number' },
          reason
        ]}
        act={async said => {
          const { what = '', by = '', rate = '', reason: why = '' } = said
          await coordinator.ask(giveOrder, {
            body: {
              kind: 'prestage',
              what,
              scopes: aimedAt(said),
              by: new Date(by).getTime(),
              bytesPerSecond: rate === '' ? null : Math.round(Number(rate) * MiB),
              reason: why
            }
          })
          done()
        }}
      />
      <Deed
        name={t('orders.pin')}
        fields={[
          { name: 'what', label: t('orders.pinWhat'), value: '', required: true },
          scopes,
          more,
          reason
        ]}
        act={async said => {
          const { what = '', reason: why = '' } = said
          await coordinator.ask(giveOrder, {
            body: { kind: 'pin', what, scopes: aimedAt(said), reason: why }
          })
          done()
        }}
      />
    </div>
  )
}

function OneOrder({ id }: { readonly id: string }) {
  const { t } = useText()
  const answer = useAnswer(showOrder, { params: { id } })
  return (
    <>
      <p class="crumbs">
        <a href={linkTo(['prestage'])}>{t('orders.title')}</a> / {safeText(id)}
      </p>
      <Answered answer={answer}>
        {order => (
          <>
            <OrderFacts order={order} again={answer.again} />
            <OrderSites sites={order.sites} />
          </>
        )}
      </Answered>
    </>
  )
}

function OrderFacts({
  order,
  again
}: {
  readonly order: OrderView
  readonly again: Answer<unknown>['again']
}) {
  const { t, format } = useText()
  const { may } = useSession()
  const scopeName = useScopeName()
  const facts: ReadonlyArray<readonly [string, string]> = [
    [t('orders.kind'), t(`orders.kind.${order.kind}`)],
    [t('orders.what'), safeText(order.what)],
    [t('orders.scopes'), order.scopes.map(scopeName).join(', ')],
    [t('orders.by'), order.by === null ? t('orders.untilWithdrawn') : format.at(order.by)],
    [
      t('orders.rateShown'),
      order.bytesPerSecond === null ? t('orders.asPolicy') : format.rate(order.bytesPerSecond)
    ],
    [t('contents.size'), order.length === null ? t('orders.unknown') : format.bytes(order.length)],
    [
      t('orders.author'),
      `${safeText(order.author)} · ${format.at(order.createdAt)}${order.reason === '' ? '' : ` · ${safeText(order.reason)}`}`
    ],
    [
      t('agents.state'),
      order.withdrawnAt === null
        ? t(`orders.state.${order.state}`)
        : `${t('orders.state.withdrawn')} · ${safeText(order.withdrawnBy ?? '')} · ${format.at(order.withdrawnAt)}`
    ]
  ]
  return (
    <Box
      title={nameOf(order.what)}
      actions={
        may('operator') &&
        order.state === 'active' && (
          <Deed
            name={t('orders.withdraw')}
            warning={t('orders.withdrawWarning')}
            fields={[{ name: 'reason', label: t('part.reason'), value: '' }]}
            act={async ({ reason = '' }) => {
              await coordinator.ask(withdrawOrder, { params: { id: order.id }, body: { reason } })
              again()
            }}
          />
        )
      }
    >
      <CountBar counts={order} subject={nameOf(order.what)} />
      <CountLegend />
      <Facts facts={facts} />
    </Box>
  )
}

function OrderSites({ sites }: { readonly sites: AnswerOf<typeof showOrder>['sites'] }) {
  const { t, format } = useText()
  return (
    <Box title={t('orders.bySite')} count={sites.length}>
      {sites.length === 0 ? (
        <p class="empty">{t('orders.noSite')}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{t('sites.site')}</th>
              <th scope="col">{t('orders.progress')}</th>
              <th scope="col" class="num">
                {t('orders.kept')}
              </th>
              <th scope="col">{t('orders.reasons')}</th>
            </tr>
          </thead>
          <tbody>
            {sites.map(site => (
              <tr key={site.site}>
                <th scope="row">
                  <a href={linkTo(['sites', site.site])}>{safeText(site.site)}</a>
                </th>
                <td class="kept">
                  <CountBar counts={site} subject={safeText(site.site)} />
                </td>
                <td class="num" data-column={t('orders.kept')}>
                  {format.bytes(site.bytes)}
                </td>
                <td class="reasons">
                  <ul>
                    {Object.entries(site.reasons).map(([reason, count]) => (
                      <li key={reason}>
                        {safeText(reason)} <span class="count">{format.count(count)}</span>
                      </li>
                    ))}
                  </ul>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Box>
  )
}

function useScopeName(): (scope: string) => string {
  const { t } = useText()
  return scope => (scope === 'fleet' ? t('orders.wholeFleet') : safeText(scope.replace(/^site:/, '')))
}

/** What an input of a moment shows: the reader's own time, to the minute. */
function localMoment(ms: number): string {
  const moment = new Date(ms)
  return new Date(ms - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
