/**
 * What Group Policy's editor offers for a policy: the kind of control, and what it writes. Each is one value by the policy's name, in the shape in which the agent
 * reads the registry (agent/src/policy-sources): a switch is a DWORD of 0 or 1, a list REG_MULTI_SZ, what has its unit in its text (`20GiB`) a text.
 */
import { categoryOf, policyCategories, type PolicyCategory } from '@starling/shared/policy/categories.ts'
import type { FieldFacts, Stricter } from '@starling/shared/policy/fields.ts'
import { machineFields, type MachineField, type MachineName } from '@starling/shared/policy/machine-only.ts'
import { policyFields } from '@starling/shared/policy/policy.ts'
import { jsonSchemaOf } from '@starling/shared/policy/json-schema.ts'

/** Where the agent looks, below HKEY_LOCAL_MACHINE and, for what users may lower, HKEY_CURRENT_USER. */
export const policyKey = 'SOFTWARE\\Policies\\Starling'

export type Control =
  /** Enabled and disabled are both an answer. */
  | { readonly kind: 'switch' }
  | { readonly kind: 'number'; readonly min: number; readonly max: number }
  | {
      readonly kind: 'choice'
      readonly items: ReadonlyArray<{ readonly value: number | string; readonly meaning: string }>
    }
  | { readonly kind: 'list'; readonly itemsMax: number }
  | { readonly kind: 'text'; readonly lengthMax: number }

export const categories = ['fleet', ...policyCategories] as const
export type Category = (typeof categories)[number]

export interface AdmxSetting {
  readonly name: string
  readonly category: Category
  readonly facts: FieldFacts
  readonly control: Control
  /** Of a user who is signed in, too, where it allows less. */
  readonly userMay: Stricter | null
  /** A key of config.json; null: about the registry itself. */
  readonly configKey: string | null
}

/** What a line of the editor takes; longer lists of objects are the coordinator's to send. */
const jsonLengthMax = 16_384
/** The editor's own where nothing is said. */
const textLengthMax = 1023

/** What nobody but the machine's admin can say, among the others. */
const machineCategoryOf: Readonly<Record<MachineName, Category>> = {
  ticket: 'fleet',
  coordinatorAddresses: 'fleet',
  mdns: 'fleet',
  honourDeliveryOptimizationPolicies: 'sharing',
  upstreamProxies: 'upstream',
  upstreamDirectFallback: 'upstream',
  upstreamAllowPrivate: 'upstream',
  proxyPort: 'proxy',
  proxyWsus: 'proxy',
  proxyPacHosts: 'proxy',
  cacheHostEnabled: 'proxy',
  listenPort: 'machine',
  bulkPort: 'machine'
}

export const settings: readonly AdmxSetting[] = [
  ...machineFields.map(({ name, schema, configKey, ...facts }) => ({
    name,
    category: machineCategoryOf[name],
    facts,
    control: controlOf(facts, schema),
    userMay: null,
    configKey
  })),
  ...policyFields.map(({ name, schema, configKey, from: _, ...facts }) => ({
    name,
    category: categoryOf[name] satisfies PolicyCategory,
    facts,
    control: controlOf(facts, schema),
    userMay: facts.stricter ?? null,
    configKey
  }))
]

interface JsonSchema {
  readonly type?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly maxItems?: number
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
}

function controlOf(facts: FieldFacts, schema: MachineField['schema']): Control {
  const { byDefault, codes, word } = facts
  if (typeof byDefault === 'boolean' || word === '0|1') return { kind: 'switch' }
  if (codes !== undefined)
    return {
      kind: 'choice',
      items: Object.entries(codes).map(([value, meaning]) => ({ value: Number(value), meaning }))
    }
  if (facts.isStructured === true) return { kind: 'text', lengthMax: jsonLengthMax }
  const json = valueOf(jsonSchemaOf(schema))
  if (json.enum !== undefined)
    return {
      kind: 'choice',
      items: json.enum.map(value => ({ value: String(value), meaning: String(value) }))
    }
  if (json.type === 'array') return { kind: 'list', itemsMax: json.maxItems ?? 0 }
  // `size`, `rate` and `time` are numbers that people write with a unit.
  if (word === 'number') return { kind: 'number', min: json.minimum ?? 0, max: json.maximum ?? 0 }
  return { kind: 'text', lengthMax: json.maxLength ?? textLengthMax }
}

/** Of a value that may also be null: the value. */
function valueOf(json: JsonSchema): JsonSchema {
  return json.anyOf?.find(({ type }) => type !== 'null') ?? json
}
