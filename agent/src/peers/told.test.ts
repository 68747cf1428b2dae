import { expect, it } from 'vitest'
import { toldBy, wordsOf } from './told.ts'

it('an agent hears what another told, and nothing of one that told nothing', () => {
  expect(toldBy(wordsOf({ name: 'pc-17.corp.example', network: 'wifi' }))).toEqual({
    name: 'pc-17',
    network: 'wifi'
  })
  expect(toldBy(['group:ab', ...wordsOf({ name: 'pc', network: 'wired' })])).toEqual({
    name: 'pc',
    network: 'wired'
  })
  expect(toldBy(['group:ab', 'name:'])).toEqual({ name: null, network: null })
  expect(wordsOf({ name: '', network: null })).toEqual([])
})

it('no name makes a word that is longer than others take', () => {
  const words = wordsOf({ name: 'x'.repeat(300), network: null })
  expect(words.map(({ length }) => length)).toEqual([63])
})
