/**
 * Other programs' settings, pointed at this machine's agent and put back (`starling configure`). Each item is one transaction: what was
 * there is on the disk before anything changes, all changes of the item are made, read back and tried out, and if one of these fails
 * all of them are put back.
 */
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import type {
  ClientChange,
  ClientItem,
  ClientItemView,
  ClientLevel,
  ClientResult,
  ClientSettingsOptions,
  ClientSettingsPort,
  ServingAgent
} from '../ports.ts'
import { checkAll, type Asking } from './checks.ts'
import type { GroupPolicy } from './group-policy.ts'
import type { ItemRules, UserValues } from './item-rules.ts'
import { deliveryOptimization } from './items/delivery-optimization.ts'
import { goOfMachine, goOfUser } from './items/go.ts'
import { bits, pacOfMachine, pacOfUser } from './items/script.ts'
import { winhttp } from './items/winhttp.ts'
import { wsus } from './items/wsus.ts'
import type { JournalFile, Kept } from './journal.ts'
import type { PlaceAccess } from './place-access.ts'
import { isSame, placeText, registry, valueText, type Place, type Places, type Values } from './places.ts'
import { planApply, planUndo, viewOf, type Change, type Seen } from './planning.ts'
import { textOf, type Stored } from './stored.ts'

/** The first level of an item is the usual one. */
const onWindows: readonly ItemRules[] = [
  deliveryOptimization,
  wsus,
  winhttp,
  bits,
  pacOfMachine,
  pacOfUser,
  goOfUser,
  goOfMachine
]

export interface ClientSettingsTools {
  readonly platform: NodeJS.Platform
  /** Who asks: what is set at the level of a user is his. */
  readonly user: string
  readonly places: PlaceAccess
  readonly journals: Readonly<Record<ClientLevel, JournalFile>>
  readonly groupPolicy: () => Promise<GroupPolicy>
  /** `HKU\\S-1-5-21-...` of each user who is signed in. */
  readonly userHives: () => Promise<readonly string[]>
  readonly ask: Asking
}

