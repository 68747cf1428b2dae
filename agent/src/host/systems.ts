/** How the machine is read on this system. What a system cannot tell is said as unknown, never guessed. */
import { readFile } from 'node:fs/promises'
import { messageOf } from '@starling/shared/errors.ts'
import { serviceHost } from '../registry-host.ts'
import type { ProgramRun } from '../run-program.ts'
import { noBattery, type Battery } from './battery.ts'
import type { Directory } from './facts.ts'
import { linuxNetworks } from './linux-networks.ts'
import { readWindowsMachine } from './windows-machine.ts'
import type { Networks } from './windows-network.ts'

/** Each null: the system does not say, or it could not be read. */
export interface SystemReading {
  readonly battery: Battery | null
  readonly networks: Networks | null
  readonly directory: Directory | null
  /** Why something is unknown that should not be. */
  readonly problems: readonly string[]
}

export type SystemReader = () => Promise<SystemReading>

export const unknownSystem: SystemReading = { battery: null, networks: null, directory: null, problems: [] }

/** A machine that a test has made up: a JSON file with what is read. */
function madeReader(file: string): SystemReader {
  const none: SystemReading = { ...unknownSystem, battery: noBattery }
  return async () => ({ ...none, ...(JSON.parse(await readFile(file, 'utf8')) as Partial<SystemReading>) })
}

const onlyInstalled = 'battery, metered lines and VPNs are known to an installed service only'

/** Of this system. On Windows the service host reads; a trial without an installation has none, and knows nothing of the machine. */
export function systemReader(
  run: ProgramRun,
  env: Readonly<Record<string, string | undefined>>
): SystemReader {
  if (process.platform !== 'win32') {
    const made = env['STARLING_DEV_HOST']
    return made === undefined ? unixReader(process.platform) : madeReader(made)
  }
  const host = serviceHost(env)
  return host === null
    ? async () => ({ ...unknownSystem, problems: [onlyInstalled] })
    : async () => {
        const { battery, networks, directory } = await readWindowsMachine(run, host)
        return { battery, networks, directory, problems: [] }
      }
}

/** Reads at once, so that the first answer comes while others get ready. */
export function begun(read: SystemReader): SystemReader {
  let first: Promise<SystemReading> | null = read()
  // Told to whoever asks for it.
  first.catch(() => {})
  return () => {
    const answer = first ?? read()
    first = null
    return answer
  }
}

/** Linux, and for the battery every other system too. */
function unixReader(platform: NodeJS.Platform): SystemReader {
  return async () => {
    const problems: string[] = []
    const orUnknown = async <Value>(what: string, read: Promise<Value>): Promise<Value | null> => {
      try {
        return await read
      } catch (error) {
        problems.push(`${what}: ${messageOf(error)}`)
        return null
      }
    }
    const [battery, networks] = await Promise.all([
      orUnknown('battery', ownBattery()),
      platform === 'linux' ? orUnknown('networks', linuxNetworks('/')) : null
    ])
    return { ...unknownSystem, battery, networks, problems }
  }
}

/**
 * By systeminformation, which is large and so loaded when it is first wanted. (No more of it is used: its list of network interfaces holds up
 * the whole process, for 0.9 s where it was measured.)
 */
async function ownBattery(): Promise<Battery> {
  const { battery } = await import('systeminformation')
  const { hasBattery, acConnected, percent } = await battery()
  return hasBattery ? { isPresent: true, onBattery: !acConnected, percent } : noBattery
}
