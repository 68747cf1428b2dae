/** What an item is: which values it has, what they are to be, and how one sees that it works. Rules are pure; items/ has one file an item. */
import type { ClientItem, ClientLevel, ServingAgent } from '../ports.ts'
import type { Kept } from './journal.ts'
import type { Places, Values } from './places.ts'
import type { Stored } from './stored.ts'

export interface UserValues {
  /** Who it is: a name, or a SID where that cannot be read. */
  readonly user: string
  /** Null: another user's settings, which whoever asks may not see. */
  readonly values: Values | null
}

export interface Wanted {
  /** By the words of `changed`; what is not in it stays as it is. */
  readonly values: ReadonlyMap<string, Stored>
  /** Why it is not to be done, and what to do; null: nothing speaks against it. */
  readonly refusal: string | null
  readonly notes: readonly string[]
}

/** A request that shows that a client would be served. */
export interface Check {
  readonly url: string
  /**
   * `agent`: its own answer, so that nobody else has that port. `origin`: what comes from beyond it, too. `hope`: the same, but
   * clients do without when it fails.
   */
  readonly proves: 'agent' | 'origin' | 'hope'
  readonly what: string
}

export interface ItemRules {
  readonly item: ClientItem
  readonly level: ClientLevel
  /** For people. */
  readonly what: string
  /** What it changes. */
  readonly changed: Places
  /** What it only looks at. */
  readonly looked: Places
  /** Looked at for each user who is signed in, by his hive (`HKU\\S-1-5-21-...`); absent: users are of no concern. */
  readonly ofUser?: (hive: string) => Places
  /**
   * @param now of all its places @param kept what we wrote there: nothing else is taken for ours
   * @param users what `ofUser` names, as far as it can be read
   */
  want(now: Values, agent: ServingAgent, kept: Kept, users: readonly UserValues[]): Wanted
  checks(agent: ServingAgent): readonly Check[]
  /**
   * What somebody made of ours since, without what is ours in it: others' changes stay, and nobody is left pointed to an agent that is gone.
   * Absent, or undefined: there is nothing of ours in it.
   */
  withoutOurs?(name: string, now: Stored, kept: Kept): Stored | undefined
}

/** `http://127.0.0.1:17831` */
export const addressOf = ({ host, port }: ServingAgent): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`

/** `http://localhost:17831/` is the same as `http://127.0.0.1:17831`. */
export const isSameAddress = (a: string, b: string): boolean => plainAddress(a) === plainAddress(b)

const plainAddress = (address: string): string =>
  address
    .toLowerCase()
    .replace(/^(http:\/\/)?localhost(?=[:/]|$)/, '$1127.0.0.1')
    .replace(/\/$/, '')

export const scriptOf = (agent: ServingAgent): string => `${addressOf(agent)}/proxy.pac`

/** /proxy.pac is nobody else's. */
export function answersAt(address: string): Check {
  return { url: `${address}/proxy.pac`, proves: 'agent', what: 'the agent' }
}

export const currentVersion = (hive: string): string =>
  `${hive}\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion`
export const internetSettings = (hive: string): string => `${currentVersion(hive)}\\Internet Settings`
export const windowsPolicies = 'HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows'
