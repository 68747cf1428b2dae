/** Policy from sources that are no file, and what all of it comes to. */
import type { Effective } from '@starling/shared/policy/effective.ts'
import type { HostFacts, Measured } from '@starling/shared/policy/host-facts.ts'
import type { ConfigOrigin } from './config.ts'

/** A value of policy from a source that is no file: the registry, the coordinator. */
export interface SourcedValue {
  /** As the policy schema has it, where it is known there. */
  readonly name: string
  readonly value: unknown
  /** `HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Starling\\DOMaxCacheSize`, `site:north version 7`. */
  readonly place: string
}

export interface MachinePolicy {
  readonly values: readonly SourcedValue[]
  /** What its users want, one after the other: it counts where it allows less. */
  readonly users: readonly SourcedValue[]
  /** Sentences: what could not be read. */
  readonly problems: readonly string[]
}

/** Policy as it is in force, and why. */
export interface PolicyView {
  readonly values: ReadonlyArray<{
    readonly name: string
    readonly value: unknown
    readonly origin: ConfigOrigin
    /** What it becomes at the next start; null: nothing else. */
    readonly waiting: { readonly value: unknown; readonly origin: ConfigOrigin } | null
  }>
  readonly host: HostFacts
  readonly measured: Measured
  readonly effective: Effective
}

/** What this machine's admin enforces. */
export interface MachinePolicyPort {
  read(): Promise<MachinePolicy>
  /** @returns what ends it */
  watch(changed: () => void): () => void
  /** Looks now: somebody has seen it change. */
  look(): void
}
