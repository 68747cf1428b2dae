/**
 * From what is there, what is wanted and what was there before Starling: what is to be changed, and what is to be put back. Pure.
 */
import type { ClientItemView, ClientValueView, ServingAgent } from '../ports.ts'
import type { GroupPolicy } from './group-policy.ts'
import type { ItemRules, UserValues } from './item-rules.ts'
import type { Kept } from './journal.ts'
import { isSame, placeText, valueText, type Place, type Values } from './places.ts'
import type { Stored } from './stored.ts'

export interface Change {
  /** Its word in the item's rules. */
  readonly name: string
  readonly place: Place
  readonly from: Stored
  readonly to: Stored
}

export interface Plan {
  readonly refusal: string | null
  /** Why a Group Policy would undo it, and what to set there; null: none does. */
  readonly overruled: string | null
  readonly notes: readonly string[]
  readonly changes: readonly Change[]
  /** For the journal, before the changes are made. */
  readonly kept: Kept
}

/** What is there now: in the item's own places, and with the users whom it concerns. */
export interface Seen {
  readonly now: Values
  readonly users: readonly UserValues[]
}

/** @param kept of the item, when it was applied before */
export function planApply(
  rules: ItemRules,
  { now, users }: Seen,
  agent: ServingAgent,
  kept: Kept | null,
  policy: GroupPolicy
): Plan {
  const { values, refusal, notes } = rules.want(now, agent, kept ?? {}, users)
  const changes = [...values].flatMap(([name, to]): Change[] => {
    const [place, from] = [placeOf(rules, name), now.get(name) ?? null]
    return isSame(place, from, to) ? [] : [{ name, place, from, to }]
  })
  return {
    refusal,
    overruled: enforcedElse(rules, values, policy),
    notes,
    changes,
    kept: { ...kept, ...keptOf(rules, changes, now, kept) }
  }
}

/** With each change what follows from it is kept, too. */
function keptOf(rules: ItemRules, changes: readonly Change[], now: Values, kept: Kept | null): Kept {
  const followers = Object.entries(rules.changed).filter(
    ([, place]) => 'follows' in place && changes.some(({ name }) => name === place.follows)
  )
  return Object.fromEntries([
    ...changes.map(({ name, place, from, to }) => {
      const old = kept?.[name]
      // Put back is what was there before us, not an older value of ours.
      const isOurs = old !== undefined && old.ours.some(value => isSame(place, value, from))
      // A process that ended between two changes of an earlier apply may have left either value.
      const wasBefore = old !== undefined && isSame(place, old.before, from)
      const rest =
        kept === null || old === undefined || isOurs || wasBefore
          ? undefined
          : rules.withoutOurs?.(name, from, kept)
      const entry =
        old !== undefined && (isOurs || wasBefore)
          ? { before: old.before, ours: [...old.ours.filter(value => !isSame(place, value, to)), to] }
          : rest !== undefined && old !== undefined
            ? { before: rest, ours: [...old.ours, to] }
            : { before: from, ours: [to] }
      return [name, entry] as const
    }),
    ...followers.map(([name]) => [name, kept?.[name] ?? { before: now.get(name) ?? null, ours: [] }] as const)
  ])
}

/** Against a policy that says something else we would only win until it is applied again. */
function enforcedElse(rules: ItemRules, values: Values, policy: GroupPolicy): string | null {
  for (const [name, to] of values) {
    const place = placeOf(rules, name)
    const enforced = policy.at(place)
    if (enforced !== undefined && !isSame(place, enforced, to))
      return (
        `Group Policy sets ${placeText(place)} to ${valueText(place, enforced)} and would do so again at the next gpupdate: ` +
        `set it to ${valueText(place, to)} in that policy`
      )
  }
  return null
}

interface Left {
  readonly place: Place
  readonly now: Stored
  readonly why: string
}

export interface Undoing {
  /** In this order. */
  readonly changes: readonly Change[]
  /** What is not ours any more. */
  readonly left: readonly Left[]
}

/** @param policy what a Group Policy sets by now is not ours to take away */
export function planUndo(rules: ItemRules, now: Values, kept: Kept, policy: GroupPolicy): Undoing {
  const changes: Change[] = []
  const left: Left[] = []
  const [moved, parted] = [new Set<string>(), new Set<string>()]
  for (const [name, place] of Object.entries(rules.changed)) {
    const entry = kept[name]
    if (entry === undefined || 'follows' in place) continue
    const from = now.get(name) ?? null
    // Before all: what was there may be the same as what we wanted.
    if (isSame(place, entry.before, from)) continue
    if (policy.at(place) !== undefined) left.push({ place, now: from, why: 'a Group Policy sets it now' })
    else if (entry.ours.some(value => isSame(place, value, from))) {
      moved.add(name)
      changes.push({ name, place, from, to: entry.before })
    } else {
      const rest = rules.withoutOurs?.(name, from, kept)
      if (rest !== undefined) {
        parted.add(name)
        changes.push({ name, place, from, to: rest })
      } else left.push({ place, now: from, why: 'somebody has changed it since' })
    }
  }
  // Also those that look as before: the program that puts the other one back may change them.
  for (const [name, place] of Object.entries(rules.changed)) {
    const entry = kept[name]
    if (entry === undefined || !('follows' in place)) continue
    const [lead, from] = [place.follows ?? '', now.get(name) ?? null]
    if (moved.has(lead)) changes.push({ name, place, from, to: entry.before })
    else if (parted.has(lead)) {
      const rest = rules.withoutOurs?.(name, from, kept)
      changes.push({ name, place, from, to: rest === undefined ? from : rest })
    }
  }
  return { changes, left }
}

/** An item as it is, for people. */
export function viewOf(
  rules: ItemRules,
  seen: Seen,
  agent: ServingAgent,
  kept: Kept | null,
  policy: GroupPolicy
): ClientItemView {
  const { now, users } = seen
  const { refusal, overruled, notes } = planApply(rules, seen, agent, kept, policy)
  const { values } = rules.want(now, agent, kept ?? {}, users)
  const shown = Object.entries(rules.changed)
    .filter(([, place]) => !('follows' in place))
    .map(([name, place]): ClientValueView => {
      const [stored, wanted] = [now.get(name) ?? null, values.get(name)]
      return {
        place: placeText(place),
        now: valueText(place, stored),
        wanted: wanted === undefined ? null : valueText(place, wanted),
        by: ownerOf(place, stored, kept?.[name], policy)
      }
    })
  const fitting = [...values].filter(([name, to]) => isSame(placeOf(rules, name), now.get(name) ?? null, to))
  const state = fitting.length === 0 ? 'not-applied' : fitting.length === values.size ? 'applied' : 'partly'
  return {
    item: rules.item,
    level: rules.level,
    what: rules.what,
    state,
    refusal: refusal ?? overruled,
    notes,
    values: shown
  }
}

function ownerOf(
  place: Place,
  now: Stored,
  kept: Kept[string] | undefined,
  policy: GroupPolicy
): ClientValueView['by'] {
  if (now === null) return null
  const enforced = policy.at(place)
  if (enforced !== undefined && isSame(place, enforced, now)) return 'group-policy'
  return kept?.ours.some(value => isSame(place, value, now)) === true ? 'starling' : 'somebody-else'
}

function placeOf(rules: ItemRules, name: string): Place {
  const place = rules.changed[name]
  if (place === undefined) throw new Error(`bug: ${rules.item} has no place ${name}`)
  return place
}
