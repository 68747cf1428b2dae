/** How each thing is read on this system. What a system cannot tell is said as unknown, never guessed. */
import { readFile } from 'node:fs/promises'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { RegistryReader } from '../registry.ts'
import { windowsRegistry } from '../registry-host.ts'
import { systemProgram, type ProgramRun } from '../run-program.ts'
import { batteryFromJson, noBattery, powerScript, type Battery } from './battery.ts'
import type { Directory } from './facts.ts'
import { linuxNetworks } from './linux-networks.ts'
import {
  adSiteFrom,
  dhcpAnswersFrom,
  directoryKeys,
  dnsSuffixFrom,
  domainSidFrom,
  entraTenantFrom
} from './windows-directory.ts'
import { networkScript, networksFromJson, powershellArgs, type Networks } from './windows-network.ts'

export interface SystemReader {
  battery(): Promise<Battery>
  networks(): Promise<Networks>
  directory(networks: Networks | null): Promise<Directory>
}

/** PowerShell alone needs 0.3 s on a fast machine and several on a busy one that has just started. */
const programMsMax: Millis = 20 * secondMs

function windowsReader(
  run: ProgramRun,
  readRegistry: RegistryReader,
  systemRoot: string | undefined
): SystemReader {
  const powershell = systemProgram('WindowsPowerShell\\v1.0\\powershell.exe', systemRoot)
  const nltest = systemProgram('nltest.exe', systemRoot)
  async function ask<Answer>(script: string, parse: (text: string) => Answer | null): Promise<Answer> {
    const { exitCode, output } = await run(powershell, powershellArgs(script), programMsMax)
    const answer = parse(output)
    if (answer === null)
      throw new Error(`powershell.exe ended with ${exitCode} and no answer that can be read`)
    return answer
  }

  /** Not every Windows has nltest, and only a member of a domain has something to ask. */
  async function domainSid(): Promise<string | null> {
    const answer = await run(nltest, ['/domain_trusts', '/v'], programMsMax).catch(() => null)
    return answer === null ? null : domainSidFrom(answer.output)
  }

  return {
    battery: () => ask(powerScript, batteryFromJson),
    networks: () => ask(networkScript, networksFromJson),
    async directory(networks) {
      const [netlogon, tcpip, entra, sid] = await Promise.all([
        readRegistry(directoryKeys.netlogon),
        readRegistry(directoryKeys.tcpip),
        readRegistry(directoryKeys.entra),
        domainSid()
      ])
      const waysOut = (networks?.adapters ?? []).filter(({ isWayOut }) => isWayOut).map(({ id }) => id)
      return {
        adSite: netlogon === null ? null : adSiteFrom(netlogon),
        dnsSuffix: tcpip === null ? null : dnsSuffixFrom(tcpip),
        domainSid: sid,
        tenantId: entra === null ? null : entraTenantFrom(entra),
        dhcp: dhcpAnswersFrom(tcpip ?? [], waysOut)
      }
    }
  }
}

const nowhere: Directory = {
  adSite: null,
  dnsSuffix: null,
  domainSid: null,
  tenantId: null,
  dhcp: { groupId: null, cacheHosts: null }
}

const noNetworks: Networks = { adapters: [], isMetered: null, hasSystemVpn: null }

/** A machine that a test has made up: a JSON file with what each reading gives. */
function madeReader(file: string): SystemReader {
  const part = async (name: string): Promise<unknown> =>
    (JSON.parse(await readFile(file, 'utf8')) as Readonly<Record<string, unknown>>)[name]
  return {
    battery: async () => ((await part('battery')) as Battery | undefined) ?? noBattery,
    networks: async () => ((await part('networks')) as Networks | undefined) ?? noNetworks,
    directory: async () => ((await part('directory')) as Directory | undefined) ?? nowhere
  }
}

/** Of this system. */
export function systemReader(
  run: ProgramRun,
  env: Readonly<Record<string, string | undefined>>
): SystemReader {
  if (process.platform !== 'win32') {
    const made = env['STARLING_DEV_HOST']
    return made === undefined ? unixReader(process.platform) : madeReader(made)
  }
  return windowsReader(run, windowsRegistry(run, env), env['SystemRoot'])
}

/** Linux, and for the battery every other system too. */
function unixReader(platform: NodeJS.Platform): SystemReader {
  return {
    async battery() {
      // Loaded when it is first wanted: it is large, and most agents run on Windows.
      const { battery } = await import('systeminformation')
      const { hasBattery, acConnected, percent } = await battery()
      return hasBattery ? { isPresent: true, onBattery: !acConnected, percent } : noBattery
    },
    networks: async () => (platform === 'linux' ? await linuxNetworks('/') : noNetworks),
    directory: async () => nowhere
  }
}
