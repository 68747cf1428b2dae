/**
 * The state of this machine, as policies ask for it: read every half minute, each part as often as it costs. What Node tells without
 * starting a program (memory, disk, addresses) is looked at each time; the system is asked when an address has changed, every minute where
 * there is a battery, and every few minutes elsewhere. Nothing waits for it, and a part that cannot be read is unknown.
 */
import { statfs } from 'node:fs/promises'
import { networkInterfaces, totalmem } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { messageOf } from '@starling/shared/errors.ts'
import { unknownHost, type HostFacts } from '@starling/shared/policy/host-facts.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import { factsFrom, nothingRead, type Readings } from './facts.ts'
import { unknownSystem, type SystemReader } from './systems.ts'

export interface Host {
  now(): HostFacts
  /** The first reading; what takes longer than `withinMs` is not waited for. */
  start(withinMs: Millis): Promise<void>
  stop(): void
}

const lookEveryMs: Millis = 30 * secondMs
/** A laptop that is unplugged is noticed within this. */
const batteryEveryMs: Millis = minuteMs
/** Who calls his line metered does not change an address; docks and UPSs bring batteries. */
const systemEveryMs: Millis = 5 * minuteMs
/** Readings that failed one after the other: what was known before holds no longer. */
const failuresMax = 2
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
  let systemDueAt = 0
  let failures = 0

  /** Said once, until it works again. */
  function unknown(what: string, problem: string | null): void {
    if (problem !== null && !failing.has(what))
      log.warn({ what, problem }, 'a state of this machine is unknown')
    if (problem === null) failing.delete(what)
    else failing.add(what)
  }

  /** Null when it fails or takes too long. */
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
      unknown(what, null)
      return value
    } catch (error) {
      unknown(what, messageOf(error))
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
    await Promise.all([
      reading('disk', async () => {
        const { blocks, bavail, bsize } = await statfs(cacheFolder())
        return { bytes: blocks * bsize, freeBytes: bavail * bsize }
      }).then(disk => tell({ ramBytes: totalmem(), disk, subnets: addresses })),
      isElsewhere || systemDueAt <= now ? lookAtSystem(now) : null
    ])
  }

  async function lookAtSystem(now: Millis): Promise<void> {
    const isFirst = systemDueAt === 0
    const answer = await reading('system', system)
    failures = answer === null ? failures + 1 : 0
    // A machine that has just started is another one half a minute later.
    const isOnceMore = isFirst || failures > 0
    // Once is no reason to take a metered line for one that is not.
    if (answer === null && failures < failuresMax) {
      systemDueAt = now + lookEveryMs
      return
    }
    const { problems, ...found } = answer ?? unknownSystem
    const everyMs = found.battery?.isPresent === true ? batteryEveryMs : systemEveryMs
    systemDueAt = now + (isOnceMore ? lookEveryMs : everyMs)
    unknown('part', problems.length === 0 ? null : problems.join('; '))
    tell(found)
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
