/**
 * What the command line needs of the rest of the agent, handed in by main.ts: each is loaded only when a command wants it,
 * so that `starling --help` does not wait for libp2p, and a test hands in its own.
 */
import type { AgentConfig } from '../config.ts'
import type { ConfigReading, ConfigSources, SecretReader } from '../config-sources.ts'
import type { ConfigSource } from '../config-reload.ts'
import type { Log } from '../log.ts'
import type { AgentStatus, CaPort, ClientSettingsPort, SourcedValue, StorePort } from '../ports.ts'

/** A running agent, as `createAgent` gives it. */
export interface RunningAgent {
  readonly id: string
  /** `http://127.0.0.1:17831` */
  readonly proxyAddress: string
  readonly pageAddress: string
  status(): AgentStatus | Promise<AgentStatus>
  stop(): Promise<void>
}

export interface Joined {
  readonly id: string
  readonly fleet: string
  readonly site: string
  readonly role: string
}

export interface Services {
  createAgent(
    config: AgentConfig,
    tools: { readonly log: Log; readonly source: ConfigSource; readonly startAnew: (why: string) => void }
  ): Promise<RunningAgent>
  /** Read, and held against itself and this machine. */
  readConfig(sources: ConfigSources): Promise<ConfigReading>
  /** What the coordinator's policy said last to the agent of this folder. */
  keptPolicy(dataFolder: string): Promise<readonly SourcedValue[]>
  /** Tells when what this machine's admin enforces has changed. @returns what ends it */
  watchMachinePolicy(changed: () => void): () => void
  /** Somebody has seen it change: it is read now. */
  lookAtMachinePolicy(): void
  /** Why what this name leads to would be refused upstream by this `upstream.allowPrivate`; null: it would not. */
  resolvedRefusal(allowPrivate: readonly string[], host: string, port: number): Promise<string | null>
  /** Shows the ticket to its coordinator and keeps the membership in the data folder. */
  join(dataFolder: string, ticket: string): Promise<Joined>
  /** The store of an agent that does not run. Fails with `folder-in-use` when it does. */
  openStore(config: AgentConfig): Promise<StorePort>
  /** Makes the index anew from the content files. */
  rebuildStore(
    config: AgentConfig
  ): Promise<{ readonly transfers: number; readonly chunks: number; readonly bad: number }>
  /** The CA of TLS interception for these hosts. */
  openCa(dataFolder: string, hosts: readonly string[]): Promise<CaPort>
  /** Settings of other programs on this machine; what was there before is kept in the data folder. */
  clientSettings(dataFolder: string): Promise<ClientSettingsPort>
  /** @throws Error when there is none */
  openBrowser(address: string): Promise<void>
  readonly secrets: SecretReader & {
    create(): string
    /** False, with nothing changed, when there is one already. */
    createFile(path: string, text: string): Promise<boolean>
  }
}

/** Where a command reads and writes: the process's own, or a test's. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: NodeJS.ReadableStream
  /** Results: what a script reads. */
  print(line: string): void
  /** Notes and progress for people, on stderr. */
  note(line: string): void
  /** Replaces the line under the cursor (null: clears it); does nothing where nobody looks. */
  progress(line: string | null): void
  /** Columns of the terminal that progress is shown on; 0: none. */
  readonly columns: number
}

export interface CommandTools {
  readonly services: Services
  readonly terminal: Terminal
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}
