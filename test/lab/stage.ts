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
import type { AgentStatus } from '@starling/agent/ports.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { minuteMs, secondMs, type Bytes, type Millis } from '@starling/shared/units.ts'
import type { PathStats } from '../doubles/origin.ts'
import { removeAtExit } from '../e2e/program.ts'
import { agentProgram, coordinatorProgram, poll } from '../e2e/site.ts'
import { begin, run, start, tailOf, type Ready } from './host-process.ts'
import { converse, type Conversation } from './lines.ts'
import { costOf, type ProcessCost } from './machine.ts'
import { createLab, ip, isRunning, sweep, type Lab, type LanHost } from './namespaces.ts'
import type { Plan } from './options.ts'
import type { PutOrder } from './origin-host.ts'
import type { DownloadOrder, SeatDownload } from './seat.ts'
import { shape, wireBytes, type WireBytes } from './shaping.ts'

export interface Endpoint {
  readonly name: string
  readonly id: string
  readonly pid: number
  readonly log: string
  download(order: Pick<DownloadOrder, 'url' | 'isHashed'>): Promise<SeatDownload>
  downloadDirectly(url: string): Promise<SeatDownload>
  status(): Promise<AgentStatus>
  /** Null when it is dead. */
  cost(): ProcessCost | null
  seatCost(): ProcessCost | null
  /** As its service manager would stop it. */
  stop(): Promise<void>
  /** Power cut. */
  kill(): void
}

/** Coordinator and gateway, in one process. */
export interface Server {
  status(): Promise<AgentStatus>
  cost(): ProcessCost | null
  kill(): void
}

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
  'agents' | 'wanRate' | 'lanRate' | 'gateway' | 'traceFolder' | 'dataFolder' | 'profileFolder'
>

export const folderPrefix = 'starling-lab-'
const pagePort = 17832
const proxyUrl = 'http://127.0.0.1:17831'
/** What the lab's addresses begin with (namespaces.ts). */
const labNetwork = '10.77.0.0/16'
/** More starts at once would only make each of them slower. */
const startsAtOnce = 4
/** Above that size a site is no full mesh any more: then this many peers are enough to begin. */
const fullMeshAgentsMax = 32
const enoughPeers = 8
const metWithinMs: Millis = 2 * minuteMs

/** What an agent's log holds: with a trace all that it can say, else what an admin would look at. */
const logLevels = { traced: 'debug', plain: 'info' } as const

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
    const server = plan.gateway === 'none' ? null : await startServer(lab.host('server'), folder, logs, plan)
    say(`starting ${plan.agents} agents`)
    const endpoints = await inTurn(names, startsAtOnce, name =>
      startEndpoint(lab.host(name), {
        folder,
        logs,
        secret,
        ticket: server?.ticket ?? null,
        plan,
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

/** Routes, the one sysctl per host, and the rates. */
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
  if (plan.lanRate !== null) shape(lab, 'router', 'site', plan.lanRate)
  shape(lab, 'router', 'net', plan.wanRate)
}

/**
 * Windows and most origins use CUBIC, and machines that run this lab may have BBR as default, which yields to nothing. Where a
 * namespace may not choose CUBIC, Reno does the same at the short round trips here.
 */
const congestionControl = '/proc/sys/net/ipv4/tcp_congestion_control'
const lossBasedTcp = `echo cubic 2>&- > ${congestionControl} || echo reno > ${congestionControl}`

function inNamespace({ namespace }: LanHost, script: string): void {
  ip('netns', 'exec', namespace, 'sh', '-c', script)
}

interface LabProgram {
  readonly pid: number
  readonly talk: Conversation
  hello(): Promise<unknown>
}

function program(host: LanHost, file: string, args: readonly string[], logs: string): LabProgram {
  const log = join(logs, `${host.name}-${file.replace(/^.*\/|\.ts$/g, '')}.log`)
  const child = begin(host, { file, args, log })
  const talk = converse(`${file} on ${host.name}`, child)
  return { pid: child.pid!, talk, hello: () => talk.ask('hello') }
}

interface EndpointSetup {
  readonly folder: string
  readonly logs: string
  readonly secret: string | null
  readonly ticket: string | null
  readonly plan: StagePlan
  readonly profile: string | null
}

async function startEndpoint(host: LanHost, setup: EndpointSetup): Promise<Endpoint> {
  const { folder, logs, secret, ticket, plan, profile } = setup
  const log = join(logs, `${host.name}.log`)
  const level = plan.traceFolder === null ? logLevels.plain : logLevels.traced
  const args = [
    'run',
    '--data',
    join(folder, host.name),
    '--json',
    '--stop-on-stdin-end',
    '--log-level',
    level
  ]
  args.push('--upstream-allow-private', labNetwork)
  if (ticket !== null) args.push('--ticket', ticket)
  const env = secret === null ? {} : { STARLING_FLEET_SECRET: secret }
  const agent = await start(host, { file: agentProgram, args, log, env, profile })
  const seat = program(host, 'test/lab/seat.ts', [], logs)
  await seat.hello()
  const download = (order: DownloadOrder): Promise<SeatDownload> => seat.talk.ask('download', order)
  return {
    name: host.name,
    id: String(agent.said.id),
    pid: agent.pid,
    log,
    download: order => download({ ...order, proxy: proxyUrl }),
    downloadDirectly: url => download({ url, proxy: null, isHashed: true }),
    status: () => statusBy(seat.talk),
    cost: () => costOf(agent.pid),
    seatCost: () => costOf(seat.pid),
    async stop() {
      const ended = new Promise(resolve => agent.child.once('exit', resolve))
      if (agent.child.exitCode === null && agent.child.kill('SIGTERM')) await ended
    },
    kill: () => void agent.child.kill('SIGKILL')
  }
}

async function startServer(
  host: LanHost,
  folder: string,
  logs: string,
  plan: StagePlan
): Promise<Server & { readonly ticket: string }> {
  const data = join(folder, 'server')
  const log = join(logs, 'server.log')
  const address = `${[...host.addresses.values()][0]!}:17833`
  const server: Ready = await start(host, {
    file: coordinatorProgram,
    // Beats come often, so that a gateway beyond the WAN is known to all before the clock starts.
    args: ['run', '--data', data, '--listen', address, '--heartbeat', '2s', '--json'],
    log,
    env: { STARLING_UPSTREAM_ALLOW_PRIVATE: labNetwork }
  })
  const made = await run(host, {
    file: coordinatorProgram,
    args: ['ticket', 'create', '--data', data, '--uses', String(plan.agents), '--json'],
    log
  })
  const seat = program(host, 'test/lab/seat.ts', [], logs)
  return {
    ticket: (JSON.parse(made) as { ticket: string }).ticket,
    status: () => statusBy(seat.talk),
    cost: () => costOf(server.pid),
    kill: () => void server.child.kill('SIGKILL')
  }
}

const statusBy = (seat: Conversation): Promise<AgentStatus> =>
  seat.ask('look', `http://127.0.0.1:${pagePort}/api/v1/status`)

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
