import { expect, it } from 'vitest'
import { table, withoutControls } from './output.ts'

it('what an agent calls its host moves no cursor, and JSON stays what it was', () => {
  const hostName = 'pc\u001b[2J\u009b31m\u202e\r7\u007f'
  // oxlint-disable-next-line no-control-regex -- none of them is what this is about
  const controls = /[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/
  expect(withoutControls(table(['HOST'], [[hostName], ['bö']]))).not.toMatch(controls)
  expect(withoutControls(table(['HOST'], [[hostName], ['bö']]))).toMatch(/^HOST\npc.*\nbö$/)
  expect(JSON.parse(withoutControls(JSON.stringify({ hostName })))).toEqual({ hostName })
})
