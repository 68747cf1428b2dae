/** What agents have and fetch, what is in flight first. */
import { listContents } from '@starling/shared/admin-api/fleet-view.ts'
import { nameOf, safeText } from '@starling/shared/web/names.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { OneContent } from './content-view.tsx'
import { useAnswer } from './live.tsx'
import { Box } from '@starling/shared/web/box.tsx'
import { Answered } from './parts.tsx'
import { useText } from './words.ts'

export function ContentsView({ rest }: { readonly rest: readonly string[] }) {
  const { t } = useText()
  const [transfer] = rest
  if (transfer !== undefined) return <OneContent key={transfer} transfer={transfer} />
  return (
    <Box title={t('contents.title')}>
      <ContentsTable />
    </Box>
  )
}

export function ContentsTable({ site }: { readonly site?: string }) {
  const { t, format } = useText()
  const answer = useAnswer(listContents, { query: site === undefined ? {} : { site } })
  return (
    <Answered answer={answer}>
      {({ contents }) =>
        contents.length === 0 ? (
          <p class="empty">{t('contents.empty')}</p>
        ) : (
          <table>
            <thead>
              <tr>
                <th scope="col">{t('contents.content')}</th>
                {site === undefined && <th scope="col">{t('sites.site')}</th>}
                <th scope="col" class="num">
                  {t('contents.size')}
                </th>
                <th scope="col" class="num">
                  {t('contents.complete')}
                </th>
                <th scope="col" class="num">
                  {t('contents.fetching')}
                </th>
                <th scope="col" class="num">
                  {t('contents.availability')}
                </th>
                <th scope="col" class="num">
                  {t('contents.wan')}
                </th>
              </tr>
            </thead>
            <tbody>
              {contents.map(content => (
                <tr key={`${content.site}/${content.transfer}`}>
                  <th scope="row" class="content" title={safeText(content.name)}>
                    <a href={linkTo(['contents', content.transfer])}>
                      {nameOf(content.name || content.transfer)}
                    </a>
                  </th>
                  {site === undefined && <td data-column={t('sites.site')}>{safeText(content.site)}</td>}
                  <td class="num" data-column={t('contents.size')}>
                    {format.bytes(content.length)}
                  </td>
                  <td class="num" data-column={t('contents.complete')}>
                    {format.count(content.complete)}
                  </td>
                  <td class="num" data-column={t('contents.fetching')}>
                    {format.count(content.fetching)}
                  </td>
                  <td class="num" data-column={t('contents.availability')}>
                    {format.decimal(content.availability)}
                  </td>
                  <td class="num" data-column={t('contents.wan')}>
                    {format.bytes(content.wanBytes)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )
      }
    </Answered>
  )
}
