/** That every name is there the compiler sees; here is what it does not: choices, forms, and names of other policies in the sentences. */
import { expect, test } from 'vitest'
import { factsOf } from '../fields.ts'
import { machineShape } from '../machine-only.ts'
import { policyFields } from '../policy.ts'
import { policyWords } from './zh.ts'

const fields = [
  ...policyFields,
  ...Object.entries(machineShape).map(([name, schema]) => ({
    ...factsOf(schema)!,
    name: name as keyof typeof machineShape
  }))
]

/** Kinds whose form says no more than kind and limits do. */
const saidByKind = /^(one of|on or off|0 \(no\)|a whole number|a size|a time|bytes a second)/

test.each(fields)('$name is all in Chinese', ({ name, codes, form, what, why }) => {
  const words = policyWords[name]
  for (const text of [words.name, words.what, words.why]) {
    expect(text).toMatch(/\p{Script=Han}/u)
    // Sentences are put together by whoever shows them; and half-width commas are the slip of the hand.
    expect(text).not.toMatch(/[。.]$|\p{Script=Han}[,;:()]|[,;:()]\p{Script=Han}/u)
  }
  expect(Object.keys(words.codes ?? {})).toEqual(Object.keys(codes ?? {}))
  expect(words.form === undefined).toBe(saidByKind.test(form))
  expect(namesIn(words.what)).toEqual(namesIn(what))
  expect(namesIn(words.why)).toEqual(namesIn(why))
})

test('titles tell the names apart', () => {
  const titles = fields.map(({ name }) => policyWords[name].name)
  expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([])
})

/** Other policies and files that a sentence names: an admin must find the same in both languages. */
function namesIn(text: string): string[] {
  const found = text.match(/DO[A-Z]\w+|\b[a-z]+[A-Z]\w+|docs\/\w+\.md|logs\/[\w*-]+\.jsonl|`[^`]+`/g)
  return [...new Set(found)].sort()
}
