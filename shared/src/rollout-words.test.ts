import { expect, it } from 'vitest'
import { stagesFromText } from './rollout-words.ts'

it('reads percentages, sites and groups, in their order', () => {
  expect(stagesFromText('group:pilots, site:berlin+bonn,50%,100', 1000)).toEqual([
    { who: { groups: ['pilots'] }, holdMs: 1000 },
    { who: { sites: ['berlin', 'bonn'] }, holdMs: 1000 },
    { who: { percent: 50 }, holdMs: 1000 },
    { who: { percent: 100 }, holdMs: 1000 }
  ])
})

it.each(['', '0', '101', 'pilots', '1,,100'])('refuses "%s", saying how it is written', text => {
  expect(() => stagesFromText(text, null)).toThrow('like 1,10,50,100')
})
