/**
 * What Prometheus sees of an agent: all of it is read out of its status.
 *
 * Names are `starling_<noun>_<unit>`, with `_total` for what only grows. Labels are few and come from our own words (or are the names that an admin gave to upstreams), never
 * from URLs or peers: cardinality stays bounded, and nothing private gets out.
 */
import type { AgentStatus, TimeSpread, UpstreamPhase } from './ports.ts'
import {
  createExposition,
  plain,
  type HistogramRow,
  type HistogramSeries,
  type Metrics,
  type Row,
  type Series
} from './telemetry/exposition.ts'

export type { Metrics }

const countBy = <Item>(
  items: readonly Item[],
  label: string,
  words: readonly string[],
  wordOf: (item: Item) => string
) => words.map((word): Row => [{ [label]: word }, items.filter(item => wordOf(item) === word).length])

/** Every name that there is; docs/monitoring is held against it. */
export const series: ReadonlyArray<Series<AgentStatus>> = [
  {
    name: 'starling_received_bytes_total',
    help: 'Content bytes received, by source',
    labels: ['source'],
    read: ({ totals }) => [
      [{ source: 'peers' }, totals.fromPeers],
      [{ source: 'gateway' }, totals.fromGateway],
      [{ source: 'upstream' }, totals.fromUpstream]
    ]
  },
  {
    name: 'starling_sent_bytes_total',
    help: 'Content bytes given away, by who got them',
    labels: ['to'],
    read: ({ totals }) => [
      [{ to: 'peers' }, totals.toPeers],
      [{ to: 'clients' }, totals.toClients]
    ]
  },
  {
    name: 'starling_proxy_bytes_total',
    help: 'Body bytes given to HTTP clients, by way: swarm, cache (small things), pass (as it came from upstream)',
    labels: ['way'],
    read: ({ proxy }) => Object.entries(proxy.bytes).map(([way, count]): Row => [{ way }, count])
  },
  {
    name: 'starling_proxy_answers_total',
    help: 'Answers given to HTTP clients, by way',
    labels: ['way'],
    read: ({ proxy }) => Object.entries(proxy.answers).map(([way, count]): Row => [{ way }, count])
  },
  {
    name: 'starling_proxy_refused_total',
    help: 'Requests that policy does not allow, by the rule that was in the way: a word of ours or a name of proxy.rules',
    labels: ['rule'],
    read: ({ proxy }) => Object.entries(proxy.refused).map(([rule, count]): Row => [{ rule }, count])
  },
  {
    name: 'starling_log_lines_lost_total',
    help: 'Lines of the access log and the audit that the disk was too slow or too full for',
    labels: [],
    read: ({ logLinesLost }) => plain(logLinesLost)
  },
  {
    name: 'starling_intercept_connections_total',
    help: 'TLS connections to listed hosts: opened, or rejected by clients that do not take our certificate',
    labels: ['outcome'],
    read: ({ intercept }) =>
      intercept === null
        ? []
        : [
            [{ outcome: 'opened' }, intercept.opened],
            [{ outcome: 'rejected' }, intercept.rejected]
          ]
  },
  {
    name: 'starling_intercept_tunnelled_count',
    help: 'Pairs of client and listed host whose TLS is tunnelled for a while, because of the one or the other',
    labels: [],
    read: ({ intercept }) => (intercept === null ? [] : plain(intercept.tunnelled.length))
  },
  {
    name: 'starling_intercept_ca_expiry_seconds',
    help: 'When the youngest CA of TLS interception expires, as a Unix time',
    labels: [],
    read: ({ intercept }) => (intercept?.authorities ?? []).slice(0, 1).map(ca => [{}, ca.expiresAt / 1000])
  },
  {
    name: 'starling_wsus_calls_total',
    help: 'Calls of Windows Update to a WSUS that passed through: scan, sync, report, other',
    labels: ['call'],
    read: ({ proxy }) => Object.entries(proxy.wsusCalls).map(([call, count]): Row => [{ call }, count])
  },
  {
    name: 'starling_small_cache_count',
    help: 'Small responses that are kept (RFC 9111)',
    labels: [],
    read: ({ smallCache }) => plain(smallCache.entries)
  },
  {
    name: 'starling_small_cache_bytes',
    help: 'What small responses take, by place',
    labels: ['place'],
    read: ({ smallCache }) => [
      [{ place: 'memory' }, smallCache.memoryBytes],
      [{ place: 'disk' }, smallCache.diskBytes]
    ]
  },
  {
    name: 'starling_reused_bytes_total',
    help: 'Content bytes given to clients out of what was already kept when they asked',
    labels: [],
    read: ({ totals }) => plain(totals.fromCache)
  },
  {
    name: 'starling_wasted_bytes_total',
    help: 'Content bytes received but thrown away: duplicates, corrupt, aborted',
    labels: [],
    read: ({ totals }) => plain(totals.wasted)
  },
  {
    name: 'starling_refusals_total',
    help: 'Contacts with other agents that failed, by reason',
    labels: ['reason'],
    read: ({ refusals }) => Object.entries(refusals).map(([reason, count]): Row => [{ reason }, count])
  },
  {
    name: 'starling_peers_count',
    help: 'Agents connected now, by role',
    labels: ['role'],
    read: ({ peers }) => countBy(peers, 'role', ['agent', 'gateway'], peer => peer.role)
  },
  {
    name: 'starling_transfers_count',
    help: 'Transfers known here, by state: complete, active (a client waits or a peer has some of it), resting',
    labels: ['state'],
    read: ({ transfers }) =>
      countBy(transfers, 'state', ['complete', 'active', 'resting'], transfer =>
        transfer.complete ? 'complete' : transfer.readers > 0 || transfer.peers > 0 ? 'active' : 'resting'
      )
  },
  {
    name: 'starling_problems_count',
    help: 'Problems that people should look at now',
    labels: [],
    read: ({ problems }) => plain(problems.length)
  },
  {
    name: 'starling_cache_used_bytes',
    help: 'Bytes that the cache uses',
    labels: [],
    read: ({ store }) => plain(store.usedBytes)
  },
  {
    name: 'starling_cache_quota_bytes',
    help: 'The most that the cache may use',
    labels: [],
    read: ({ store }) => plain(store.quotaBytes)
  },
  {
    name: 'starling_disk_free_bytes',
    help: 'Free on the volume of the cache',
    labels: [],
    read: ({ store }) => plain(store.freeBytes)
  },
  {
    name: 'starling_disk_floor_bytes',
    help: 'What must stay free on the volume of the cache',
    labels: [],
    read: ({ store }) => plain(store.floorBytes)
  },
  {
    name: 'starling_upstream_requests_total',
    help: 'Requests sent to an upstream, by why: first, retry and hedge (another upstream failed, or was slow), resume (a body broke)',
    labels: ['upstream', 'why'],
    read: ({ upstreams }) =>
      upstreams.flatMap(({ name: upstream, requests, retries, hedges, resumes }): Row[] => [
        [{ upstream, why: 'first' }, requests - retries - hedges - resumes],
        [{ upstream, why: 'retry' }, retries],
        [{ upstream, why: 'hedge' }, hedges],
        [{ upstream, why: 'resume' }, resumes]
      ])
  },
  {
    name: 'starling_upstream_failures_total',
    help: 'Requests to an upstream that failed or broke off',
    labels: ['upstream'],
    read: ({ upstreams }) => upstreams.map(({ name, failures }): Row => [{ upstream: name }, failures])
  },
  {
    name: 'starling_upstream_in_flight_count',
    help: 'Requests to an upstream that are under way',
    labels: ['upstream'],
    read: ({ upstreams }) => upstreams.map(({ name, inFlight }): Row => [{ upstream: name }, inFlight])
  },
  {
    name: 'starling_upstream_state',
    help: '1 for the state that holds: up, down, trying (one request finds out whether it is still down)',
    labels: ['upstream', 'state'],
    read: ({ upstreams }) =>
      upstreams.flatMap(({ name, state }) =>
        (['up', 'down', 'trying'] as const).map((one): Row => [
          { upstream: name, state: one },
          one === state ? 1 : 0
        ])
      )
  },
  {
    name: 'starling_coordinator_state',
    help: '1 for the state that holds: none (no membership), never (not reached yet), connected, lost',
    labels: ['state'],
    read: ({ coordinator }) =>
      (['none', 'never', 'connected', 'lost'] as const).map((state): Row => [
        { state },
        state === coordinator.kind ? 1 : 0
      ])
  },
  {
    name: 'starling_uptime_seconds',
    help: 'Since this agent started',
    labels: [],
    read: ({ now, startedAt }) => plain((now - startedAt) / 1000)
  },
  {
    name: 'starling_memory_bytes',
    help: 'Resident memory of the process',
    labels: [],
    read: () => plain(process.memoryUsage.rss())
  },
  {
    name: 'starling_cpu_seconds_total',
    help: 'CPU time of the process, user and system',
    labels: [],
    read: () => {
      const { user, system } = process.cpuUsage()
      return plain((user + system) / 1e6)
    }
  },
  {
    name: 'starling_build_info',
    help: 'Always 1; which program this is',
    labels: ['version', 'role'],
    read: ({ version, role }) => [[{ version, role }, 1]]
  }
]

