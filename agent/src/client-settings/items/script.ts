/**
 * The agent's script (/proxy.pac) where Windows keeps the proxy of a user, of the machine, or of the account that BITS works under. It
 * sends to the agent what is worth sharing and everything else directly, and what it sends there goes directly when the agent is down. That is also
 * why it cannot stand beside a proxy that is needed to get out: then nothing else would get out any more.
 */
import type { ServingAgent } from '../../ports.ts'
import {
  addressOf,
  answersAt,
  internetSettings,
  isSameAddress,
  scriptOf,
  windowsPolicies,
  type ItemRules,
  type UserValues,
  type Wanted
} from '../item-rules.ts'
import type { Kept } from '../journal.ts'
import { registry, type Places, type Values } from '../places.ts'
import { connectionFrom, withoutDetecting, withScript } from '../proxy-records.ts'
import { bytes, bytesOf, number, numberOf, text, textOf, type Stored } from '../stored.ts'

const machineSwitch = registry(
  `${windowsPolicies}\\CurrentVersion\\Internet Settings`,
  'ProxySettingsPerUser'
)

const systemHive = 'HKU\\S-1-5-18'
const connections = (hive: string): string => `${internetSettings(hive)}\\Connections`
const follower = (key: string, name: string) => ({ ...registry(key, name), follows: 'record' })

/** For all users: with the switch at 0 Windows reads the machine's settings in the place of each user's, and those count again without it. */
export const pacOfMachine: ItemRules = {
  ...rules('HKLM'),
  item: 'pac',
  level: 'machine',
  what: "every user's programs ask the agent for what /proxy.pac names (AutoConfigURL, ProxySettingsPerUser 0)",
  changed: { perUser: machineSwitch, ...scriptPlaces('HKLM') },
  ofUser: hive => ({ ...lookedAt(hive), ...scriptPlaces(hive) }),
  want(now, agent, kept, users) {
    const own = ownScripts(agent, kept)
    const wanted = withScriptEverywhere(now, agent, own)
    const values = new Map([['perUser', number(0)] as const, ...wanted.values])
    // Theirs do not count even now.
    if (numberOf(now.get('perUser') ?? null) === 0) return { ...wanted, values }
    return {
      values,
      refusal: wanted.refusal ?? refusalOfUsers(users, own),
      notes: [
        ...wanted.notes,
        "users' own proxy settings do not count any more, until this is undone",
        ...notesOfUsers(users)
      ]
    }
  }
}

/** What a user has needs no other reason to be kept than the machine's own. */
function refusalOfUsers(users: readonly UserValues[], own: readonly string[]): string | null {
  for (const { user, values } of users) {
    const refusal = values === null ? null : refusalOf(values, own)
    if (refusal !== null) return `it would take the place of what ${user} has: ${refusal}`
  }
  return null
}

function notesOfUsers(users: readonly UserValues[]): string[] {
  const closed = users.filter(({ values }) => values === null).map(({ user }) => user)
  const detecting = users
    .filter(({ values }) => values !== null && isDetecting(values))
    .map(({ user }) => user)
  return [
    ...(closed.length === 0
      ? []
      : [
          `what ${closed.join(', ')} ${closed.length === 1 ? 'has' : 'have'} of their own cannot be seen by this user: look as administrator`
        ]),
    ...(detecting.length === 0
      ? []
      : [
          `${detecting.join(', ')} ${detecting.length === 1 ? 'searches' : 'search'} for a proxy by WPAD, which ends with this: ` +
            'leave it alone where that is the way out of this network'
        ]),
    'users who are not signed in now cannot be looked at: a proxy or script of their own would not count either'
  ]
}

const isDetecting = (now: Values): boolean => isDetectingIn(now.get('record') ?? null)

const isDetectingIn = (stored: Stored): boolean =>
  connectionFrom(bytesOf(stored) ?? Buffer.alloc(0))?.isDetecting === true

/** For the user who asks. */
export const pacOfUser: ItemRules = {
  ...rules('HKCU'),
  item: 'pac',
  level: 'user',
  what: "this user's programs ask the agent for what /proxy.pac names (AutoConfigURL)",
  changed: scriptPlaces('HKCU'),
  looked: { ...lookedAt('HKCU'), perUser: machineSwitch },
  want(now, agent, kept) {
    const wanted = withScriptEverywhere(now, agent, ownScripts(agent, kept))
    if (numberOf(now.get('perUser') ?? null) !== 0) return wanted
    const refusal =
      "on this machine users' proxy settings do not count (ProxySettingsPerUser is 0): apply it to the machine"
    return { ...wanted, refusal }
  }
}

