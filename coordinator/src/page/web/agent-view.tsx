/** One agent: what its machine is like, what it has, and what an admin may do with it. */
import { decommissionAgent, moveAgent, revokeAgent } from '@starling/shared/admin-api/fleet.ts'
import { showAgent } from '@starling/shared/admin-api/fleet-view.ts'
import type { Answered as AnswerOf } from '@starling/shared/admin-api/operation.ts'
import { nameOf as contentName, safeText, shortId } from '@starling/shared/web/names.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { SourceBar, SourceLegend } from '@starling/shared/web/source-bar.tsx'
import { coordinator } from './coordinator.ts'
import { Deed } from './deed.tsx'
import { useAnswer } from './live.tsx'
import { useHostFacts } from './host-facts.ts'
import { Box } from '@starling/shared/web/box.tsx'
import { AgentState, Answered, Facts, ShareBar, useAdvice, useProblemName } from './parts.tsx'
import { useSession } from './session.tsx'
import { useSourceNames, useText } from './words.ts'

export function OneAgent({ id }: { readonly id: string }) {
  const { t } = useText()
  const { may } = useSession()
  const answer = useAnswer(showAgent, { params: { agent: id } })
  return (
    <>
      <p class="crumbs">
        <a href={linkTo(['agents'])}>{t('agents.title')}</a> / {shortId(id)}
      </p>
      <Answered answer={answer}>
        {agent => (
          <>
            <AgentFacts agent={agent} />
            <AgentBytes counters={agent.counters} />
            <AgentDownloads contents={agent.contents} />
            <AgentContents contents={agent.contents} />
            <AgentOrders orders={agent.orders} />
            {may('admin') && agent.revokedAt === null && (
              <Box title={t('agents.deeds')}>
                <div class="deeds">
                  <Deed
                    name={t('agents.move')}
                    fields={[
                      { name: 'site', label: t('sites.site'), value: agent.site },
                      { name: 'group', label: t('agents.group'), value: agent.group ?? '' }
                    ]}
                    act={async ({ site = '', group = '' }) => {
                      await coordinator.ask(moveAgent, {
                        params: { agent: id },
                        body: { site, group: group === '' ? null : group }
                      })
                      answer.again()
                    }}
                  />
                  <Deed
                    name={t('agents.revoke')}
                    warning={t('agents.revokeWarning')}
                    fields={[{ name: 'reason', label: t('part.reason'), value: '' }]}
                    act={async ({ reason = '' }) => {
                      await coordinator.ask(revokeAgent, { params: { agent: id }, body: { reason } })
                      answer.again()
                    }}
                  />
                  <Deed
                    name={t('agents.decommission')}
                    warning={t('agents.decommissionWarning')}
                    fields={[{ name: 'reason', label: t('part.reason'), value: '' }]}
                    act={async ({ reason = '' }) => {
                      await coordinator.ask(decommissionAgent, { params: { agent: id }, body: { reason } })
                      location.hash = linkTo(['agents'])
                    }}
                  />
                </div>
              </Box>
            )}
          </>
        )}
      </Answered>
    </>
  )
}

type Agent = AnswerOf<typeof showAgent>

