/**
 * The act itself: every agent is asked for the same URL at the same moment, as three clients of three machines
 * would, and all sides are watched until the last byte. What the agents' APIs tell is theirs; what crossed the WAN is the
 * origin's count wherever the origin is ours.
 */
import { performance } from 'node:perf_hooks'
import type { ByteCounters } from '@starling/agent/ports.ts'
import type { Bytes, BytesPerSecond, Millis } from '@starling/shared/units.ts'
import { download, json } from '../e2e/client.ts'
import type { AgentHandle } from '../e2e/site.ts'
import type { AgentResult, RunFigures } from './result.ts'
import type { AgentProgress } from './screen.ts'

export interface Shared {
  readonly url: string
  /** Null until a first response has told it. */
  readonly length: Bytes | null
  readonly sha256: string | null
  readonly wanRate: BytesPerSecond | null
  /** The origin's count; null when the origin is not ours. */
  readonly wanBytes: (() => Promise<Bytes>) | null
}

/** Often enough to look alive; each look costs every agent a millisecond. */
const lookEveryMs: Millis = 250

export async function share(
  agents: readonly AgentHandle[],
  gatewayPage: string | null,
  shared: Shared,
  watch: (agents: readonly AgentProgress[], wan: Bytes, elapsedMs: Millis) => void = () => {}
): Promise<RunFigures> {
  const startedAt = performance.now()
  const delivered = agents.map(() => 0)
  const before = await Promise.all([...agents.map(({ page }) => totalsOf(page)), totalsOf(gatewayPage)])
  const wanBefore = shared.wanBytes === null ? 0 : await shared.wanBytes()

  const look = async (): Promise<{ counters: ByteCounters[]; wan: Bytes }> => {
    const now = await Promise.all([...agents.map(({ page }) => totalsOf(page)), totalsOf(gatewayPage)])
    const counters = now.map((totals, at) => difference(totals, before[at]!))
    const wan =
      shared.wanBytes === null
        ? sum(counters.map(one => one.fromUpstream))
        : (await shared.wanBytes()) - wanBefore
    return { counters, wan }
  }
  const show = async (): Promise<void> => {
    const { counters, wan } = await look()
    const rows = agents.map(({ name }, at) =>
      progressOf(name, counters[at]!, delivered[at]!, shared.length ?? 0)
    )
    watch(rows, wan, performance.now() - startedAt)
  }

  const downloads = Promise.all(
    agents.map((agent, at) =>
      download(agent.proxy, shared.url, { onBytes: bytes => (delivered[at] = bytes) })
    )
  )
  let done = false
  const finished = downloads.finally(() => (done = true))
  // Its failure is heard below; here it must only not go unheard while we draw.
  finished.catch(() => {})
  while (!done) {
    await show()
    await Promise.race([finished.catch(() => {}), new Promise(resolve => setTimeout(resolve, lookEveryMs))])
  }
  const got = await downloads
  const elapsedMs = performance.now() - startedAt
  await show()

  const bad = got.find(({ status }) => status !== 200)
  if (bad !== undefined)
    throw new Error(`the origin's answer came back with status ${bad.status} instead of 200`)
  const { counters, wan } = await look()
  const results = agents.map((agent, at): AgentResult => {
    const { fromPeers, fromGateway, fromUpstream, wasted } = counters[at]!
    return {
      name: agent.name,
      id: agent.id,
      page: agent.page,
      fromPeers,
      fromGateway,
      fromOrigin: fromUpstream,
      wasted,
      sha256: got[at]!.sha256,
      seconds: got[at]!.ms / 1000
    }
  })
  return {
    length: shared.length ?? got[0]!.bytes,
    wanBytes: wan,
    wanCountedBy: shared.wanBytes === null ? 'agents' : 'origin',
    gateway: gatewayPage === null ? null : { fromOrigin: counters.at(-1)!.fromUpstream, page: gatewayPage },
    wanRate: shared.wanRate,
    elapsedMs,
    sha256: shared.sha256,
    agents: results
  }
}

const nothing: ByteCounters = {
  fromPeers: 0,
  fromGateway: 0,
  fromUpstream: 0,
  fromCache: 0,
  toPeers: 0,
  toClients: 0,
  wasted: 0
}

async function totalsOf(page: string | null): Promise<ByteCounters> {
  if (page === null) return nothing
  return (await json<{ totals: ByteCounters }>(`${page}/api/v1/counters`)).totals
}

function difference(now: ByteCounters, before: ByteCounters): ByteCounters {
  const names = Object.keys(nothing) as Array<keyof ByteCounters>
  return Object.fromEntries(names.map(name => [name, now[name] - before[name]])) as unknown as ByteCounters
}

function progressOf(name: string, counters: ByteCounters, delivered: Bytes, length: Bytes): AgentProgress {
  const { fromPeers, fromGateway, fromUpstream } = counters
  return { name, fromPeers, fromGateway, fromOrigin: fromUpstream, delivered, length }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
