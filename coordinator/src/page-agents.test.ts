/** How the pages of the agents' list stay fresh. */
import type { AgentView } from '@starling/shared/admin-api/fleet-view.ts'
import { expect, it } from 'vitest'
import { pagesSeen, withPage, type AgentsPage } from './page/web/agent-pages.ts'

const agents = (...ids: string[]) => ids.map(agent => ({ agent }) as AgentView)
const ids = (pages: readonly AgentsPage[]) => pages.map(page => page.agents.map(({ agent }) => agent))
const two = withPage(withPage([], null, { agents: agents('a', 'c'), next: 'c' }), 'c', {
  agents: agents('e', 'g'),
  next: 'g'
})

it('puts page after page, and takes no page twice or out of its place', () => {
  expect(ids(two)).toEqual([
    ['a', 'c'],
    ['e', 'g']
  ])
  expect(withPage(two, 'x', { agents: agents('y'), next: null })).toBe(two)
})

it('refreshes one page within its ids: who has joined comes in between, who is gone leaves, and no row is there twice', () => {
  const fresh = withPage(two, null, { agents: agents('b', 'c', 'e', 'g'), next: null })
  expect(ids(fresh)).toEqual([
    ['b', 'c'],
    ['e', 'g']
  ])
  expect(fresh.map(({ next }) => next)).toEqual(['c', 'g'])
  expect(ids(withPage(two, 'c', { agents: agents('d', 'e'), next: null }))).toEqual([
    ['a', 'c'],
    ['d', 'e']
  ])
})

it('goes on where the last page has grown', () => {
  const whole = withPage([], null, { agents: agents('a'), next: null })
  const grown = withPage(whole, null, { agents: agents('a', 'b'), next: 'b' })
  expect(grown).toEqual([{ after: null, agents: agents('a', 'b'), next: 'b' }])
})

it('asks again for what is on the screen, and for no more than three pages', () => {
  expect(pagesSeen(two, 0, 1)).toEqual([null])
  expect(pagesSeen(two, 1, 2)).toEqual([null, 'c'])
  expect(pagesSeen(two, 2, 3)).toEqual(['c'])
  const many = ['c', 'e', 'g', 'i'].reduce<readonly AgentsPage[]>(
    (pages, next) => withPage(pages, pages.at(-1)?.next ?? null, { agents: agents(next), next }),
    []
  )
  expect(pagesSeen(many, 0, 3)).toEqual([null, 'c', 'e'])
  expect(pagesSeen([{ after: null, agents: [], next: null }], 0, 0)).toEqual([null])
})
