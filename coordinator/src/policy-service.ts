/**
 * Policies as the rest of the coordinator sees them: what agents are told, what is heard of them, what an admin may do.
 * Everything of it is put together here.
 */
import { newsWaitMs, type HeartbeatRequest } from '@starling/shared/coordinator-api.ts'
import { messageOf } from '@starling/shared/errors.ts'
import type { Spans } from '@starling/agent/telemetry/spans.ts'
import type { AgentId } from '@starling/shared/ids.ts'
import type { HostFacts } from '@starling/shared/policy/host-facts.ts'
import { hostFactsOf } from '@starling/shared/policy/host-told.ts'
import type { ScopedMember } from '@starling/shared/policy-scope.ts'
import type { Standing } from '@starling/shared/rollout-plan.ts'
import type { PolicyReport, SignedPolicy } from '@starling/shared/signed-policy.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { Enrolment } from './enrolment.ts'
import type { Log } from './log.ts'
import { createNews, type News } from './news.ts'
import { createPolicies, type Policies } from './policies.ts'
import { createPolicyDesk } from './policy-desk.ts'
import type {
  AgentRecord,
  Authority,
  Change,
  CoordinatorStore,
  OrderDesk,
  PolicyStore,
  RolloutCore
} from './ports.ts'
import type { Purges } from './purges.ts'
import { runRollouts } from './rollout-leader.ts'

export interface PolicyService {
  readonly policies: Policies
  readonly news: Pick<News, 'wait' | 'waiting'>
  /** Notes what a heartbeat tells. @returns what the agent is to have instead; null: nothing newer */
  heard(member: AgentRecord, heartbeat: HeartbeatRequest): SignedPolicy | null
  /** How the agent stands to what it is to have, as it told last; null: it has told nothing since the start. */
  standingOf(member: ScopedMember): Standing | null
  /** What agents have answered to policies since the start. */
  acknowledged(): Readonly<Record<'applied' | 'refused', number>>
  /** No more polls are held; what was heard is written down. */
  stop(): Promise<void>
}

export interface PolicyServiceParts {
  readonly store: PolicyStore
  readonly fleet: Pick<CoordinatorStore, 'agents' | 'note'>
  readonly authority: Pick<Authority, 'policy'>
  readonly enrolment: Pick<Enrolment, 'revocationsSince'>
  readonly purges: Pick<Purges, 'newsSince'>
  readonly orders: Pick<OrderDesk, 'newsFor' | 'load'>
  readonly change: Change
  readonly createCore: () => RolloutCore
  /** Any coordinator on the database has changed something of this name. */
  readonly listen: (channel: string, handler: () => void) => () => void
  readonly lead: (onLeader: (until: AbortSignal) => void) => () => void
  readonly clock: () => Millis
  readonly spans: Spans
  readonly log: Log
}

/** What changes it is news of. */
const channels = ['policies', 'revocations', 'purges', 'orders'] as const

export async function startPolicyService(
  parts: PolicyServiceParts,
  { heartbeatMs }: { readonly heartbeatMs: Millis }
): Promise<PolicyService> {
  const { store, fleet, enrolment, purges, clock, log } = parts
  const hosts = new Map<AgentId, HostFacts>()
  const desk = createPolicyDesk(parts, clock)
  const members = async (): Promise<readonly AgentRecord[]> =>
    (await fleet.agents()).filter(({ revokedAt }) => revokedAt === null)
  const note = (at: Millis, kind: string, detail: string): Promise<void> =>
    fleet.note({ at, kind, agent: null, detail })

  const news = createNews(
    {
      desk,
      orders: parts.orders,
      revocations: () => enrolment.revocationsSince(-1),
      purgesSince: than => purges.newsSince(than),
      log
    },
    newsWaitMs
  )
  // After a restore agents would refuse, as older, whatever they are told.
  await store.renumber(Math.floor(clock())).catch((error: unknown) => {
    log.warn({ why: messageOf(error) }, 'policies could not be numbered anew')
  })
  await news.changed()
  const rollouts = runRollouts(
    {
      store,
      lead: parts.lead,
      onChange: handler => {
        const undo = ['policies', 'revocations'].map(channel => parts.listen(channel, handler))
        return () => {
          for (const step of undo) step()
        }
      },
      createCore: parts.createCore,
      anyRollout: desk.anyRollout,
      members,
      note,
      spans: parts.spans,
      log,
      clock
    },
    heartbeatMs
  )
  const unlisten = channels.map(channel =>
    parts.listen(channel, () => {
      void news.changed()
    })
  )
  const policies = createPolicies({
    store,
    fleet: async () =>
      (await members()).map(member => ({ ...member, host: hosts.get(member.agent) ?? null })),
    view: scope => rollouts.view(scope),
    change: parts.change,
    clock
  })

  const acknowledged = { applied: 0, refused: 0 }
  /** What each agent has, and what it has refused, as it said last. */
  const said = new Map<AgentId, PolicyReport>()
  function acknowledge(agent: AgentId, report: PolicyReport | undefined): void {
    if (report === undefined) return
    const before = said.get(agent)
    const refused = report.refused?.digest
    said.set(agent, report)
    // Of whom nothing was heard yet, that is no news.
    if (before === undefined) return
    if (refused !== before.refused?.digest && refused !== undefined) acknowledged.refused++
    else if (report.digest !== before.digest) acknowledged.applied++
  }

  return {
    policies,
    news,
    acknowledged: () => ({ ...acknowledged }),
    standingOf(member) {
      const report = said.get(member.agent)
      return report === undefined ? null : desk.standingOf(member, report)
    },
    heard(member, { host, counters, policy }) {
      hosts.set(member.agent, hostFactsOf(host))
      acknowledge(member.agent, policy)
      rollouts.heard({
        agent: member.agent,
        heardAt: Math.floor(clock()),
        standing: desk.standingOf(member, policy),
        downloads: Math.floor(counters.downloads ?? 0),
        errors: Math.floor(counters.downloadErrors ?? 0)
      })
      return desk.newsFor(member, policy)
    },
    async stop() {
      for (const step of unlisten) step()
      news.stop()
      await rollouts.stop()
    }
  }
}
