/**
 * A site as an admin would set it up: agents and coordinator as processes, tickets through the command line, all
 * of it on loopback. Agents here find each other by hand-out or by static peers, never by mDNS: multicast would
 * reach machines that are no part of the test.
 */
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { StarlingError } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { AgentStatus, ByteCounters, PeerView, TransferView } from '@starling/agent/ports.ts'
import { json } from './client.ts'
import type { House } from './harness.ts'
import type { Running } from './program.ts'

export const agentProgram = 'agent/src/main.ts'
export const liarProgram = fileURLToPath(import.meta.resolve('../doubles/liar.ts'))
export const coordinatorProgram = 'coordinator/src/main.ts'

export interface AgentSetup {
  /** A folder that is there already: a restart. */
  readonly folder?: string
  readonly ticket?: string
  readonly secret?: string
  /** Known from the start. */
  readonly peers?: readonly AgentHandle[]
  /** More options, as on the command line. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Another program with the same face: the liar. */
  readonly program?: string
}

export interface AgentHandle extends Running {
  readonly id: string
  readonly folder: string
  readonly proxy: string
  readonly page: string
  readonly secret: string | null
  status(): Promise<AgentStatus>
  transfers(): Promise<readonly TransferView[]>
  peers(): Promise<readonly PeerView[]>
}

export interface CoordinatorHandle extends Running {
  readonly folder: string
  readonly gatewayPage: string | null
  readonly gatewayId: string | null
}

/** A new fleet secret: 64 hex digits. */
export function fleetSecret(): string {
  return randomBytes(32).toString('hex')
}

/** The options of `run` for an agent of a test: everything on loopback, on ports that the system chooses. */
export function agentArgs(
  folder: string,
  setup: AgentSetup & { readonly peerAddresses?: readonly string[] }
): string[] {
  const args = [
    'run',
    '--data',
    folder,
    '--json',
    '--stop-on-stdin-end',
    '--listen-host',
    '127.0.0.1',
    '--listen-port',
    '0',
    '--bulk-port',
    '0'
  ]
  args.push(
    '--proxy-port',
    '0',
    '--page-port',
    '0',
    '--mdns',
    'false',
    '--upstream-allow-private',
    '127.0.0.0/8'
  )
  if (setup.ticket !== undefined) args.push('--ticket', setup.ticket)
  if (setup.peerAddresses !== undefined && setup.peerAddresses.length > 0) {
    args.push('--static-peers', setup.peerAddresses.join(','))
  }
  return [...args, ...(setup.args ?? [])]
}

export async function startAgent(house: House, name: string, setup: AgentSetup): Promise<AgentHandle> {
  const folder = setup.folder ?? house.folder(name.replaceAll(' ', '-'))
  const peerAddresses = (await Promise.all((setup.peers ?? []).map(peer => peer.status()))).flatMap(
    peer => peer.addresses
  )
  const env: Record<string, string> = {
    ...setup.env,
    ...(setup.secret === undefined ? {} : { STARLING_FLEET_SECRET: setup.secret })
  }
  const running = await house.start(
    name,
    setup.program ?? agentProgram,
    agentArgs(folder, { ...setup, peerAddresses }),
    env
  )
  const page = String(running.ready.page)
  const status = (): Promise<AgentStatus> => json<AgentStatus>(`${page}/api/v1/status`)
  return {
    ...running,
    id: String(running.ready.id),
    proxy: String(running.ready.proxy),
    folder,
    page,
    secret: setup.secret ?? null,
    status,
    transfers: async () => (await status()).transfers,
    peers: async () => (await status()).peers
  }
}

/** Agents with one fleet secret, each told of those before it, ready when all of them (and `known`) speak with each other. */
export async function startMembers(
  house: House,
  secret: string,
  names: readonly string[],
  known: readonly AgentHandle[] = [],
  setup: AgentSetup = {}
): Promise<AgentHandle[]> {
  const members: AgentHandle[] = []
  for (const name of names) {
    members.push(await startAgent(house, name, { ...setup, secret, peers: [...known, ...members] }))
  }
  const friends = known.filter(other => other.secret === secret)
  await untilAllMet([...friends, ...members])
  return members
}

export interface FleetSetup {
  readonly coordinatorArgs?: readonly string[]
  readonly agentArgs?: readonly string[]
}

/** Without waiting for half a minute: tests see hand-outs and revocations with the next beat. */
export const quickHeartbeat = ['--heartbeat', '1s']

