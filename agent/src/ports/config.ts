/** The configuration as people see it: where a value comes from, what is wrong with it, what became of a change. */

/** Where a value comes from. Later ones beat earlier ones; config-sources.ts has the order. */
export interface ConfigOrigin {
  readonly kind:
    | 'default'
    | 'program'
    | 'coordinator'
    | 'file'
    | 'environment'
    | 'command line'
    | 'registry'
    | 'user'
  /** The scope and version, the file, the variable, the option, the value's place; empty for a default. */
  readonly name: string
  /** In the file, both from 1. */
  readonly line: number | null
  readonly column: number | null
}

/** An error keeps the configuration from being used, a warning does not. */
export interface ConfigProblem {
  readonly severity: 'error' | 'warning'
  /** `cache.quotaBytes`, or a part of one like `staticPeers[2]`; empty when it is about the whole file. */
  readonly setting: string
  readonly origin: ConfigOrigin
  /** What is wrong, and what to do. */
  readonly message: string
}

/** A setting as it is in force, with secrets blanked. */
export interface ConfigSetting {
  readonly path: string
  readonly value: unknown
  readonly origin: ConfigOrigin
}

/** What became of a configuration that was read again. */
export interface ConfigReload {
  /** With errors among the problems nothing was taken over. */
  readonly problems: readonly ConfigProblem[]
  /** Settings that have another value from now on. */
  readonly taken: readonly string[]
  /** Settings whose new value takes effect at the next start. */
  readonly waiting: readonly string[]
}