/** For jobs of LocalSystem, as Windows' own are; a job of a user goes by his settings. Bitsadmin changes all of these. */
export const bits: ItemRules = {
  ...rules(systemHive),
  item: 'bits',
  level: 'machine',
  what: 'BITS jobs of the system ask the agent for what /proxy.pac names (bitsadmin /util /setieproxy LOCALSYSTEM)',
  changed: {
    record: { kind: 'bits', key: connections(systemHive), name: 'DefaultConnectionSettings' },
    legacy: follower(connections(systemHive), 'SavedLegacySettings'),
    script: follower(internetSettings(systemHive), 'AutoConfigURL'),
    enable: follower(internetSettings(systemHive), 'ProxyEnable'),
    server: follower(internetSettings(systemHive), 'ProxyServer'),
    override: follower(internetSettings(systemHive), 'ProxyOverride')
  },
  looked: {},
  want(now, agent, kept) {
    const { values, refusal } = withScriptEverywhere(now, agent, ownScripts(agent, kept))
    // Bitsadmin turns the search on by itself.
    return { refusal, notes: [], values: new Map([['record', values.get('record') ?? null]]) }
  },
  // What bitsadmin turned on ends with the script.
  withoutOurs: (name, now, kept) =>
    withoutScript(
      name,
      now,
      kept,
      isDetectingIn(kept[name]?.before ?? null) ? record => record : withoutDetecting
    )
}

function rules(hive: string): Pick<ItemRules, 'looked' | 'checks' | 'withoutOurs'> {
  return {
    looked: lookedAt(hive),
    checks: agent => [answersAt(addressOf(agent))],
    withoutOurs: (name, now, kept) => withoutScript(name, now, kept, record => record)
  }
}

function lookedAt(hive: string): Places {
  return {
    enable: registry(internetSettings(hive), 'ProxyEnable'),
    server: registry(internetSettings(hive), 'ProxyServer')
  }
}

/** The plain value and both records: which of them a program reads depends on the program. */
function scriptPlaces(hive: string): Places {
  return {
    script: registry(internetSettings(hive), 'AutoConfigURL'),
    record: { kind: 'connection', key: connections(hive), name: 'DefaultConnectionSettings' },
    legacy: { kind: 'connection', key: connections(hive), name: 'SavedLegacySettings' }
  }
}

function withScriptEverywhere(now: Values, agent: ServingAgent, own: readonly string[]): Wanted {
  const script = scriptOf(agent)
  const records = ['record', 'legacy'].map(name => [name, recordWith(now.get(name) ?? null, script)] as const)
  return {
    values: new Map<string, Stored>([['script', text(script)], ...records]),
    refusal: refusalOf(now, own),
    notes: isDetecting(now)
      ? [
          'automatic detection (WPAD) is on there: where the network answers it, its script goes before this one'
        ]
      : []
  }
}

/** One that says it already stays as it is, to its counter. */
function recordWith(now: Stored, script: string): Stored {
  const record = bytesOf(now)
  return record !== null && connectionFrom(record)?.script === script
    ? now
    : bytes(withScript(record, script))
}

function refusalOf(now: Values, own: readonly string[]): string | null {
  const record = now.get('record') ?? null
  const said = record === null ? null : connectionFrom(bytesOf(record) ?? Buffer.alloc(0))
  if (record !== null && said === null)
    return 'what is set there now cannot be understood (DefaultConnectionSettings), so it is left alone'
  const isOn = numberOf(now.get('enable') ?? null) === 1
  const proxy = said?.proxy || (isOn ? (textOf(now.get('server') ?? null) ?? '') : '')
  const script = said?.script || (textOf(now.get('script') ?? null) ?? '')
  if (script !== '' && !own.some(one => isSameAddress(one, script)))
    return `there is another script (${script}): add what /proxy.pac says to that one, or take it away and apply again`
  if (proxy !== '')
    return (
      `programs go through the proxy ${proxy} now, and the agent's script would send them past it: put http://${proxy} into ` +
      'upstream.proxies and use winhttp, or take the proxy away and apply again'
    )
  return null
}

/** Where the agent's is now, and where we have put it before. Other programs have scripts on this machine, too. */
const ownScripts = (agent: ServingAgent, kept: Kept): readonly string[] => [scriptOf(agent), ...notedIn(kept)]

function notedIn(kept: Kept): readonly string[] {
  return Object.values(kept).flatMap(({ ours }) => ours.flatMap(one => scriptIn(one) ?? []))
}

/** Of a record or a plain value; null: there is none. */
function scriptIn(stored: Stored): string | null {
  const record = bytesOf(stored)
  return (record === null ? textOf(stored) : connectionFrom(record)?.script) || null
}

/** The script of before in the place of ours; a proxy or a search that somebody has turned on since stays. */
function withoutScript(
  name: string,
  now: Stored,
  kept: Kept,
  also: (record: Buffer) => Buffer
): Stored | undefined {
  const script = scriptIn(now)
  if (script === null || !notedIn(kept).some(own => isSameAddress(own, script))) return undefined
  const before = kept[name]?.before ?? null
  const record = bytesOf(now)
  if (record === null) return before
  const rest = also(withScript(record, scriptIn(before) ?? ''))
  const said = connectionFrom(rest)
  const isEmpty = said?.script === '' && said.proxy === '' && !said.isDetecting
  return before === null && isEmpty ? null : bytes(rest)
}
