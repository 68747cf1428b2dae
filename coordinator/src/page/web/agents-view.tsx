/** The agents, thousands of them: found by what one knows of a machine, a page at a time as one scrolls. */
import { listAgents, type AgentView } from '@starling/shared/admin-api/fleet-view.ts'
import { useRefusal } from '@starling/shared/web/said.ts'
import { LongTable, type Column } from '@starling/shared/web/long-table.tsx'
import { safeText, shortId } from '@starling/shared/web/names.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { coordinator } from './coordinator.ts'
import { pageRows, pagesSeen, refreshedRows, withPage, type AgentsPage } from './agent-pages.ts'
import { OneAgent } from './agent-view.tsx'
import { useBeat } from './live.tsx'
import { oneAtATime } from './one-at-a-time.ts'
import { Box } from '@starling/shared/web/box.tsx'
import { AgentState, useProblemName } from './parts.tsx'
import { useText } from './words.ts'

export interface AgentFilter {
  readonly site?: string
  readonly group?: string
  readonly state?: 'online' | 'offline' | 'revoked'
  readonly problem?: string
  readonly version?: string
  readonly search?: string
}

/** Somebody who types is not asked after each letter. */
const typingMs = 250
const states = ['online', 'offline', 'revoked'] as const

export function AgentsView({
  rest,
  query
}: {
  readonly rest: readonly string[]
  readonly query: URLSearchParams
}) {
  const { t } = useText()
  const nameOf = useProblemName()
  const [id] = rest
  const given = (name: string) => query.get(name) ?? undefined
  const state = states.find(known => known === query.get('state'))
  const [search, setSearch] = useState(query.get('search') ?? '')
  const [asked, setAsked] = useState(search)
  useEffect(() => {
    const timer = setTimeout(() => setAsked(search), typingMs)
    return () => clearTimeout(timer)
  }, [search])
  const [site, problem, version, group] = ['site', 'problem', 'version', 'group'].map(given)
  const filter = useMemo<AgentFilter>(
    () => ({
      ...(site === undefined ? {} : { site }),
      ...(problem === undefined ? {} : { problem }),
      ...(version === undefined ? {} : { version }),
      ...(group === undefined ? {} : { group }),
      ...(state === undefined ? {} : { state }),
      ...(asked === '' ? {} : { search: asked })
    }),
    [site, problem, version, group, state, asked]
  )
  if (id !== undefined) return <OneAgent key={id} id={id} />
  const without = (name: string) => linkTo(['agents'], { ...Object.fromEntries(query), [name]: null })
  const shown = [
    ['site', site],
    ['group', group],
    ['version', version],
    ['problem', problem === undefined ? undefined : nameOf(problem)]
  ] as const
  return (
    <Box title={t('agents.title')}>
      <div class="filters">
        <label>
          {t('agents.search')}
          <input type="search" value={search} onInput={event => setSearch(event.currentTarget.value)} />
        </label>
        <label>
          {t('agents.state')}
          <select
            value={state ?? ''}
            onChange={event => {
              const chosen = event.currentTarget.value
              location.hash = linkTo(['agents'], {
                ...Object.fromEntries(query),
                state: chosen === '' ? null : chosen
              })
            }}
          >
            <option value="">{t('agents.all')}</option>
            {states.map(name => (
              <option key={name} value={name}>
                {t(`agents.${name}`)}
              </option>
            ))}
          </select>
        </label>
        <ul class="chips">
          {shown.map(([name, value]) =>
            value === undefined ? null : (
              <li key={name}>
                <a
                  class="chip"
                  href={without(name)}
                  aria-label={t('agents.without', { filter: safeText(value) })}
                >
                  {safeText(value)} ×
                </a>
              </li>
            )
          )}
        </ul>
      </div>
      <AgentsTable filter={filter} />
    </Box>
  )
}

