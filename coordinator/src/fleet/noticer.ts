/** Sees all agents beside each other once a minute, by the one coordinator that leads, and writes down what is new of it. */
import type { HostFact } from '@starling/shared/heartbeat-report.ts'
import { hostFactsOf, listIn } from '@starling/shared/policy/host-told.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { NoticedStore, ReportedAgent } from '../fleet-ports.ts'
import type { Noticing, Seen } from '../ports.ts'
import { isThere } from './presence.ts'

export function createNoticer({
  store,
  decide,
  heartbeatMs,
  clock
}: {
  readonly store: NoticedStore
  readonly decide: Noticing
  readonly heartbeatMs: Millis
  readonly clock: () => Millis
}): () => Promise<void> {
  return async () => {
    const now = Math.floor(clock())
    const agents: Array<{ readonly seen: Seen; readonly suspicions: string; readonly noticed: string }> = []
    for await (const row of store.reported()) {
      const { suspicions, noticed } = row
      agents.push({ seen: seenIn(row, isThere(row.lastHeardAt, heartbeatMs, now)), suspicions, noticed })
    }
    const found = decide.suspected(agents.map(({ seen }) => seen))
    await store.note(
      agents.flatMap(({ seen: { agent }, suspicions, noticed }) => {
        const before = JSON.parse(suspicions) as ReturnType<Noticing['stillSuspected']>
        const after = decide.stillSuspected(before, found.get(agent) ?? new Set(), now)
        const row = {
          agent,
          suspicions: JSON.stringify(after),
          noticed: decide.noticedOf(after, now).join(' ')
        }
        return row.suspicions === suspicions && row.noticed === noticed ? [] : [row]
      })
    )
  }
}

function seenIn({ agent, site, version, ...told }: ReportedAgent, online: boolean): Seen {
  // Of who is away, nothing but its version is looked at.
  const host = online ? (JSON.parse(told.host) as Record<string, HostFact>) : {}
  const counters = online ? (JSON.parse(told.counters) as Record<string, number>) : {}
  return {
    agent,
    site,
    version,
    online,
    dialled: booleanOf(host['dialled']),
    unreached: listIn(host['unreached']),
    multicast: booleanOf(host['multicast']),
    peers: numberOf(host['peers']) ?? 0,
    subnets: hostFactsOf(host).subnets,
    wan: { bytes: counters['fromUpstream'] ?? 0, bytesPerSecond: numberOf(host['wanBytesPerSecond']) },
    lan: { bytes: counters['fromPeers'] ?? 0, bytesPerSecond: numberOf(host['lanBytesPerSecond']) },
    lineBytesPerSecond: numberOf(host['lineBytesPerSecond'])
  }
}

function booleanOf(fact: HostFact | undefined): boolean | null {
  return typeof fact === 'boolean' ? fact : null
}
function numberOf(fact: HostFact | undefined): number | null {
  return typeof fact === 'number' ? fact : null
}
