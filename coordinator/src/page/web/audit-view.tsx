/** The audit log: what was done, by whom, to what, from where and how it ended; searched, verified and taken away as JSON lines. */
import { readAudit, verifyAudit, type AuditView as Entry } from '@starling/shared/admin-api/audit.ts'
import { useRefusal } from '@starling/shared/web/said.ts'
import { safeText, shortId } from '@starling/shared/web/names.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { useState } from 'preact/hooks'
import { coordinator } from './coordinator.ts'
import { useAnswer } from './live.tsx'
import { Box } from '@starling/shared/web/box.tsx'
import { Answered } from './parts.tsx'
import { useText } from './words.ts'

/** As the query wants it: everything is text or a time. */
interface Filter {
  readonly from?: number
  readonly to?: number
  readonly actor?: string
  readonly action?: string
}
const pageCount = 100
const exportCount = 1000

export function AuditView() {
  const { t } = useText()
  const [filter, setFilter] = useState<Filter>({})
  /** The numbers that the older pages begin before; none: the newest. */
  const [pages, setPages] = useState<readonly number[]>([])
  const page = pages.at(-1)
  const answer = useAnswer(
    readAudit,
    { query: { ...filter, count: pageCount, ...(page === undefined ? {} : { page }) } },
    page === undefined ? 'changes' : 'nothing'
  )
  const search = (form: HTMLFormElement) => {
    setPages([])
    setFilter(filterOf(Object.fromEntries(new FormData(form)) as Record<string, string>))
  }
  const next = answer.value?.next ?? null
  return (
    <Box
      title={t('audit.title')}
      actions={
        <div class="deeds">
          <Verify />
          <Export filter={filter} />
        </div>
      }
    >
      <form
        class="filters"
        onSubmit={event => {
          event.preventDefault()
          search(event.currentTarget)
        }}
      >
        <label>
          {t('audit.from')}
          <input name="from" type="datetime-local" />
        </label>
        <label>
          {t('audit.to')}
          <input name="to" type="datetime-local" />
        </label>
        <label>
          {t('audit.actor')}
          <input name="actor" autocomplete="off" autocapitalize="none" spellcheck={false} />
        </label>
        <label>
          {t('audit.action')}
          <input name="action" autocomplete="off" autocapitalize="none" spellcheck={false} />
        </label>
        <button class="main">{t('audit.search')}</button>
      </form>
      <Answered answer={answer}>{({ entries }) => <Entries entries={entries} />}</Answered>
      <div class="deeds">
        {page !== undefined && (
          <button onClick={() => setPages(pages.slice(0, -1))}>{t('audit.newer')}</button>
        )}
        {next !== null && <button onClick={() => setPages([...pages, next])}>{t('audit.older')}</button>}
      </div>
    </Box>
  )
}

function filterOf({ from = '', to = '', actor = '', action = '' }: Readonly<Record<string, string>>): Filter {
  return {
    ...(from === '' ? {} : { from: Date.parse(from) }),
    ...(to === '' ? {} : { to: Date.parse(to) }),
    ...(actor.trim() === '' ? {} : { actor: actor.trim() }),
    ...(action.trim() === '' ? {} : { action: action.trim() })
  }
}

function Entries({ entries }: { readonly entries: readonly Entry[] }) {
  const { t, format } = useText()
  if (entries.length === 0) return <p class="empty">{t('audit.none')}</p>
  return (
    <table class="audit">
      <thead>
        <tr>
          <th scope="col">{t('audit.at')}</th>
          <th scope="col">{t('audit.actor')}</th>
          <th scope="col">{t('audit.action')}</th>
          <th scope="col">{t('audit.target')}</th>
          <th scope="col">{t('audit.outcome')}</th>
          <th scope="col">{t('audit.details')}</th>
        </tr>
      </thead>
      <tbody>
        {entries.map(entry => (
          <tr key={entry.number}>
            <td data-column={t('audit.at')}>{format.at(entry.at)}</td>
            <td data-column={t('audit.actor')}>
              {entry.kind === 'agent' ? (
                <a href={linkTo(['agents', entry.actor])}>{shortId(entry.actor)}</a>
              ) : (
                safeText(entry.actor === '' ? entry.kind : entry.actor)
              )}
            </td>
            <td class="whole" data-column={t('audit.action')}>
              <code>{safeText(entry.action)}</code>
            </td>
            <td class="address" data-column={t('audit.target')}>
              {safeText(entry.target)}
            </td>
            <td data-column={t('audit.outcome')}>
              <span class={entry.outcome === 'done' ? '' : 'trouble'}>
                {entry.outcome === 'done' ? t('audit.done') : safeText(entry.outcome)}
              </span>
            </td>
            <td class="whole" data-column={t('audit.details')}>
              <details>
                <summary>
                  {entry.detail === '' ? (
                    t('audit.more')
                  ) : (
                    // As it was written down, which is what the hash is over.
                    <span lang="en">{safeText(entry.detail)}</span>
                  )}
                </summary>
                <dl class="facts">
                  {(
                    [
                      [t('audit.number'), format.count(entry.number)],
                      [t('audit.kind'), entry.kind],
                      [t('agents.role'), entry.role],
                      [t('audit.address'), entry.address],
                      [t('audit.hash'), entry.hash]
                    ] as const
                  )
                    .filter(([, value]) => value !== '')
                    .map(([name, value]) => (
                      <div key={name}>
                        <dt>{name}</dt>
                        <dd>{safeText(value)}</dd>
                      </div>
                    ))}
                </dl>
              </details>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Verify() {
  const { t, format } = useText()
  const refusal = useRefusal()
  const [found, setFound] = useState<{ readonly good: boolean; readonly text: string } | null>(null)
  const verify = async () => {
    try {
      const { entries, problem } = await coordinator.ask(verifyAudit, {})
      setFound(
        problem === null
          ? { good: true, text: t('audit.whole', { entries: format.count(entries) }) }
          : { good: false, text: safeText(problem) }
      )
    } catch (error) {
      setFound({ good: false, text: refusal(error) })
    }
  }
  return (
    <>
      <span role="status">
        {found !== null && (
          <span class={found.good ? 'pill' : 'trouble'} data-state="good">
            {found.text}
          </span>
        )}
      </span>
      <button onClick={() => void verify()}>{t('audit.verify')}</button>
    </>
  )
}

/** All that the search finds, not only the page that is shown. */
function Export({ filter }: { readonly filter: Filter }) {
  const { t, format } = useText()
  const refusal = useRefusal()
  const [count, setCount] = useState<number | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const take = async () => {
    setProblem(null)
    const lines: string[] = []
    try {
      for (let page: number | null | undefined; page !== null;) {
        setCount(lines.length)
        const found: { entries: Entry[]; next: number | null } = await coordinator.ask(readAudit, {
          query: { ...filter, count: exportCount, ...(page === undefined ? {} : { page }) }
        })
        for (const entry of found.entries) lines.push(`${JSON.stringify(entry)}\n`)
        page = found.next
      }
      save(new Blob(lines, { type: 'application/x-ndjson' }), 'starling-audit.jsonl')
    } catch (error) {
      setProblem(refusal(error))
    }
    setCount(null)
  }
  return (
    <>
      <button disabled={count !== null} onClick={() => void take()}>
        {count === null ? t('audit.export') : t('audit.exporting', { count: format.count(count) })}
      </button>
      {problem !== null && (
        <span class="trouble" role="alert">
          {problem}
        </span>
      )}
    </>
  )
}

function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
