/** What the move form of an agent's page sends. */
import { expect, it } from 'vitest'
import { moveFormOf, moveOf } from './page/web/agent-move.ts'

const named = moveFormOf({ site: 'berlin', placedBy: 'name', group: null })
const found = moveFormOf({ site: 'berlin', placedBy: 'definitions', group: 'pilots' })

it('names no site when only the group changes, be the site named or found', () => {
  expect(moveOf(named, { ...named, group: 'pilots' })).toEqual({ group: 'pilots' })
  expect(moveOf(found, { ...found, group: '' })).toEqual({ group: null })
})

it('names a site that is written, also the one that was found', () => {
  expect(moveOf(named, { ...named, site: ' bonn ' })).toEqual({ site: 'bonn' })
  expect(moveOf(found, { ...found, site: 'berlin' })).toEqual({ site: 'berlin' })
})

it('leaves the site to the definitions when it is emptied, and not when it was empty', () => {
  expect(moveOf(named, { ...named, site: '' })).toEqual({ site: null })
  expect(moveOf(found, found)).toEqual({})
})
