/** Settings of other programs on this machine that point them at its agent: what they are, and what may be done about them. */

export type ClientItem = 'delivery-optimization' | 'wsus' | 'winhttp' | 'bits' | 'pac' | 'go'

/** For all users of the machine, or for the one who asks. */
export type ClientLevel = 'machine' | 'user'

/** The agent that clients are to be pointed at, as it runs or would run. */
export interface ServingAgent {
  readonly host: string
  readonly port: number
  readonly cacheHost: { readonly enabled: boolean; readonly host: string; readonly port: number }
  readonly wsus: string | null
  readonly goMirrors: ReadonlyArray<{ readonly name: string; readonly private: readonly string[] }>
  /** `proxy.corp.example:3128` of each proxy that it goes through itself. */
  readonly upstreamProxies: readonly string[]
}

/** One value, as people see it. */
export interface ClientValueView {
  /** `HKLM\...\DOCacheHost`, or what else says where it is. */
  readonly place: string
  readonly now: string
  /** What `apply` would make of it; null: it cannot be told, or is to stay. */
  readonly wanted: string | null
  /** Who set what is there now; null: nobody set anything. */
  readonly by: 'starling' | 'group-policy' | 'somebody-else' | null
}

export interface ClientItemView {
  readonly item: ClientItem
  readonly level: ClientLevel
  readonly what: string
  readonly state: 'applied' | 'partly' | 'not-applied' | 'unreadable'
  /** Why `apply` would do nothing now, and what to do; null: it would. */
  readonly refusal: string | null
  readonly notes: readonly string[]
  readonly values: readonly ClientValueView[]
}

export interface ClientChange {
  readonly place: string
  readonly from: string
  readonly to: string
}

export interface ClientResult {
  readonly item: ClientItem
  readonly level: ClientLevel
  readonly changes: readonly ClientChange[]
  /** What was left as it is although it was to be changed, and what else is worth knowing. */
  readonly notes: readonly string[]
}

export interface ClientSettingsOptions {
  /** Nothing is changed, all else is the same. */
  readonly dryRun: boolean
  /** Hears of each change before it is made. */
  readonly tell: (change: ClientChange) => void
}

export interface ClientSettingsPort {
  /** What there is on this system. */
  readonly items: readonly ClientItem[]
  list(agent: ServingAgent): Promise<readonly ClientItemView[]>
  /**
   * All changes of the item, or none.
   * @param level null: the one that is usual for it
   * @throws StarlingError `not-here`, `refused`, `registry-unwritable`, `not-serving`, ...
   */
  apply(
    item: ClientItem,
    level: ClientLevel | null,
    agent: ServingAgent,
    options: ClientSettingsOptions
  ): Promise<ClientResult>
  /** What was there before `apply`, unless somebody changed it since. @param item null: all @param level null: both */
  undo(
    item: ClientItem | null,
    level: ClientLevel | null,
    options: ClientSettingsOptions
  ): Promise<readonly ClientResult[]>
}
