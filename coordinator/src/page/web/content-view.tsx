/** One content: who has it, how it spread, and over which lines it came. */
import { showContent } from '@starling/shared/admin-api/fleet-view.ts'
import { nameOf, safeText, shortId } from '@starling/shared/web/names.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { useAnswer } from './live.tsx'
import { Box } from '@starling/shared/web/box.tsx'
import { Answered, ShareBar, Tiles } from './parts.tsx'
import { SpreadPicture } from './spread-picture.tsx'
import { useText } from './words.ts'

export function OneContent({ transfer }: { readonly transfer: string }) {
  const { t, format } = useText()
  const answer = useAnswer(showContent, { params: { transfer } })
  return (
    <>
      <p class="crumbs">
        <a href={linkTo(['contents'])}>{t('contents.title')}</a> / {shortId(transfer)}
      </p>
      <Answered answer={answer}>
        {content => {
          const complete = content.sites.reduce((sum, site) => sum + site.complete, 0)
          const fetching = content.sites.reduce((sum, site) => sum + site.fetching, 0)
          const wan = content.sites.reduce((sum, site) => sum + site.wanBytes, 0)
          return (
            <>
              <Box title={nameOf(content.name || content.transfer)}>
                <p class="note">
                  <code>{safeText(content.name)}</code>
                </p>
                <Tiles
                  tiles={[
                    { name: t('contents.size'), value: format.bytes(content.length) },
                    { name: t('contents.complete'), value: format.count(complete) },
                    { name: t('contents.fetching'), value: format.count(fetching) },
                    { name: t('contents.wan'), value: format.bytes(wan) },
                    {
                      name: t('fleet.amplification'),
                      value:
                        content.length * content.sites.length === 0
                          ? '–'
                          : format.decimal(wan / (content.length * content.sites.length)),
                      hint: t('content.copiesHint')
                    }
                  ]}
                />
              </Box>
              <Box title={t('content.spread')}>
                <SpreadPicture timeline={content.timeline} />
              </Box>
              <Box title={t('content.holders')} count={content.agents.length + content.agentsMore}>
                {content.agents.length === 0 ? (
                  <p class="empty">{t('content.holdersNone')}</p>
                ) : (
                  <table>
                    <thead>
                      <tr>
                        <th scope="col">{t('agents.machine')}</th>
                        <th scope="col">{t('sites.site')}</th>
                        <th scope="col">{t('content.share')}</th>
                        <th scope="col" class="num">
                          {t('contents.wan')}
                        </th>
                        <th scope="col">{t('agents.state')}</th>
                      </tr>
                    </thead>
                    <tbody>
                      {content.agents.map(agent => (
                        <tr key={agent.agent}>
                          <th scope="row">
                            <a href={linkTo(['agents', agent.agent])}>
                              {agent.hostName === '' ? shortId(agent.agent) : safeText(agent.hostName)}
                            </a>
                          </th>
                          <td data-column={t('sites.site')}>
                            <a href={linkTo(['sites', agent.site])}>{safeText(agent.site)}</a>
                          </td>
                          <td class="kept">
                            <ShareBar share={agent.share} />
                          </td>
                          <td class="num" data-column={t('contents.wan')}>
                            {format.bytes(agent.wanBytes)}
                          </td>
                          <td data-column={t('agents.state')}>
                            {t(agent.online ? 'agents.online' : 'agents.offline')}
                          </td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                )}
                {content.agentsMore > 0 && (
                  <p class="note">{t('content.holdersMore', { count: content.agentsMore })}</p>
                )}
              </Box>
            </>
          )
        }}
      </Answered>
    </>
  )
}