function AgentFacts({ agent }: { readonly agent: Agent }) {
  const { t, format } = useText()
  const nameOf = useProblemName()
  const adviceOn = useAdvice()
  const host = useHostFacts(agent.host)
  const facts: ReadonlyArray<readonly [string, string]> = [
    [t('agents.id'), safeText(agent.agent)],
    [t('sites.site'), safeText(agent.site)],
    [t('agents.group'), safeText(agent.group ?? '–')],
    [t('agents.role'), t(`agents.role.${agent.role}`)],
    [t('agents.version'), safeText(agent.version)],
    [t('agents.enrolled'), format.at(agent.enrolledAt)],
    [
      t('agents.heard'),
      agent.lastHeardAt === null
        ? t('agents.never')
        : `${format.ago(Date.now() - agent.lastHeardAt)} · ${format.at(agent.lastHeardAt)}`
    ],
    [
      t('agent.policy'),
      agent.policy === null
        ? t('agent.policyUnheard')
        : [t(`agent.policy.${agent.policy.standing}`), safeText(agent.policy.reason)]
            .filter(Boolean)
            .join(': ')
    ]
  ]
  return (
    <>
      {agent.problems.length > 0 && (
        <section id="problems" aria-labelledby="problems-title">
          <h2 id="problems-title">{t('fleet.problems')}</h2>
          <ul>
            {agent.problems.map(problem => (
              <li key={problem}>
                <strong>{nameOf(problem)}</strong>
                <span class="advice">{adviceOn(problem)}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <Box
        title={agent.hostName === '' ? shortId(agent.agent) : safeText(agent.hostName)}
        actions={<AgentState agent={agent} />}
      >
        <Facts facts={facts} />
      </Box>
      <Box title={t('agent.host')}>
        {host.length === 0 ? <p class="empty">{t('agent.hostNone')}</p> : <Facts facts={host} />}
      </Box>
    </>
  )
}

/** Counted by the agent since it started. */
function AgentBytes({ counters }: Pick<Agent, 'counters'>) {
  const { t, format } = useText()
  const names = useSourceNames()
  const bytes = {
    cache: counters['fromCache'] ?? 0,
    peers: counters['fromPeers'] ?? 0,
    gateway: counters['fromGateway'] ?? 0,
    origin: counters['fromUpstream'] ?? 0
  }
  return (
    <Box title={t('agent.bytes')}>
      <SourceBar bytes={bytes} subject={t('agent.bytes')} names={names} tall />
      <SourceLegend bytes={bytes} names={names} />
      <p class="note">{t('agent.served', { bytes: format.bytes(counters['toPeers'] ?? 0) })}</p>
    </Box>
  )
}

/** What it fetches now, as its reports tell it, which is every half minute or so. */
function AgentDownloads({ contents }: Pick<Agent, 'contents'>) {
  const { t, format } = useText()
  const going = contents
    .filter(({ share }) => share < 1)
    .toSorted((one, other) => (other.bytesPerSecond ?? -1) - (one.bytesPerSecond ?? -1))
  if (going.length === 0) return null
  return (
    <Box title={t('agent.downloads')} count={going.length}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('contents.content')}</th>
            <th scope="col">{t('content.share')}</th>
            <th scope="col" class="num">
              {t('agent.rate')}
            </th>
            <th scope="col" class="num">
              {t('agent.left')}
            </th>
            <th scope="col">{t('agent.from')}</th>
          </tr>
        </thead>
        <tbody>
          {going.map(({ transfer, name, length, share, wanBytes, bytesPerSecond: rate }) => {
            const wan = Math.min(wanBytes, share * length)
            return (
              <tr key={transfer}>
                <th scope="row" class="content" title={safeText(name)}>
                  <a href={linkTo(['contents', transfer])}>{contentName(name || transfer)}</a>
                  <span class="host">{format.bytes(length)}</span>
                </th>
                <td class="kept">
                  <ShareBar share={share} />
                </td>
                <td class="num" data-column={t('agent.rate')}>
                  {rate === null ? '–' : format.rate(rate)}
                </td>
                <td class="num" data-column={t('agent.left')}>
                  {rate === null || rate === 0 ? '–' : format.span((1000 * (1 - share) * length) / rate)}
                </td>
                <td data-column={t('agent.from')}>
                  {t('agent.fromBoth', {
                    wan: format.bytes(wan),
                    site: format.bytes(share * length - wan)
                  })}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </Box>
  )
}

function AgentContents({ contents }: Pick<Agent, 'contents'>) {
  const { t, format } = useText()
  const kept = contents.filter(({ share }) => share === 1)
  return (
    <Box title={t('agents.contents')} count={kept.length}>
      {kept.length === 0 ? (
        <p class="empty">{t('agents.contentsNone')}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{t('contents.content')}</th>
              <th scope="col" class="num">
                {t('contents.size')}
              </th>
              <th scope="col">{t('content.share')}</th>
            </tr>
          </thead>
          <tbody>
            {kept.map(content => (
              <tr key={content.transfer}>
                <th scope="row" class="content" title={safeText(content.name)}>
                  <a href={linkTo(['contents', content.transfer])}>
                    {contentName(content.name || content.transfer)}
                  </a>
                </th>
                <td class="num" data-column={t('contents.size')}>
                  {format.bytes(content.length)}
                </td>
                <td class="kept">
                  <ShareBar share={content.share} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Box>
  )
}

function AgentOrders({ orders }: Pick<Agent, 'orders'>) {
  const { t, format } = useText()
  if (orders.length === 0) return null
  return (
    <Box title={t('orders.title')} count={orders.length}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('orders.what')}</th>
            <th scope="col">{t('orders.kind')}</th>
            <th scope="col">{t('agents.state')}</th>
            <th scope="col" class="num">
              {t('orders.kept')}
            </th>
            <th scope="col">{t('orders.by')}</th>
          </tr>
        </thead>
        <tbody>
          {orders.map(order => (
            <tr key={order.id}>
              <th scope="row" class="content" title={safeText(order.what)}>
                <a href={linkTo(['prestage', order.id])}>{contentName(order.what)}</a>
                {order.reason !== '' && <span class="host">{safeText(order.reason)}</span>}
              </th>
              <td data-column={t('orders.kind')}>{t(`orders.kind.${order.kind}`)}</td>
              <td data-column={t('agents.state')}>
                {t(`orders.state.${order.state}`)}
                {order.late && ` · ${t('orders.late')}`}
              </td>
              <td class="num" data-column={t('orders.kept')}>
                {order.length === null
                  ? format.bytes(order.bytes)
                  : t('agent.bytesOf', {
                      bytes: format.bytes(order.bytes),
                      length: format.bytes(order.length)
                    })}
              </td>
              <td data-column={t('orders.by')}>
                {order.by === null ? t('orders.untilWithdrawn') : format.at(order.by)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Box>
  )
}
