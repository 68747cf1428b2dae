/**
 * docs/POLICY.md and docs/policy.schema.json say what the schema says. When this fails, write them anew:
 * `npm test -- shared/src/policy/policy-page.test.ts -u`, and look at what changes.
 */
import { expect, test } from 'vitest'
import { policyJsonSchema } from './json-schema.ts'
import { policyPage } from './policy-page.ts'
import { policyFields } from './policy.ts'
import { readPolicy } from './problems.ts'

test('the page is the one of the schema', async () => {
  await expect(policyPage()).toMatchFileSnapshot('../../../docs/POLICY.md')
})

test('the JSON Schema is the one of the schema', async () => {
  const text = `${JSON.stringify(policyJsonSchema(), null, 2)}\n`
  await expect(text).toMatchFileSnapshot('../../../docs/policy.schema.json')
})

test('the JSON Schema has each name, with its default, and nothing that only we understand', () => {
  const { properties } = policyJsonSchema() as { properties: Record<string, Record<string, unknown>> }
  expect(Object.keys(properties)).toEqual(policyFields.map(({ name }) => name))
  expect(properties['DOMaxCacheSize']).toMatchObject({
    default: null,
    anyOf: [
      { anyOf: [{ type: 'integer', minimum: 1, maximum: 100 }, { type: 'null' }] },
      { type: 'string', description: 'a whole number (%) from 1 to 100' }
    ]
  })
  const text = JSON.stringify(properties)
  for (const word of ['"what"', '"why"', '"form"', '"defaultText"', '"stricter"', '"byDefault"'])
    expect(text).not.toContain(word)
})

test('the example of the page is a policy', () => {
  const example = /```json\n([^`]*)```/.exec(policyPage())?.[1] ?? ''
  expect(readPolicy(JSON.parse(example))).toMatchObject({ problems: [], document: { DODownloadMode: 1 } })
})
