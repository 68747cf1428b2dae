/** Who is on the stage: endpoints with an agent and somebody who sits at it, and the server. */
import { join } from 'node:path'
import type { AgentStatus } from '@starling/agent/ports.ts'
import { agentProgram, coordinatorProgram } from '../e2e/site.ts'
import { begin, run, start } from './host-process.ts'
import { converse, type Conversation } from './lines.ts'
import { costOf, type ProcessCost } from './machine.ts'
import type { LanHost } from './namespaces.ts'
import type { Plan } from './options.ts'
import type { DownloadOrder, SeatDownload } from './seat.ts'

export interface Endpoint {
  readonly name: string
  readonly id: string
  readonly pid: number
  readonly log: string
  download(order: Omit<DownloadOrder, 'proxy'>): Promise<SeatDownload>
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

const pagePort = 17832
export const proxyUrl = 'http://127.0.0.1:17831'
/** What the lab's addresses begin with (namespaces.ts). */
const labNetwork = '10.77.0.0/16'
/** What an agent's log holds: with a trace all that it can say, else what an admin would look at. */
const logLevels = { traced: 'debug', plain: 'info' } as const

export interface LabProgram {
  readonly pid: number
  readonly talk: Conversation
  hello(): Promise<unknown>
}

export function program(host: LanHost, file: string, args: readonly string[], logs: string): LabProgram {
  const log = join(logs, `${host.name}-${file.replace(/^.*\/|\.ts$/g, '')}.log`)
  const child = begin(host, { file, args, log })
  const talk = converse(`${file} on ${host.name}`, child)
  return { pid: child.pid!, talk, hello: () => talk.ask('hello') }
}

export interface EndpointSetup {
  readonly folder: string
  readonly logs: string
  readonly secret: string | null
  readonly ticket: string | null
  readonly isTraced: boolean
  readonly profile: string | null
}

export async function startEndpoint(host: LanHost, setup: EndpointSetup): Promise<Endpoint> {
  const { folder, logs, secret, ticket, isTraced, profile } = setup
  const log = join(logs, `${host.name}.log`)
  const level = isTraced ? logLevels.traced : logLevels.plain
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

export async function startServer(
  host: LanHost,
  folder: string,
  logs: string,
  agents: Plan['agents']
): Promise<Server & { readonly ticket: string }> {
  const data = join(folder, 'server')
  const log = join(logs, 'server.log')
  const address = `${[...host.addresses.values()][0]!}:17833`
  const server = await start(host, {
    file: coordinatorProgram,
    // Beats come often, so that a gateway beyond the WAN is known to all before the clock starts.
    args: ['run', '--data', data, '--listen', address, '--heartbeat', '2s', '--json'],
    log,
    env: { STARLING_UPSTREAM_ALLOW_PRIVATE: labNetwork }
  })
  const made = await run(host, {
    file: coordinatorProgram,
    args: ['ticket', 'create', '--data', data, '--uses', String(agents), '--json'],
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
