/**
 * A site with everything on it: endpoints on a switch, a router, a shaped line, an origin at its other end, and
 * coordinator and gateway where the plan wants them.
 *
 *     pc-1 ... pc-N   (server)                    (server)   origin
 *       |        |       |                            |         |
 *     --+--------+-------+--- site --- router === net --------+--
 *           1 Gbit/s each                      WAN
 *
 * All of it real processes and real TCP; each host has a network namespace of its own. Agents find each other by mDNS,
 * as they would in an office; only a gateway beyond the WAN is found through the coordinator.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import { minuteMs, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { PathStats } from '../doubles/origin.ts'
import { removeAtExit } from '../e2e/program.ts'
import { poll } from '../e2e/site.ts'
import { program, startEndpoint, startServer, type Endpoint, type Server } from './actors.ts'
import { tailOf } from './host-process.ts'
import { createLab, ip, isRunning, sweep, type Lab, type LanHost } from './namespaces.ts'
import type { Plan } from './options.ts'
import type { PutOrder } from './origin-host.ts'
import { shape, wireBytes, type WireBytes } from './shaping.ts'

export interface Stage {
  readonly lab: Lab
  readonly endpoints: readonly Endpoint[]
  readonly server: Server | null
  readonly originPid: number
  /** Puts seeded content at a path. @returns its URL as the site sees it */
  put(path: string, seed: string, length: Bytes): Promise<string>
  bodyBytes(path: string): Promise<Bytes>
  served(path: string): Promise<PathStats>
  wan(): WireBytes
  close(): Promise<void>
}

export type StagePlan = Pick<
  Plan,
  'agents' | 'wanRate' | 'wanQueueMs' | 'lanRate' | 'gateway' | 'traceFolder' | 'dataFolder' | 'profileFolder'
>

export const folderPrefix = 'starling-lab-'
/** More starts at once would only make each of them slower. */
const startsAtOnce = 4
/** Above that size a site is no full mesh any more: then this many peers are enough to begin. */
const fullMeshAgentsMax = 32
const enoughPeers = 8
const metWithinMs: Millis = 2 * minuteMs

