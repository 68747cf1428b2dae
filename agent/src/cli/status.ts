/** `starling status` and `starling peers`: what the running agent says of itself. */
import type { AgentStatus, InterceptView, TunnelledView } from '../ports.ts'
import type { PeerDetail, PeerInfoView } from '../views.ts'
import { requireAgent } from './api.ts'
import {
  formatBytes,
  formatRate,
  formatSources,
  formatSpan,
  formatTransfer,
  safeText,
  table
} from './format.ts'
import type { CommandTools } from './services.ts'
import { agentGone, printOver, showLive, type ShowOptions } from './watching.ts'

export interface StatusOptions {
  readonly dataFolder: string
  readonly json: boolean
}

export async function showStatus(
  options: StatusOptions & { readonly watch: boolean },
  tools: CommandTools
): Promise<void> {
  const api = await requireAgent(options.dataFolder)
  const show = (status: AgentStatus) => (options.json ? JSON.stringify(status) : statusText(status))
  const { terminal, signal } = tools
  if (!options.watch) return terminal.print(show(await api.status()))
  for await (const status of api.events(signal)) printOver(terminal, options.json, show(status))
  if (!signal.aborted) throw agentGone()
}

export async function showPeers(
  options: ShowOptions & Pick<StatusOptions, 'dataFolder'>,
  tools: CommandTools
): Promise<void> {
  const api = await requireAgent(options.dataFolder)
  await showLive(options, tools, async () => {
    const info = (await api.look('/api/v1/peer-info')) as PeerInfoView
    return options.json ? JSON.stringify(info.peers) : peersText(info)
  })
}

function peersText({ peers, banned, now }: PeerInfoView): string {
  const bans = banned.map(
    ({ peer, until, reason }) =>
      `banned: ${safeText(peer)} until ${new Date(until).toISOString().slice(0, 16)}Z${reason === null ? '' : ` (${safeText(reason)})`}`
  )
  const list =
    peers.length === 0
      ? 'no peers. Agents need the same fleet (a ticket or a fleet secret) and a way to find each other: `starling doctor` tells what may be in the way'
      : table(
          [
            'AGENT',
            'NAME',
            'NETWORK',
            'SITE',
            'ROLE',
            'CONNECTED',
            'PING',
            'TAKEN',
            'GIVEN',
            'NOW',
            'STATE',
            'ADDRESS'
          ],
          peers.map(peer => [
            peer.id,
            peer.name === null ? '-' : safeText(peer.name),
            peer.network ?? '-',
            peer.site,
            peer.role,
            formatSpan(now - peer.connectedAt),
            peer.roundTripMs === null ? '-' : `${peer.roundTripMs} ms`,
            formatBytes(peer.bytesFrom),
            formatBytes(peer.bytesTo),
            `${formatRate(peer.downBytesPerSecond)} in, ${formatRate(peer.upBytesPerSecond)} out`,
            stateOf(peer),
            safeText(peer.address)
          ])
        )
  return [list, ...bans].join('\n')
}

function stateOf({ isTroubled, restsMs, requests, strikes, isIdle }: PeerDetail): string {
  if (strikes > 0) return `sent ${strikes} corrupt`
  if (isTroubled) return 'failing'
  if (restsMs > 0) return 'busy'
  if (requests > 0) return `${requests} asked`
  return isIdle ? 'claims ignored' : 'good'
}

/** How programs were answered, and what Windows Update asked its WSUS, if it did. */
function interceptText({ hosts, opened, rejected, authorities }: InterceptView): string {
  const [ca] = authorities
  const until = ca === undefined ? 'no CA' : `CA until ${new Date(ca.expiresAt).toISOString().slice(0, 10)}`
  return `${hosts.map(safeText).join(', ') || 'no hosts'}: ${opened} connections opened, ${rejected} broken off by clients; ${until}`
}

function tunnelledText({ host, port, client, why, until }: TunnelledView): string {
  const who = client === '' ? 'all clients' : safeText(client)
  return `  ${safeText(host)}:${port} for ${who} until ${new Date(until).toISOString().slice(0, 16)}Z: ${safeText(why)}`
}

function answersText({ bytes, answers, refused, wsusCalls }: AgentStatus['proxy']): string {
  const way = (name: string, key: keyof typeof answers): string =>
    `${name} ${answers[key]} (${formatBytes(bytes[key])})`
  const calls = Object.entries(wsusCalls).filter(([, count]) => count > 0)
  const rules = Object.entries(refused)
  return [
    way('swarm', 'swarm'),
    way('small cache', 'cache'),
    way('passed', 'pass'),
    ...(rules.length === 0 ? [] : [`refused ${rules.map(([rule, count]) => `${rule} ${count}`).join(' ')}`]),
    ...(calls.length === 0 ? [] : [`WSUS ${calls.map(([call, count]) => `${call} ${count}`).join(' ')}`])
  ].join(', ')
}

/** @param status with how many contents there are where it has only the first of them */
function statusText(status: AgentStatus & { readonly transfersTotal?: number }): string {
  const { coordinator, store, totals, now } = status
  const underWay = status.transfers.filter(one => one.readers > 0 || (!one.complete && one.peers > 0))
  const since = formatSpan(now - coordinator.since)
  const coordinatorText = {
    none: 'none',
    never: 'not reached yet',
    connected: `connected for ${since}`,
    lost: `lost ${since} ago; working on without it`
  }[coordinator.kind]
  const facts = [
    ['agent', `${status.id}, ${status.role} of site ${safeText(status.site)}`],
    [
      'running',
      `for ${formatSpan(now - status.startedAt)}, version ${status.version}, process ${status.pid}`
    ],
    [
      'coordinator',
      `${coordinatorText}${coordinator.problem === null ? '' : ` (${safeText(coordinator.problem)})`}`
    ],
    ['proxy', status.proxyAddress],
    ['page', status.pageAddress],
    ['peers', String(status.peers.length)],
    [
      'cache',
      `${formatBytes(store.usedBytes)} of ${formatBytes(store.quotaBytes)}, ${status.transfersTotal ?? status.transfers.length} contents`
    ],
    ['received', formatSources(totals)],
    ['given', `programs ${formatBytes(totals.toClients)}, peers ${formatBytes(totals.toPeers)}`],
    ['answered', answersText(status.proxy)],
    ...(status.intercept === null ? [] : [['intercepts', interceptText(status.intercept)]]),
    [
      'small things',
      `${status.smallCache.entries} kept, ${formatBytes(status.smallCache.memoryBytes)} in memory, ${formatBytes(status.smallCache.diskBytes)} on disk`
    ]
  ]
  return [
    ...facts.map(([name, value]) => `${name!.padEnd(12)} ${value}`),
    ...(underWay.length === 0 ? [] : ['', 'under way:', ...underWay.map(one => `  ${formatTransfer(one)}`)]),
    ...(status.intercept === null || status.intercept.tunnelled.length === 0
      ? []
      : [
          '',
          'TLS that is tunnelled although it is listed:',
          ...status.intercept.tunnelled.map(tunnelledText)
        ]),
    ...(status.problems.length === 0
      ? []
      : ['', 'problems:', ...status.problems.map(problem => `  ${safeText(problem)}`)])
  ].join('\n')
}
