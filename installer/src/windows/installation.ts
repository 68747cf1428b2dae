/** A machine under Wine with an MSI on it, as a test looks at it: what is installed, what answers, what is left. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, readFile, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { AgentStatus } from '@starling/agent/ports.ts'
import { json } from '@starling/test/e2e/client.ts'
import { freePort } from '@starling/test/e2e/listening.ts'
import { poll } from '@starling/test/e2e/site.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { msiexec, runLine } from '../wine/command-line.ts'
import { readRegistry, writeRegistry, type RegistryValues } from '../wine/registry.ts'
import type { WineSession } from '../wine/session.ts'
import { layOut } from './contents.ts'
import { productCode } from './msi/ids.ts'
import { writeMsi } from './msi/msi.ts'
import { agentProduct, type Product } from './msi/product.ts'

const execute = promisify(execFile)

export const hive = 'HKEY_LOCAL_MACHINE'

/** How long an agent may take until its page answers; far more than it does, for a machine that is busy with other tests. */
const answerMs: Millis = minuteMs
/** The service gives its program 25 s. */
const stopMs: Millis = 40 * secondMs

/** What an MSI puts on a machine. */
export interface Machine {
  readonly wine: WineSession
  readonly programFolder: string
  readonly dataFolder: string
  readonly keys: {
    readonly own: string
    readonly service: string
    readonly events: string
    uninstall(version: string): string
  }
  /** Runs msiexec with a log. @returns its exit code, the log, and how long it took */
  msiexec(words: string): Promise<{ readonly code: number; readonly log: string; readonly ms: Millis }>
  /** @returns null: there is no such key */
  values(key: string): Promise<RegistryValues | null>
  /** Stops the service and waits for its end, as Windows Installer does by itself and Wine does not: files in use would stay. */
  stop(): Promise<void>
  /** Of the service's Node, as this machine counts it; null: it does not run. */
  nodePid(): Promise<number | null>
  /** Of the service itself. */
  hostPid(): Promise<number | null>
  line(line: string): ReturnType<typeof runLine>
}

export interface Installation extends Machine {
  readonly proxy: string
  readonly page: string
  /** `PROXYPORT=... PAGEPORT=...`, because the machine under the test has others. */
  readonly ports: string
  /** Waits until the page answers. */
  status(withinMs?: Millis): Promise<AgentStatus>
}

export function machineOf(wine: WineSession, product: Product): Machine {
  const program = `C:\\Program Files\\${product.folder}\\node.exe`
  const nodePid = (): Promise<number | null> => pidOf(wine, program, 'run')
  let logs = 0
  return {
    wine,
    programFolder: join(wine.driveC, 'Program Files', product.folder),
    dataFolder: join(wine.driveC, 'ProgramData', product.folder),
    keys: {
      own: `${hive}\\SOFTWARE\\${product.folder}`,
      service: `${hive}\\SYSTEM\\CurrentControlSet\\Services\\${product.service.name}`,
      events: `${hive}\\SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\${product.service.name}`,
      uninstall: version =>
        `${hive}\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\${productCode(product.upgradeCode, version)}`
    },
    async msiexec(words) {
      const name = `msi-${++logs}.log`
      const file = join(wine.exchange, name)
      await rm(file, { force: true })
      const began = performance.now()
      const { code } = await msiexec(wine, `${words} /qn /l*v Z:\\mnt\\exchange\\${name}`)
      const ms = Math.round(performance.now() - began)
      return {
        code,
        ms,
        log: existsSync(file) ? (await readFile(file)).toString('latin1').replaceAll('\0', '') : ''
      }
    },
    async values(key) {
      return (await readRegistry(wine, key))?.get(key) ?? null
    },
    async stop() {
      await wine.run('net', ['stop', product.service.name])
      if ((await poll(stopMs, nodePid, pid => pid === null)) !== null)
        throw new StarlingError('not-stopped', `the service did not stop within ${stopMs / secondMs} s`)
    },
    nodePid,
    hostPid: () => pidOf(wine, program.replace('node.exe', 'starling-service.exe'), 'service'),
    line: line => runLine(wine, line)
  }
}

