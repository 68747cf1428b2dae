/** The operations as an OpenAPI 3.1 document, whose schemas are JSON Schema 2020-12, which zod speaks by itself. */
import type { Operation } from '@starling/shared/admin-api/operation.ts'
import { z } from 'zod'

type Json = Readonly<Record<string, unknown>>

export function openApiOf(operations: readonly Operation[]): Json & { readonly openapi: string } {
  const paths: Record<string, Record<string, Json>> = {}
  const inOrder = operations.toSorted((one, other) => one.path.localeCompare(other.path, 'en'))
  for (const operation of inOrder) {
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method.toLowerCase()]: described(operation)
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Starling coordinator',
      version: 'v1',
      description:
        'What people and their programs may ask of a coordinator. Each operation names the least role that may call it (x-role).'
    },
    security: [{ token: [] }, { session: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'an API token (sct_...)' },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-starling', description: 'set by signing in' }
      },
      schemas: { Error: schemaOf(z.object({ code: z.string(), message: z.string() }), 'output') }
    }
  }
}

function described({ summary, access, localOnly, siteOf, params, query, body, answer }: Operation): Json {
  const parameters = [...parametersOf('path', params), ...parametersOf('query', query)]
  const bodySchema = schemaOf(body, 'input')
  return {
    summary,
    'x-role': access,
    ...(localOnly ? { 'x-local-only': true } : {}),
    ...(siteOf === null ? {} : { 'x-site-scoped': true }),
    ...(access === 'open' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(isEmpty(bodySchema)
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: bodySchema } } } }),
    responses: {
      200: {
        description: 'done',
        content: { 'application/json': { schema: schemaOf(answer, 'output') } }
      },
      default: {
        description: 'refused or failed: a code for programs and a sentence for people',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } }
      }
    }
  }
}

function parametersOf(where: 'path' | 'query', shape: z.ZodType): Json[] {
  const { properties = {}, required = [] } = schemaOf(shape, 'input') as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: where,
    required: required.includes(name),
    schema
  }))
}

function isEmpty({ properties }: Json): boolean {
  return properties !== undefined && Object.keys(properties as object).length === 0
}

function schemaOf(shape: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, { io }) as Json
  return schema
}