/** The embedded gateway is set up by the environment, as every agent can be. */
const gatewayEnv = {
  STARLING_LISTEN_HOST: '127.0.0.1',
  STARLING_LISTEN_PORT: '0',
  STARLING_BULK_PORT: '0',
  STARLING_PROXY_PORT: '0',
  STARLING_PAGE_PORT: '0',
  STARLING_MDNS: 'false',
  STARLING_UPSTREAM_ALLOW_PRIVATE: '127.0.0.0/8'
}

export async function startCoordinator(
  house: House,
  args: readonly string[] = quickHeartbeat,
  /** Of one that has stopped: it starts again. */
  folder: string = house.folder('coordinator'),
  env: Readonly<Record<string, string>> = {}
): Promise<CoordinatorHandle> {
  const running = await house.start(
    'coordinator',
    coordinatorProgram,
    ['run', '--data', folder, '--listen', '127.0.0.1:0', '--json', ...args],
    { ...gatewayEnv, ...env }
  )
  const gateway = running.ready.gateway as { id?: string; page?: string } | null
  return { ...running, folder, gatewayPage: gateway?.page ?? null, gatewayId: gateway?.id ?? null }
}

/** Through the command line, as an admin does it. */
export async function createTicket(
  house: House,
  coordinator: CoordinatorHandle,
  args: readonly string[] = []
): Promise<string> {
  const made = await house.run(coordinatorProgram, [
    'ticket',
    'create',
    '--data',
    coordinator.folder,
    '--json',
    ...args
  ])
  if (made.code !== 0)
    throw new StarlingError('no-ticket', `ticket create ended with ${made.code}: ${made.stderr}`)
  return (JSON.parse(made.stdout) as { ticket: string }).ticket
}

export async function revoke(house: House, coordinator: CoordinatorHandle, agent: string): Promise<void> {
  const done = await house.run(coordinatorProgram, ['revoke', agent, '--data', coordinator.folder, '--json'])
  if (done.code !== 0)
    throw new StarlingError('not-revoked', `revoke ended with ${done.code}: ${done.stderr}`)
}

/** A coordinator with its gateway, and agents that joined with tickets, ready when everybody speaks with everybody. */
export async function startFleet(
  house: House,
  names: readonly string[],
  setup: FleetSetup = {}
): Promise<{ coordinator: CoordinatorHandle; agents: AgentHandle[] }> {
  const coordinator = await startCoordinator(house, setup.coordinatorArgs)
  const agents = await Promise.all(
    names.map(async name => {
      const ticket = await createTicket(house, coordinator)
      return startAgent(house, name, { ticket, args: setup.agentArgs ?? [] })
    })
  )
  await untilAllMet(agents, coordinator.gatewayId === null ? [] : [coordinator.gatewayId])
  return { coordinator, agents }
}

/** Polls until each of them has each of the others as a peer. @throws StarlingError `not-met` */
export async function untilAllMet(
  agents: readonly AgentHandle[],
  others: readonly string[] = [],
  withinMs: Millis = 30 * secondMs
): Promise<void> {
  const ids = [...agents.map(({ id }) => id), ...others]
  const missing = await poll(
    withinMs,
    async () => {
      const lists = await Promise.all(agents.map(agent => agent.peers()))
      return agents.flatMap(({ id, name }, at) =>
        ids
          .filter(other => other !== id && !lists[at]!.some(peer => peer.id === other))
          .map(other => `${name} misses ${other}`)
      )
    },
    missing => missing.length === 0
  )
  if (missing.length === 0) return
  const tails = agents.map(agent => `--- ${agent.name} (${agent.id}):\n${agent.tail()}`)
  throw new StarlingError('not-met', `after ${withinMs} ms ${missing.join(', ')}\n${tails.join('\n')}`)
}

/** Looks again and again until it is right or time is up; the last look is the answer. */
export async function poll<T>(
  withinMs: Millis,
  look: () => Promise<T>,
  isRight: (value: T) => boolean
): Promise<T> {
  const until = performance.now() + withinMs
  for (;;) {
    const value = await look()
    if (isRight(value) || performance.now() > until) return value
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

/** What an agent counted for the content of this path. */
export async function bytesOf(agent: AgentHandle, path: string): Promise<ByteCounters> {
  const transfers = await agent.transfers()
  const found = transfers.find(({ key }) => key.endsWith(path))
  if (found === undefined)
    throw new Error(`${agent.name} knows ${transfers.map(({ key }) => key).join(', ')}, not ${path}`)
  return found.bytes
}
