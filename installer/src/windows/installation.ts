/** A machine under Wine with an MSI on it, as a test looks at it: what is installed, what answers, what is left. */
import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentStatus } from '@starling/agent/ports.ts'
import { json } from '@starling/test/e2e/client.ts'
import { freePort } from '@starling/test/e2e/listening.ts'
import { poll } from '@starling/test/e2e/site.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { msiexec, runLine } from '../wine/command-line.ts'
import { readRegistry, writeRegistry, type RegistryValues } from '../wine/registry.ts'
import type { WineSession } from '../wine/session.ts'

export const hive = 'HKEY_LOCAL_MACHINE'
export const ownKey = `${hive}\\SOFTWARE\\Starling`
export const serviceKey = `${hive}\\SYSTEM\\CurrentControlSet\\Services\\Starling`
export const eventKey = `${hive}\\SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\Starling`

/** How long an agent may take until its page answers; far more than it does, for a machine that is busy with other tests. */
const answerMs: Millis = minuteMs
/** The service gives its agent 25 s. */
const stopMs: Millis = 40 * secondMs

const nodePid = (): Promise<number | null> => pidOf('C:\\Program Files\\Starling\\node.exe', 'run')

export interface Installation {
  readonly wine: WineSession
  readonly programFolder: string
  readonly dataFolder: string
  readonly proxy: string
  readonly page: string
  /** `PROXYPORT=... PAGEPORT=...`, because the machine under the test has others. */
  readonly ports: string
  /** Runs msiexec with a log. @returns its exit code, the log, and how long it took */
  msiexec(words: string): Promise<{ readonly code: number; readonly log: string; readonly ms: Millis }>
  /** @returns null: there is no such key */
  values(key: string): Promise<RegistryValues | null>
  /** Waits until the page answers. */
  status(withinMs?: Millis): Promise<AgentStatus>
  /** Stops the service and waits for its end, as Windows Installer does by itself and Wine does not: files in use would stay. */
  stop(): Promise<void>
  /** Of the service's Node, as this machine counts it; null: it does not run. */
  nodePid(): Promise<number | null>
  line(line: string): ReturnType<typeof runLine>
}

/**
 * @param settings for the service, as an admin would put them into the registry before the installation
 * @param portsAre to be given to the MSI, or there already
 */
export async function openInstallation(
  wine: WineSession,
  settings: Readonly<Record<string, string>>,
  portsAre: 'properties' | 'in the registry' = 'properties'
): Promise<Installation> {
  const [proxyPort, pagePort] = [await freePort(), await freePort()]
  const page = `http://127.0.0.1:${pagePort}`
  const ports = { STARLING_PROXY_PORT: String(proxyPort), STARLING_PAGE_PORT: String(pagePort) }
  await writeRegistry(wine, `${ownKey}\\Environment`, {
    ...settings,
    ...(portsAre === 'in the registry' ? ports : {})
  })
  let logs = 0
  const look = async (): Promise<AgentStatus | null> => {
    try {
      return await json<AgentStatus>(`${page}/api/v1/status`)
    } catch {
      return null
    }
  }
  return {
    wine,
    programFolder: join(wine.driveC, 'Program Files/Starling'),
    dataFolder: join(wine.driveC, 'ProgramData/Starling'),
    proxy: `http://127.0.0.1:${proxyPort}`,
    page,
    ports: `PROXYPORT=${proxyPort} PAGEPORT=${pagePort}`,
    async msiexec(words) {
      const name = `msi-${++logs}.log`
      const began = performance.now()
      const { code } = await msiexec(wine, `${words} /qn /l*v Z:\\mnt\\exchange\\${name}`)
      const ms = Math.round(performance.now() - began)
      const file = join(wine.exchange, name)
      return {
        code,
        ms,
        log: existsSync(file) ? (await readFile(file)).toString('latin1').replaceAll('\0', '') : ''
      }
    },
    async values(key) {
      return (await readRegistry(wine, key))?.get(key) ?? null
    },
    async status(withinMs = answerMs) {
      const status = await poll(withinMs, look, it => it !== null)
      if (status !== null) return status
      throw new StarlingError('no-answer', `${page} did not answer within ${withinMs / secondMs} s`)
    },
    async stop() {
      await wine.run('net', ['stop', 'Starling'])
      if ((await poll(stopMs, nodePid, pid => pid === null)) !== null)
        throw new StarlingError('not-stopped', `the service did not stop within ${stopMs / secondMs} s`)
    },
    nodePid,
    line: line => runLine(wine, line)
  }
}

/** The process whose command line begins so: Wine shows Windows' own. */
async function pidOf(program: string, argument: string): Promise<number | null> {
  const ids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  for (const id of ids) {
    const words = await readFile(`/proc/${id}/cmdline`, 'utf8').then(
      text => text.split('\0'),
      (): string[] => []
    )
    if (words[0] === program && words.includes(argument)) return Number(id)
  }
  return null
}