export function createClientSettings(tools: ClientSettingsTools): ClientSettingsPort {
  const { platform, places, journals } = tools
  const known = platform === 'win32' ? onWindows : [goOfUser]
  const keyOf = ({ item, level }: ItemRules): string =>
    level === 'machine' ? `${item}@machine` : `${item}@user:${tools.user}`

  function rulesOf(item: ClientItem, level: ClientLevel | null): ItemRules {
    const levels = known.filter(one => one.item === item)
    const rules = level === null ? levels[0] : levels.find(one => one.level === level)
    if (rules !== undefined) return rules
    if (levels.length > 0)
      throw new StarlingError(
        'not-here',
        `${item} is set for the ${levels.map(one => one.level).join(' or the ')} here${goOfMachineText(item)}`
      )
    throw new StarlingError(
      'not-here',
      `${item} is a setting of Windows, and this is another system: on Linux there is ${known.map(one => one.item).join(', ')}`
    )
  }

  async function readAll(named: Places): Promise<Values> {
    const [values, seen] = [new Map<string, Stored>(), new Map<string, string | null>()]
    // One after another: each is a program that runs.
    for (const [name, place] of Object.entries(named)) values.set(name, await places.read(place, seen))
    return values
  }

  const read = (rules: ItemRules): Promise<Values> => readAll({ ...rules.looked, ...rules.changed })

  async function look(rules: ItemRules): Promise<Seen> {
    const now = await read(rules)
    const users: UserValues[] = []
    for (const hive of rules.ofUser === undefined ? [] : await tools.userHives())
      users.push({ user: await nameOf(hive), values: await readAll(rules.ofUser!(hive)).catch(() => null) })
    return { now, users }
  }

  /** By the folder of the profile: names of accounts come in the code page of the console, and from a domain that may be away. */
  async function nameOf(hive: string): Promise<string> {
    const sid = hive.slice(hive.indexOf('\\') + 1)
    const folder = await places.read(profileOf(sid)).catch(() => null)
    return textOf(folder)?.split('\\').at(-1) || sid
  }

  async function change(changes: readonly Change[], how: 'set' | 'putBack'): Promise<void> {
    for (const { place, to } of changes) {
      await places[how](place, to)
      const now = await places.read(place)
      if (!isSame(place, now, to))
        throw new StarlingError(
          'not-taken',
          `${placeText(place)} is ${valueText(place, now)} although it was set to ${valueText(place, to)}: ` +
            'it is not for this user to change, or another program keeps it'
        )
    }
  }

  /** As it was a moment ago, whatever had been done of it. */
  async function takeBack(rules: ItemRules, before: Values, changed: Kept, old: Kept | null): Promise<void> {
    const now = await read(rules)
    const back = Object.keys(changed).flatMap((name): Change[] => {
      const place = rules.changed[name]
      const [from, to] = [now.get(name) ?? null, before.get(name) ?? null]
      const isAsBefore = place !== undefined && !('follows' in place) && isSame(place, from, to)
      return place === undefined || isAsBefore ? [] : [{ name, place, from, to }]
    })
    await change(back, 'putBack')
    await journals[rules.level].put(keyOf(rules), old)
  }

  async function apply(
    item: ClientItem,
    level: ClientLevel | null,
    agent: ServingAgent,
    options: ClientSettingsOptions
  ): Promise<ClientResult> {
    const rules = rulesOf(item, level)
    const journal = journals[rules.level]
    // Closed or damaged it would be no better behind a lock.
    await journal.read()
    const work = () => applyTo(rules, agent, options)
    return options.dryRun ? work() : journal.alone(work)
  }

  async function applyTo(
    rules: ItemRules,
    agent: ServingAgent,
    { dryRun, tell }: ClientSettingsOptions
  ): Promise<ClientResult> {
    const { item, level } = rules
    const journal = journals[level]
    const old = (await journal.read())[keyOf(rules)] ?? null
    const seen = await look(rules)
    const plan = planApply(rules, seen, agent, old, await tools.groupPolicy())
    if (plan.refusal !== null) throw new StarlingError('refused', `${item} is not applied: ${plan.refusal}`)
    if (plan.overruled !== null) {
      // Whoever installs again what was well is to hear of it, and not to fail.
      if (old !== null) return { item, level, changes: [], notes: [`not any more: ${plan.overruled}`] }
      throw new StarlingError('refused', `${item} is not applied: ${plan.overruled}`)
    }
    const changes = shownOf(plan.changes)
    changes.forEach(tell)
    const result = { item, level, changes, notes: plan.notes }
    if (dryRun) return result
    const check = () => checkAll(rules.checks(agent), tools.ask)
    if (changes.length === 0)
      return {
        ...result,
        notes: [...plan.notes, ...(await check().catch(error => [notServed(item, error)]))]
      }
    try {
      await journal.put(keyOf(rules), plan.kept)
      await change(plan.changes, 'set')
      return { ...result, notes: [...plan.notes, ...(await check())] }
    } catch (cause) {
      const why = messageOf(cause)
      await takeBack(rules, seen.now, plan.kept, old).catch((error: unknown) => {
        throw new StarlingError(
          'half-done',
          `${why}, and not everything could be put back (${messageOf(error)}): run \`starling configure --undo ${item}\``,
          { cause: error }
        )
      })
      throw new StarlingError('put-back', `${why}; ${item} is as it was before`, { cause })
    }
  }

  async function undoOne(rules: ItemRules, options: ClientSettingsOptions): Promise<ClientResult | null> {
    const journal = journals[rules.level]
    const work = async (): Promise<ClientResult | null> => {
      const kept = (await journal.read())[keyOf(rules)]
      return kept === undefined ? null : undoTo(rules, kept, options)
    }
    const isThere = keyOf(rules) in (await journal.read())
    return isThere && !options.dryRun ? journal.alone(work) : work()
  }

  async function undoTo(
    rules: ItemRules,
    kept: Kept,
    { dryRun, tell }: ClientSettingsOptions
  ): Promise<ClientResult> {
    const undoing = planUndo(rules, await read(rules), kept, await tools.groupPolicy())
    const changes = shownOf(undoing.changes)
    const notes = undoing.left.map(
      ({ place, now, why }) => `${placeText(place)} is left as it is (${valueText(place, now)}): ${why}`
    )
    changes.forEach(tell)
    if (!dryRun) {
      await change(undoing.changes, 'putBack')
      await journals[rules.level].put(keyOf(rules), null)
    }
    return { item: rules.item, level: rules.level, changes, notes }
  }

  return {
    items: [...new Set(known.map(({ item }) => item))],
    async list(agent) {
      const kept = {
        user: await journals.user.read(),
        machine: await journals.machine.read().catch(nullWhereClosed)
      }
      const policy = await tools.groupPolicy()
      const views: ClientItemView[] = []
      for (const rules of known)
        views.push(
          await look(rules).then(
            seen => {
              const own = kept[rules.level]
              const view = viewOf(rules, seen, agent, own?.[keyOf(rules)] ?? null, policy)
              return own === null ? { ...view, notes: [...view.notes, closedNote] } : view
            },
            (error: unknown): ClientItemView => ({
              item: rules.item,
              level: rules.level,
              what: rules.what,
              state: 'unreadable',
              refusal: messageOf(error),
              notes: [],
              values: []
            })
          )
        )
      return views
    },
    apply,
    async undo(item, level, options) {
      // What this system does not know is said to be so.
      if (item !== null) rulesOf(item, level)
      // A damaged one fails before anything is put back.
      await journals.user.read()
      const isClosed = (await journals.machine.read().catch(nullWhereClosed)) === null
      const results: ClientResult[] = []
      const failures: string[] = []
      const isMeant = (one: ItemRules): boolean =>
        (item === null || one.item === item) && (level === null || one.level === level)
      // One that fails keeps none of the others.
      for (const rules of known.filter(isMeant)) {
        if (isClosed && rules.level === 'machine') {
          const notes = ['what is applied for the machine can be put back by an administrator']
          if (item !== null) results.push({ item: rules.item, level: 'machine', changes: [], notes })
          continue
        }
        const result = await undoOne(rules, options).catch((error: unknown) => {
          failures.push(`${rules.item}: ${messageOf(error)}`)
          return null
        })
        if (result !== null) results.push(result)
      }
      if (failures.length > 0)
        throw new StarlingError('half-undone', `not everything was put back: ${failures.join('; ')}`)
      return results
    }
  }
}

const profileOf = (sid: string): Place =>
  registry(`HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\${sid}`, 'ProfileImagePath')

/** The data folder of a packaged agent is closed to users, who have settings of their own all the same. */
function nullWhereClosed(error: unknown): null {
  if (codeOf(error) === 'journal-closed') return null
  throw error
}

const closedNote = 'whether Starling has set it cannot be seen by this user: look as administrator'

function notServed(item: ClientItem, error: unknown): string {
  return (
    `it is applied already, but ${messageOf(error)}: \`starling doctor\` tells more, ` +
    `\`starling configure --undo ${item}\` puts back what was there`
  )
}

function shownOf(changes: readonly Change[]): ClientChange[] {
  return changes
    .filter(({ place, from, to }) => !isSame(place, from, to))
    .map(({ place, from, to }) => ({
      place: placeText(place),
      from: valueText(place, from),
      to: valueText(place, to)
    }))
}

function goOfMachineText(item: ClientItem): string {
  return item === 'go'
    ? ': the go command reads no file of the machine but that of its own package; set GOPROXY in /etc/environment yourself'
    : ''
}
