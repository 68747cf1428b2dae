/** What came out of one run: the figures that the demo shows and the bench compares, computed in one place. */
import { chunkBytesDefault, chunksPerExtent } from '@starling/shared/chunking.ts'
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'
import { bytesText, percentText, secondsText, table } from './words.ts'

export interface AgentResult {
  readonly name: string
  readonly id: string
  readonly page: string
  readonly fromPeers: Bytes
  readonly fromGateway: Bytes
  readonly fromOrigin: Bytes
  readonly wasted: Bytes
  readonly sha256: string
  readonly seconds: number
}

export interface RunFigures {
  readonly length: Bytes
  readonly wanBytes: Bytes
  readonly wanCountedBy: 'origin' | 'agents'
  readonly gateway: { readonly fromOrigin: Bytes; readonly page: string | null } | null
  readonly wanRate: BytesPerSecond | null
  readonly elapsedMs: Millis
  /** Of the file itself; null when only the origin out there has it. */
  readonly sha256: string | null
  readonly agents: readonly AgentResult[]
}

export interface RunResult {
  readonly sha256Equal: boolean
  readonly wanAmplification: number
  readonly shareFromLan: number
  readonly seconds: number
  readonly agents: readonly AgentResult[]
  readonly bytes: Bytes
  readonly wanBytes: Bytes
  readonly wanCountedBy: 'origin' | 'agents'
  /** Null when all is as promised, else what is not. */
  readonly problem: string | null
}

/** Exactly one copy, plus at most one extent that two began at the same moment. */
export const wanSlackBytes: Bytes = chunkBytesDefault * chunksPerExtent

export function resultOf(run: RunFigures, wanBytesMax: Bytes = run.length + wanSlackBytes): RunResult {
  const hashes = new Set(run.agents.map(agent => agent.sha256))
  if (run.sha256 !== null) hashes.add(run.sha256)
  const fromLan = run.agents.reduce((sum, { fromPeers, fromGateway }) => sum + fromPeers + fromGateway, 0)
  const fromOrigin = run.agents.reduce((sum, agent) => sum + agent.fromOrigin, 0)
  const sha256Equal = hashes.size === 1
  const problems = [
    sha256Equal ? null : 'the SHA-256 of what arrived differ',
    run.wanBytes <= wanBytesMax
      ? null
      : `${bytesText(run.wanBytes)} crossed the WAN, more than the ${bytesText(wanBytesMax)} of one copy and an extent`
  ].filter(problem => problem !== null)
  return {
    sha256Equal,
    wanAmplification: round(run.wanBytes / run.length, 4),
    shareFromLan: fromLan === 0 ? 0 : round(fromLan / (fromLan + fromOrigin), 4),
    seconds: round(run.elapsedMs / 1000, 2),
    agents: run.agents,
    bytes: run.length,
    wanBytes: run.wanBytes,
    wanCountedBy: run.wanCountedBy,
    problem: problems.length === 0 ? null : problems.join('; ')
  }
}

/** The table under the progress, line by line. */
export function resultLines(run: RunFigures, result: RunResult): string[] {
  const rows = [
    ['', 'from peers', 'from gateway', 'from origin', 'time', 'SHA-256'],
    ...run.agents.map(agent => [
      agent.name,
      bytesText(agent.fromPeers),
      bytesText(agent.fromGateway),
      bytesText(agent.fromOrigin),
      `${agent.seconds.toFixed(1)} s`,
      `${agent.sha256.slice(0, 12)}…`
    ])
  ]
  if (run.gateway !== null) rows.push(['gateway', '', '', bytesText(run.gateway.fromOrigin), '', ''])

  const copies = run.agents.length
  const counted =
    run.wanCountedBy === 'origin'
      ? 'counted by the origin'
      : 'counted by the agents and the gateway themselves'
  const figures = [
    ['SHA-256', result.sha256Equal ? 'all equal' : 'THEY DIFFER'],
    ['over the WAN', `${bytesText(run.wanBytes)} for a file of ${bytesText(run.length)}, ${counted}`],
    [
      'WAN amplification',
      `${result.wanAmplification.toFixed(2)}   (${copies} downloads side by side: ${copies.toFixed(2)})`
    ],
    ['from the LAN', `${percentText(result.shareFromLan, 1)} of what the agents got`],
    ['time', secondsText(run.elapsedMs) + bestTime(run)]
  ]
  const width = Math.max(...figures.map(([name]) => name!.length))
  return [...table(rows), '', ...figures.map(([name, words]) => `${name!.padEnd(width)}   ${words}`)]
}

function bestTime({ wanRate, length, agents }: RunFigures): string {
  if (wanRate === null) return ''
  const oneMs = (length / wanRate) * 1000
  return `   (the line alone needs ${secondsText(oneMs)} for one copy, ${secondsText(oneMs * agents.length)} for ${agents.length})`
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
