import { expect, it } from 'vitest'
import { table, withoutControls } from './output.ts'

it('what an agent calls its host moves no cursor, and JSON stays what it was', () => {
  const hostName = 'pc\u001b[2J\u009b31m\u202e\r7\u007f'
  const controls = /(?!\n)\p{Cc}|\u202e/u
  expect(withoutControls(table(['HOST'], [[hostName], ['bö']]))).not.toMatch(controls)
  expect(withoutControls(table(['HOST'], [[hostName], ['bö']]))).toMatch(/^HOST\npc.*\nbö$/)
  expect(JSON.parse(withoutControls(JSON.stringify({ hostName })))).toEqual({ hostName })
})