export function AgentsTable({ filter }: { readonly filter: AgentFilter }) {
  const { t, format } = useText()
  const nameOf = useProblemName()
  const { agents, problem, more, seen, complete } = useAgents(filter)
  const columns = useMemo<ReadonlyArray<Column<AgentView>>>(
    () => [
      {
        name: t('agents.machine'),
        width: 'minmax(10rem, 2fr)',
        cell: agent => (
          <a href={linkTo(['agents', agent.agent])} title={safeText(agent.agent)}>
            {agent.hostName === '' ? shortId(agent.agent) : safeText(agent.hostName)}
          </a>
        )
      },
      {
        name: t('agents.state'),
        width: '7rem',
        cell: agent => <AgentState agent={agent} />
      },
      {
        name: t('sites.site'),
        width: 'minmax(6rem, 1fr)',
        cell: agent => <a href={linkTo(['sites', agent.site])}>{safeText(agent.site)}</a>
      },
      { name: t('agents.group'), width: 'minmax(5rem, 1fr)', cell: agent => safeText(agent.group ?? '–') },
      { name: t('agents.role'), width: '5rem', cell: agent => t(`agents.role.${agent.role}`) },
      { name: t('agents.version'), width: '5rem', cell: agent => safeText(agent.version) },
      {
        name: t('agents.heard'),
        width: '7rem',
        cell: agent =>
          agent.lastHeardAt === null ? t('agents.never') : format.ago(Date.now() - agent.lastHeardAt)
      },
      {
        name: t('fleet.problems'),
        width: 'minmax(11rem, 3fr)',
        cell: agent => {
          const problems = agent.problems.map(nameOf).join(', ')
          return <span title={problems}>{problems}</span>
        }
      }
    ],
    [t, format]
  )
  if (problem !== null)
    return (
      <p class="trouble" role="alert">
        {problem}
      </p>
    )
  if (agents === null) return <p class="empty">{t('part.loading')}</p>
  if (agents.length === 0)
    return <p class="empty">{Object.keys(filter).length === 0 ? t('agents.none') : t('agents.noneSuch')}</p>
  return (
    <>
      <LongTable
        label={t('agents.title')}
        columns={columns}
        rows={agents}
        keyOf={agent => agent.agent}
        more={more}
        seen={seen}
        isPart={!complete}
      />
      <p class="note">{t(complete ? 'agents.shownAll' : 'agents.shownSome', { count: agents.length })}</p>
    </>
  )
}

/** Pages as they are wanted; with each beat those on the screen are asked for again. */
function useAgents(filter: AgentFilter) {
  const refusal = useRefusal()
  const beat = useBeat('fleet')
  const [pages, setPages] = useState<readonly AgentsPage[] | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const shown = useRef<{ pages: readonly AgentsPage[]; first: number; last: number }>({
    pages: [],
    first: 0,
    last: 0
  })
  /** The page that was asked for last, so that it is asked for once. */
  const askedMore = useRef<string | null>(null)
  const current = useRef(filter)
  current.current = filter
  const ask = useCallback(
    async (after: string | null, count: number) => {
      try {
        const query = { ...filter, count, ...(after === null ? {} : { after }) }
        const answer = await coordinator.ask(listAgents, { query })
        if (current.current !== filter) return
        setProblem(null)
        setPages((shown.current.pages = withPage(shown.current.pages, after, answer)))
      } catch (error) {
        if (current.current !== filter) return
        if (after === askedMore.current) askedMore.current = null
        setProblem(refusal(error))
      }
    },
    [filter]
  )
  const refresh = useRef<() => void>(() => {})
  useEffect(() => {
    setPages(null)
    shown.current = { pages: [], first: 0, last: 0 }
    askedMore.current = null
    refresh.current = oneAtATime(async () => {
      const { pages: known, first, last } = shown.current
      if (known.length === 0) return await ask(null, pageRows)
      for (const after of pagesSeen(known, first, last)) await ask(after, refreshedRows)
    })
  }, [filter, ask])
  useEffect(() => refresh.current(), [ask, beat])
  const next = pages?.at(-1)?.next ?? null
  const more = useCallback(() => {
    if (next === null || next === askedMore.current) return
    askedMore.current = next
    void ask(next, pageRows)
  }, [next, ask])
  const seen = useCallback((first: number, last: number) => {
    shown.current.first = first
    shown.current.last = last
  }, [])
  const agents = useMemo(() => pages?.flatMap(page => page.agents) ?? null, [pages])
  return { agents, problem, more, seen, complete: next === null }
}