/**
 * The agent's.
 * @param settings for the service, as an admin would put them into the registry before the installation
 * @param portsAre to be given to the MSI, or there already
 */
export async function openInstallation(
  wine: WineSession,
  settings: Readonly<Record<string, string>>,
  portsAre: 'properties' | 'in the registry' = 'properties'
): Promise<Installation> {
  const machine = machineOf(wine, agentProduct)
  const [proxyPort, pagePort] = [await freePort(), await freePort()]
  const page = `http://127.0.0.1:${pagePort}`
  const ports = { STARLING_PROXY_PORT: String(proxyPort), STARLING_PAGE_PORT: String(pagePort) }
  await writeRegistry(wine, `${machine.keys.own}\\Environment`, {
    ...settings,
    ...(portsAre === 'in the registry' ? ports : {})
  })
  const look = async (): Promise<AgentStatus | null> => {
    try {
      return await json<AgentStatus>(`${page}/api/v1/status`)
    } catch {
      return null
    }
  }
  return {
    ...machine,
    proxy: `http://127.0.0.1:${proxyPort}`,
    page,
    ports: `PROXYPORT=${proxyPort} PAGEPORT=${pagePort}`,
    async status(withinMs = answerMs) {
      const status = await poll(withinMs, look, it => it !== null)
      if (status !== null) return status
      throw new StarlingError('no-answer', `${page} did not answer within ${withinMs / secondMs} s`)
    }
  }
}

export const oldVersion = '0.1.0'
export const nextVersion = '0.1.1'

/** Puts two versions of a product, of the same files, into a folder: one.msi and two.msi. */
export async function makePackages(product: Product, out: string): Promise<void> {
  const contents = await layOut(product, oldVersion, join(out, 'contents'), async () => {})
  const source = { ...contents, product, madeAt: new Date('2026-01-01T00:00:00Z'), isSigned: false }
  await writeMsi(join(out, 'one.msi'), { ...source, version: oldVersion })
  await writeMsi(join(out, 'two.msi'), { ...source, version: nextVersion })
  await rm(join(out, 'contents'), { recursive: true })
}

/** A copy of a package with other tables, as a test needs it. */
export async function changePackage(from: string, to: string, queries: readonly string[]): Promise<void> {
  await copyFile(from, to)
  await execute('msibuild', [to, ...queries.flatMap(query => ['-q', query])])
}

/** Where a new version replaces this one, Wine, which knows no UPGRADINGPRODUCTCODE, would run what belongs to a removal. */
export const withoutRemoval: readonly string[] = [
  'UndoClients',
  'CloseFirewall',
  'Purge',
  'PurgeAll',
  'ForgetSettings'
].map(action => `UPDATE \`InstallExecuteSequence\` SET \`Condition\`='0' WHERE \`Action\`='${action}'`)

/** With FAILNOW=1 the last thing of the script fails, and all before it has been done. */
export const failingWhenAsked: readonly string[] = [
  // 34: a command line; 1024 and 2048: in the script, as SYSTEM.
  "INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('Fail',3106,'System64Folder','[System64Folder]cmd.exe /c exit 1')",
  "INSERT INTO `InstallExecuteSequence` (`Action`,`Condition`,`Sequence`) VALUES ('Fail','FAILNOW',6505)"
]

/** The process of this session whose command line begins so: Wine shows Windows' own, and what is mounted tells whose it is. */
async function pidOf(wine: WineSession, program: string, argument: string): Promise<number | null> {
  const prefix = `/${basename(dirname(wine.driveC))} `
  const ids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  for (const id of ids) {
    const words = await readFile(`/proc/${id}/cmdline`, 'utf8').then(
      text => text.split('\0'),
      (): string[] => []
    )
    if (words[0] !== program || !words.includes(argument)) continue
    const mounts = await readFile(`/proc/${id}/mountinfo`, 'utf8').catch(() => '')
    if (mounts.includes(prefix)) return Number(id)
  }
  return null
}