export async function raise(plan: StagePlan, say: (text: string) => void): Promise<Stage> {
  const folder = mkdtempSync(join(plan.dataFolder, `${folderPrefix}${process.pid}-`))
  const forget = removeAtExit(folder)
  const logs = plan.traceFolder ?? folder
  mkdirSync(logs, { recursive: true })
  const names = Array.from({ length: plan.agents }, (_, index) => `pc-${index + 1}`)
  const lab = createLab({
    router: ['site', 'net'],
    origin: ['net'],
    ...(plan.gateway === 'none' ? {} : { server: [plan.gateway === 'site' ? 'site' : 'net'] }),
    ...Object.fromEntries(names.map(name => [name, ['site']]))
  })
  const close = async (): Promise<void> => {
    await lab.close()
    rmSync(folder, { recursive: true, force: true })
    forget()
  }
  try {
    wire(lab, plan, names)
    const originHost = lab.host('origin')
    const origin = program(originHost, 'test/lab/origin-host.ts', [originHost.addresses.get('net')!], logs)
    await origin.hello()

    const secret = plan.gateway === 'none' ? randomBytes(32).toString('hex') : null
    const server =
      plan.gateway === 'none' ? null : await startServer(lab.host('server'), folder, logs, plan.agents)
    say(`starting ${plan.agents} agents`)
    const endpoints = await inTurn(names, startsAtOnce, name =>
      startEndpoint(lab.host(name), {
        folder,
        logs,
        secret,
        ticket: server?.ticket ?? null,
        isTraced: plan.traceFolder !== null,
        profile: name === names[0] ? plan.profileFolder : null
      })
    )
    await untilMet(endpoints, server === null ? 0 : 1, say)
    return {
      lab,
      endpoints,
      server,
      originPid: origin.pid,
      put: (path, seed, length) => origin.talk.ask<string>('put', { path, seed, length } satisfies PutOrder),
      bodyBytes: path => origin.talk.ask<number>('bodyBytes', path),
      served: path => origin.talk.ask<PathStats>('stats', path),
      wan: () => wireBytes(lab, 'router', 'net'),
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Removes what labs that were killed have left: namespaces, programs, folders. @returns their names */
export function cleanUp(dataFolder: string): string[] {
  const removed = sweep()
  const folders = readdirSync(dataFolder)
    .filter(name => {
      const [, pid] = /^starling-lab-(\d+)-/.exec(name) ?? []
      return pid !== undefined && !isRunning(Number(pid))
    })
    .map(name => join(dataFolder, name))
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  return [...removed, ...folders]
}

/** Routes, the sysctls of each host, and the rates. */
function wire(lab: Lab, plan: StagePlan, names: readonly string[]): void {
  const router = lab.host('router')
  inNamespace(router, 'echo 1 > /proc/sys/net/ipv4/ip_forward')
  const others = [...names, 'origin', ...(plan.gateway === 'none' ? [] : ['server'])]
  for (const name of others) {
    const host = lab.host(name)
    const lan = host.addresses.has('site') ? 'site' : 'net'
    ip('-n', host.namespace, 'route', 'replace', 'default', 'via', router.addresses.get(lan)!, 'dev', lan)
    inNamespace(host, lossBasedTcp)
    if (lan === 'site' && plan.lanRate !== null) shape(lab, name, lan, plan.lanRate)
  }
  inNamespace(lab.host('origin'), shortOfUnsent)
  if (plan.lanRate !== null) shape(lab, 'router', 'site', plan.lanRate)
  shape(lab, 'router', 'net', plan.wanRate, plan.wanQueueMs)
}

/**
 * Windows and most origins use CUBIC, and machines that run this lab may have BBR as default, which yields to nothing. Where a
 * namespace may not choose CUBIC, Reno does the same at the short round trips here.
 */
const congestionControl = '/proc/sys/net/ipv4/tcp_congestion_control'
const lossBasedTcp = `echo cubic 2>&- > ${congestionControl} || echo reno > ${congestionControl}`

/**
 * What the origin has written and the system has not sent is counted as served, and never crossed the line when its request was
 * cancelled: without this, up to 2 MiB for each. Large origins set the same, so that a cancelled answer costs them little.
 */
const shortOfUnsent = 'echo 131072 > /proc/sys/net/ipv4/tcp_notsent_lowat'

function inNamespace({ namespace }: LanHost, script: string): void {
  ip('netns', 'exec', namespace, 'sh', '-c', script)
}

/** @throws StarlingError `not-met` with who misses how many */
async function untilMet(
  endpoints: readonly Endpoint[],
  servers: number,
  say: (text: string) => void
): Promise<void> {
  const others = endpoints.length - 1 + servers
  const wanted = endpoints.length <= fullMeshAgentsMax ? others : enoughPeers
  let told = 0
  const lonely = await poll(
    metWithinMs,
    async () => {
      const counts = await Promise.all(
        endpoints.map(async one => ({ one, peers: (await one.status()).peers.length }))
      )
      if (performance.now() - told > 5 * secondMs) {
        told = performance.now()
        say(
          `agents know ${Math.min(...counts.map(({ peers }) => peers))} to ${Math.max(...counts.map(({ peers }) => peers))} of ${others} others`
        )
      }
      return counts.filter(({ peers }) => peers < wanted)
    },
    lonely => lonely.length === 0
  )
  if (lonely.length === 0) return
  const list = lonely.map(({ one, peers }) => `${one.name} knows ${peers} of ${wanted}`).join(', ')
  throw new StarlingError('not-met', `after ${metWithinMs} ms ${list}:\n${tailOf(lonely[0]!.one.log)}`)
}

/** Like Promise.all over `act`, with at most `atOnce` at a time. */
async function inTurn<T, R>(items: readonly T[], atOnce: number, act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++
      results[index] = await act(items[index]!)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return results
}
