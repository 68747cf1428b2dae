/**
 * The policy document: every name that an admin may say something of, with its default, its limits and the reason for both. This is the only
 * place where they stand: agents, the coordinator, the command line, the docs and the JSON Schema read them here.
 *
 * A document is partial: what it does not name is not set, and left to the next layer (the agent's config-sources.ts). A name that others build on keeps its
 * meaning for ever: a coordinator of another version may send it.
 */
import { z } from 'zod'
import { configKeys, configShape } from './config-fields.ts'
import { doShape } from './do-policies.ts'
import { factsOf, type FieldFacts } from './fields.ts'
import { ownShape } from './own-policies.ts'

/** What `policy` in config.json holds: all but what has a key of its own there. */
export const policySchema = z.strictObject({ ...doShape, ...ownShape })
export type PolicyRules = Readonly<z.infer<typeof policySchema>>

const allShape = { ...doShape, ...ownShape, ...configShape }
const wholeSchema = z.strictObject(allShape)

/** A value for every name. */
export type WholePolicy = Readonly<z.infer<typeof wholeSchema>>
export type PolicyName = keyof WholePolicy
/** As an admin gives it, checked. */
export type PolicyDocument = Readonly<Partial<WholePolicy>>

/** Also takes values as people write them (`500KB`, `30s`), and gives them as they are. */
export const policyDocumentSchema: z.ZodType<PolicyDocument> = z.strictObject(
  Object.fromEntries(Object.entries(allShape).map(([name, schema]) => [name, schema.exactOptional()]))
) as unknown as z.ZodType<PolicyDocument>

/** Nothing said, nothing changed. */
export const policyDefaults: WholePolicy = wholeSchema.parse({})

export interface PolicyField extends FieldFacts {
  readonly name: PolicyName
  readonly schema: z.ZodType
  /** Whose name it is. */
  readonly from: 'delivery-optimization' | 'starling'
  /** Where else an agent may be told: a key of config.json. */
  readonly configKey: string
}

export const policyFields: readonly PolicyField[] = Object.entries(allShape).map(([name, schema]) => ({
  ...factsOf(schema)!,
  name: name as PolicyName,
  schema,
  from: name in doShape ? 'delivery-optimization' : 'starling',
  configKey: (configKeys as Readonly<Record<string, string>>)[name] ?? `policy.${name}`
}))

const byName: ReadonlyMap<string, PolicyField> = new Map(policyFields.map(field => [field.name, field]))

/** @returns undefined for what is no name of policy */
export function policyField(name: string): PolicyField | undefined {
  return byName.get(name)
}
