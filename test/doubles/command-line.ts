/**
 * The command line in this process: what it prints is kept, what it needs of the agent is handed in, and the running agent
 * that it finds is a real local page over a made-up status.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { runCommandLine } from '@starling/agent/cli/program.ts'
import type { Services, Terminal } from '@starling/agent/cli/services.ts'
import { writeAgentFile } from '@starling/agent/cli/agent-file.ts'
import { readCheckedConfig } from '@starling/agent/config-checked.ts'
import { createFleetSecret, parseFleetSecret } from '@starling/agent/identity/secret.ts'
import { createSecretFile, readSecretFile, writeSecretFile } from '@starling/agent/identity/secret-file.ts'
import { createCaCommands } from '@starling/agent/intercept/ca-commands.ts'
import { upstreamRefusal } from '@starling/agent/upstream/address-check.ts'
import { makeStatus, startLocalPage, type LocalPage } from './local-page.ts'
import { createMemoryStore } from './memory-store.ts'

type Mutable<Type> = { -readonly [Name in keyof Type]: Type[Name] }

export interface CommandLine {
  readonly folder: string
  readonly services: Mutable<Services>
  readonly env: Record<string, string>
  readonly stdin: PassThrough
  /** Of the last `run`. */
  readonly out: string[]
  readonly notes: string[]
  readonly progress: string[]
  /** Ctrl-C. */
  interrupt(): void
  run(...argv: string[]): Promise<number>
  /** An agent that runs on the folder, whose proxy is at this address. */
  startAgent(proxy?: string): Promise<LocalPage>
  close(): Promise<void>
}

export async function createCommandLine(columns = 0): Promise<CommandLine> {
  const folder = await mkdtemp(join(tmpdir(), 'starling-cli-'))
  const pages: LocalPage[] = []
  const missing = (what: string) => async () => {
    throw new Error(`this test has no ${what}`)
  }
  const secrets = { readFile: readSecretFile, parse: parseFleetSecret }
  const services: Mutable<Services> = {
    createAgent: missing('agent'),
    join: missing('coordinator'),
    openStore: async () => createMemoryStore(),
    rebuildStore: missing('store to rebuild'),
    openCa: async (dataFolder, hosts) =>
      createCaCommands(
        { read: readSecretFile, write: writeSecretFile },
        join(dataFolder, 'intercept-ca.json'),
        hosts
      ),
    clientSettings: missing('settings of other programs'),
    keptPolicy: async () => [],
    watchMachinePolicy: () => () => {},
    lookAtMachinePolicy: () => {},
    readConfig: sources => readCheckedConfig(sources, secrets, upstreamRefusal),
    resolvedRefusal: async () => null,
    openBrowser: missing('browser'),
    secrets: {
      ...secrets,
      create: createFleetSecret,
      createFile: createSecretFile
    }
  }
  let interrupted = new AbortController()
  const line: CommandLine = {
    folder,
    services,
    env: { STARLING_DATA: folder },
    stdin: new PassThrough(),
    out: [],
    notes: [],
    progress: [],
    interrupt: () => interrupted.abort(),
    run: (...argv) => {
      interrupted = new AbortController()
      for (const list of [line.out, line.notes, line.progress]) list.length = 0
      const terminal: Terminal = {
        env: line.env,
        stdin: line.stdin,
        columns,
        print: text => {
          line.out.push(text)
        },
        note: text => {
          line.notes.push(text)
        },
        progress: text => {
          if (text !== null) line.progress.push(text)
        }
      }
      return runCommandLine(argv, { services, terminal, signal: interrupted.signal })
    },
    async startAgent(proxy = 'http://127.0.0.1:9') {
      const page = await startLocalPage(folder, makeStatus({ proxyAddress: proxy }))
      pages.push(page)
      await writeAgentFile(folder, {
        pid: process.pid,
        id: page.status.id,
        proxy,
        page: page.address,
        startedAt: Date.now()
      })
      return page
    },
    async close() {
      for (const page of pages) await page.stop()
      await rm(folder, { recursive: true })
    }
  }
  return line
}
