/**
 * The state of this machine, as policies ask for it: read every half minute, each part as often as it costs. What Node tells without
 * starting a program (memory, disk, addresses) is looked at each time; the networks when an address has changed, and every few
 * minutes; the battery every minute where there is one. Nothing waits for it, and a part that cannot be read is unknown.
 */
import { statfs } from 'node:fs/promises'
import { networkInterfaces, totalmem } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { messageOf } from '@starling/shared/errors.ts'
import { unknownHost, type HostFacts } from '@starling/shared/policy/host-facts.ts'
import { hourMs, minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import { factsFrom, nothingRead, type Readings } from './facts.ts'
import type { SystemReader } from './systems.ts'

export interface Host {
  now(): HostFacts
  /** The first reading, which takes a second on Windows; what takes longer than `withinMs` is not waited for. */
  start(withinMs: Millis): Promise<void>
  stop(): void
}

const lookEveryMs: Millis = 30 * secondMs
/** A laptop that is unplugged is noticed within this; PowerShell's start is what it costs. */
const batteryEveryMs: Millis = minuteMs
/** Docks and UPSs bring batteries, but not often. */
const noBatteryEveryMs: Millis = 30 * minuteMs
/** Who calls his line metered does not change an address. */
const networksEveryMs: Millis = 5 * minuteMs
const directoryEveryMs: Millis = hourMs
/** Longer than each program is given. */
const readingMsMax: Millis = 45 * secondMs

export interface HostParts {
  readonly system: SystemReader
  /** The folder that the cache is in; its drive is meant. */
  readonly cacheFolder: () => string
  readonly changed: (facts: HostFacts) => void
  readonly log: Log
  readonly subnets?: () => readonly string[]
}

export function createHost({ system, cacheFolder, changed, log, subnets = ownSubnets }: HostParts): Host {
  let readings: Readings = nothingRead
  let facts = unknownHost
  let timer: NodeJS.Timeout | null = null
  let looking: Promise<void> | null = null
  let stopped = false
  const failing = new Set<string>()
  const dueAt = { battery: 0, networks: 0, directory: 0 }

  /** Null when it fails or takes too long; said once, until it works again. */
  async function reading<Value>(what: string, read: () => Promise<Value>): Promise<Value | null> {
    let late: NodeJS.Timeout | undefined
    try {
      const value = await Promise.race([
        read(),
        new Promise<never>((_, reject) => {
          late = setTimeout(
            () => reject(new Error(`no answer within ${readingMsMax / secondMs} s`)),
            readingMsMax
          )
          late.unref()
        })
      ])
      failing.delete(what)
      return value
    } catch (error) {
      if (!failing.has(what))
        log.warn({ what, problem: messageOf(error) }, 'a state of this machine is unknown')
      failing.add(what)
      return null
    } finally {
      clearTimeout(late)
    }
  }

  function tell(change: Partial<Readings>): void {
    readings = { ...readings, ...change }
    const next = factsFrom(readings)
    if (stopped || isDeepStrictEqual(next, facts)) return
    facts = next
    changed(facts)
  }

  async function look(): Promise<void> {
    const now = performance.now()
    const addresses = subnets()
    const isElsewhere = !isDeepStrictEqual(addresses, readings.subnets)
    const isDue = (what: keyof typeof dueAt): boolean => isElsewhere || dueAt[what] <= now
    const parts = [
      reading('disk', async () => {
        const { blocks, bavail, bsize } = await statfs(cacheFolder())
        return { bytes: blocks * bsize, freeBytes: bavail * bsize }
      }).then(disk => tell({ ramBytes: totalmem(), disk, subnets: addresses }))
    ]
    if (dueAt.battery <= now) parts.push(lookAtBattery(now))
    if (isDue('networks') || isDue('directory')) parts.push(lookAtNetworks(now, isDue('directory')))
    await Promise.all(parts)
  }

  async function lookAtBattery(now: Millis): Promise<void> {
    const battery = await reading('battery', () => system.battery())
    dueAt.battery = now + (battery?.isPresent === false ? noBatteryEveryMs : batteryEveryMs)
    tell({ battery })
  }

  async function lookAtNetworks(now: Millis, withDirectory: boolean): Promise<void> {
    const networks = await reading('networks', () => system.networks())
    dueAt.networks = now + networksEveryMs
    tell({ networks })
    if (!withDirectory) return
    const directory = await reading('directory', () => system.directory(networks))
    dueAt.directory = now + directoryEveryMs
    tell({ directory })
  }

  /** One look at a time: on a machine that is hardly alive, a new one would only add to it. */
  const lookOnce = (): Promise<void> =>
    (looking ??= look().finally(() => {
      looking = null
    }))

  return {
    now: () => facts,
    async start(withinMs) {
      timer = setInterval(() => void lookOnce(), lookEveryMs)
      timer.unref()
      let late: NodeJS.Timeout | undefined
      await Promise.race([
        lookOnce(),
        new Promise<void>(resolve => {
          late = setTimeout(resolve, withinMs)
        })
      ])
      clearTimeout(late)
    },
    stop() {
      stopped = true
      if (timer !== null) clearInterval(timer)
    }
  }
}

/** Without loopback and what is valid on its link only, sorted. */
function ownSubnets(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .flatMap(({ internal, cidr, address }) =>
      internal || cidr === null || /^fe80:/i.test(address) ? [] : [cidr]
    )
    .toSorted()
}