export const histograms: ReadonlyArray<HistogramSeries<AgentStatus>> = [
  {
    name: 'starling_proxy_first_byte_seconds',
    help: "From a client's request to the first byte of its answer, by way",
    read: ({ proxy }) => byWay({ ...proxy.firstByte })
  },
  {
    name: 'starling_proxy_answer_seconds',
    help: "From a client's request to the end of its answer, by way",
    read: ({ proxy }) => byWay({ ...proxy.total })
  },
  {
    name: 'starling_upstream_seconds',
    help: 'How long the parts of upstream requests take, by phase: dns, connect and tls of each connection made, first-byte and total of each answer',
    read: ({ upstreams }) =>
      upstreams.flatMap(({ name: upstream, phases }) =>
        (Object.keys(phases) as UpstreamPhase[]).map(phase => ({
          labels: { upstream, phase },
          ...phases[phase]
        }))
      )
  }
]

function byWay(spreads: Readonly<Record<string, TimeSpread>>): HistogramRow[] {
  return Object.entries(spreads).map(([way, { upToMs, counts, sumMs }]) => {
    let count = 0
    const cumulative = counts.map(one => (count += one))
    const buckets = upToMs.map((upTo, index) => [upTo / 1000, cumulative[index] ?? 0] as const)
    return { labels: { way }, buckets, count, sumSeconds: sumMs / 1000 }
  })
}

export function createMetrics(status: () => AgentStatus | Promise<AgentStatus>): Metrics {
  return createExposition(series, histograms, status)
}
