/** One agent: what its machine is like, what it has, and what an admin may do with it. */
import { decommissionAgent, moveAgent, revokeAgent } from '@starling/shared/admin-api/fleet.ts'
import { showAgent } from '@starling/shared/admin-api/fleet-view.ts'
import { safeText, shortId } from '@starling/shared/web/names.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { coordinator } from './coordinator.ts'
import { Deed } from './deed.tsx'
import { useAnswer } from './live.tsx'
import { Answered, Box, useProblemName } from './parts.tsx'
import { useSession } from './session.tsx'
import { useText } from './words.ts'

export function OneAgent({ id }: { readonly id: string }) {
  const { t, format } = useText()
  const nameOf = useProblemName()
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
            <Box title={agent.hostName === '' ? shortId(agent.agent) : safeText(agent.hostName)}>
              {agent.problems.length > 0 && (
                <ul class="chips">
                  {agent.problems.map(problem => (
                    <li key={problem} class="chip bad">
                      {nameOf(problem)}
                    </li>
                  ))}
                </ul>
              )}
              <dl class="facts">
                {(
                  [
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
                    ...Object.entries(agent.host).map(([name, value]): [string, string] => [
                      safeText(name),
                      safeText(String(value))
                    ])
                  ] satisfies ReadonlyArray<readonly [string, string]>
                ).map(([name, value]) => (
                  <div key={name}>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                  </div>
                ))}
              </dl>
            </Box>
            <Box title={t('agents.contents')} count={agent.contents.length}>
              {agent.contents.length === 0 ? (
                <p class="empty">{t('agents.contentsNone')}</p>
              ) : (
                <table>
                  <tbody>
                    {agent.contents.map(content => (
                      <tr key={content.transfer}>
                        <th scope="row" class="content">
                          <a href={linkTo(['contents', content.transfer])}>
                            {safeText(content.name || content.transfer)}
                          </a>
                        </th>
                        <td class="num">{format.bytes(content.length)}</td>
                        <td class="num">{format.share(content.share, 1)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              )}
            </Box>
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
