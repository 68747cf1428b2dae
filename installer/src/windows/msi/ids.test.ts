import { expect, it } from 'vitest'
import { guidIn, guidOfContent } from './ids.ts'

it('a name in a space is the UUID that RFC 9562 gives as its example', () => {
  expect(guidIn('{6ba7b810-9dad-11d1-80b4-00c04fd430c8}', 'www.example.com')).toBe(
    '{2ED6657D-E927-568B-95E1-2665A8AEA6A2}'
  )
})

it('content is told apart by how it is divided, too', () => {
  expect(guidOfContent(['ab', 'c'])).not.toBe(guidOfContent(['a', 'bc']))
  expect(guidOfContent(['ab', 'c'])).toMatch(
    /^\{[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}\}$/
  )
})
