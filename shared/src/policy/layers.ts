/**
 * Where each value of a policy comes from, when several say something: the first layer that names it wins. An enforced policy of the machine
 * stands before everything that can be typed on it, and what can be typed on it before what the coordinator says for many. What a user
 * sets comes last, over the result, and only where it allows less.
 */
import { onlyLower } from './only-lower.ts'
import {
  policyDefaults,
  policyField,
  policyFields,
  type PolicyDocument,
  type PolicyName,
  type WholePolicy
} from './policy.ts'

/** In the order in which they win. */
export const layerKinds = [
  'machine',
  'command line',
  'environment',
  'file',
  'device',
  'group',
  'site',
  'fleet'
] as const
export type LayerKind = (typeof layerKinds)[number]

export interface PolicyLayer {
  readonly kind: LayerKind
  /** Which one, for people: `registry HKLM\SOFTWARE\Policies\Starling`, `group north v7`, `config.json:4:5`. */
  readonly detail: string
  readonly document: PolicyDocument
}

export interface PolicySource {
  readonly layer: LayerKind | 'user' | 'default'
  readonly detail: string
}

export interface PolicyEntry {
  readonly name: PolicyName
  readonly value: unknown
  readonly source: PolicySource
}

export interface MergedPolicy {
  readonly policy: WholePolicy
  /** One for each name. */
  readonly entries: readonly PolicyEntry[]
  /** What a user wanted and did not get, each with its reason. */
  readonly refused: ReadonlyArray<{ readonly name: PolicyName; readonly why: string }>
}

/**
 * @param layers in any order; of several of one kind (the registry's own and Windows' values) the first wins
 * @param user null: users say nothing
 */
export function mergePolicy(
  layers: readonly PolicyLayer[],
  user: { readonly detail: string; readonly document: PolicyDocument } | null = null
): MergedPolicy {
  const ranked = layerKinds.flatMap(kind => layers.filter(layer => layer.kind === kind))
  const refused: Array<{ name: PolicyName; why: string }> = []
  const entries = policyFields.map(({ name }): PolicyEntry => {
    const entry = firstOf(ranked, name)
    if (user === null || !says(user.document, name)) return entry
    const { value, refused: why } = onlyLower(policyField(name)!, entry.value, user.document[name])
    if (why !== null) {
      refused.push({ name, why })
      return entry
    }
    return { name, value, source: { layer: 'user', detail: user.detail } }
  })
  // Each value was checked by the schema of its name.
  const policy = Object.fromEntries(entries.map(({ name, value }) => [name, value])) as WholePolicy
  return { policy, entries, refused }
}

function firstOf(ranked: readonly PolicyLayer[], name: PolicyName): PolicyEntry {
  const layer = ranked.find(({ document }) => says(document, name))
  if (layer === undefined)
    return { name, value: policyDefaults[name], source: { layer: 'default', detail: '' } }
  const { kind, detail, document } = layer
  return { name, value: document[name], source: { layer: kind, detail } }
}

function says(document: PolicyDocument, name: PolicyName): boolean {
  return Object.hasOwn(document, name) && document[name] !== undefined
}
