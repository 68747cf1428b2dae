/** The policy document as JSON Schema (2020-12), for editors and for programs that make documents. docs/policy.schema.json is its text. */
import { z } from 'zod'
import { policyFields, type PolicyField } from './policy.ts'

type Json = Readonly<Record<string, unknown>>

export function policyJsonSchema(): Json {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Starling policy',
    description:
      'What agents may do with the network. What is not named is not set. docs/POLICY.md has the same in words.',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(policyFields.map(field => [field.name, propertyOf(field)]))
  }
}

function propertyOf({ schema, what, why, byDefault, form, insteadUse }: PolicyField): Json {
  const value = jsonSchemaOf(schema)
  return {
    description: `${what}. Default: ${why}.`,
    default: byDefault,
    ...(insteadUse === undefined ? {} : { deprecated: true }),
    // Each value may also be written as people do: `500KB`, `30s`, `off`, `a,b`.
    anyOf: [value, ...(value['type'] === 'string' ? [] : [{ type: 'string', description: form }])]
  }
}

/** Of a value, without what our fields know beside JSON Schema's own words. */
export function jsonSchemaOf(schema: z.ZodType): Json {
  return z.toJSONSchema(schema, {
    io: 'output',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const facts = z.globalRegistry.get(zodSchema)
      for (const key of Object.keys(facts ?? {})) delete (jsonSchema as Record<string, unknown>)[key]
      delete jsonSchema.$schema
    }
  }) as Json
}
