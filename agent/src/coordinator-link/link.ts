/**
 * The agent's side of the coordinator: joins with a ticket, then reports by heartbeat and takes what comes back
 * (time, a fresh credential, peers, revocations, policy), and waits for news meanwhile (news.ts).
 *
 * Nothing waits for it. While no coordinator answers, the agent works on with what it last heard, and credentials
 * keep their grace; what is owed is only the present state, so catching up is one heartbeat. Retries begin after a
 * second and slow down to the heartbeat's pace, all with jitter, so that a fleet does not fall upon a coordinator
 * that has just come back.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  apiPaths,
  enrolResponseShape,
  heartbeatJitter,
  heartbeatMsDefault,
  heartbeatResponseShape,
  renewResponseShape,
  type CoordinatorAddress,
  type NewsResponse,
  type PurgeNews
} from '@starling/shared/coordinator-api.ts'
import type { Credential, Proof, RevocationList, Role } from '@starling/shared/credential.ts'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import { isKeyHash, type AgentId, type SiteId } from '@starling/shared/ids.ts'
import type { OrderList } from '@starling/shared/orders.ts'
import type { Purge } from '@starling/shared/purge.ts'
import type { PolicyReport, SignedPolicy } from '@starling/shared/signed-policy.ts'
import { parseTicket, type Ticket } from '@starling/shared/ticket.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import type { Log } from '../log.ts'
import type { CoordinatorLinkPort, PeersPort } from '../ports.ts'
import { createApiClient, type Dial } from './api-client.ts'
import { createHandoutMemory } from './handout-memory.ts'
import type { AgentReportNow } from '@starling/shared/heartbeat-report.ts'
import { createHeartbeatReports } from './heartbeat-report.ts'
import {
  loadMembership,
  loadRevocations,
  saveMembership,
  saveRevocations,
  type Membership,
  type MembershipFiles
} from './membership.ts'
import { createNewsLine } from './news.ts'

const firstRetryMs: Millis = secondMs
/** Refused for good until an admin acts: asking again costs a request, not noticing costs a person a walk. */
const refusedRetryMs: Millis = 5 * minuteMs
const finalCodes = new Set([
  'revoked',
  'not-enrolled',
  'ticket-unknown',
  'ticket-expired',
  'ticket-used',
  'ticket-role',
  'too-many-failures',
  'ticket-cut',
  'ticket-not-one',
  'ticket-newer'
])

export interface LinkParts {
  readonly identity: MembershipFiles & { dial: Dial; verifyRevocationList(list: RevocationList): boolean }
  readonly trust: {
    setProof(proof: Proof | null): void
    setRevocations(list: RevocationList): string | null
    setClockOffset(offsetMs: Millis): void
    coordinatorReachable(yes: boolean): void
  }
  readonly peers: Pick<PeersPort, 'hint' | 'forbid' | 'hangUp' | 'list' | 'addresses'>
  /** Left out where nothing is kept: such a link does not ask for purges. */
  readonly purges?: {
    /** Number of the newest purge that a coordinator of this fleet told; null: none ever told any. */
    version(fleet: AgentId): number | null
    take(fleet: AgentId, purges: readonly Purge[], version: number): Promise<void>
  }
  /** Left out where nothing is done by a policy: such a link does not ask for it, nor for other news. */
  readonly policy?: {
    load(fleet: AgentId): Promise<void>
    report(): PolicyReport
    /** @returns whether the coordinator should be told at once what became of it */
    take(policy: SignedPolicy, fleet: AgentId): Promise<boolean>
    coordinatorReached(): void
    stop(): void
  }
  /** Left out where nothing is ordered about. */
  readonly orders?: {
    /** Of the list that a coordinator of this fleet told. */
    digest(fleet: AgentId): string
    /** @param list null: this agent is out of the fleet */
    take(fleet: AgentId, list: OrderList | null): Promise<void>
  }
  /** What the heartbeat tells. */
  readonly report: () => AgentReportNow
  /** Names the hardware; null: it has no name that is its own. */
  readonly machine?: (fleet: AgentId) => Promise<string | null>
  readonly log: Log
  readonly clock?: () => Millis
  readonly random?: () => number
}

export interface LinkSettings {
  readonly dataFolder: string
  /** For joining; not looked at when the folder holds a membership in the ticket's fleet. */
  readonly ticket: string | null
  /** Where every coordinator is asked first, as an admin of this machine says now. */
  readonly addresses?: () => readonly string[]
  /** Of this program. */
  readonly version: string
  /** Told when the agent has joined, or its site or role has changed. */
  readonly onMember?: (member: Member) => void
}

export interface Member {
  readonly fleet: AgentId
  readonly site: SiteId
  readonly role: Role
}

export interface CoordinatorLink extends CoordinatorLinkPort {
  /**
   * Loads the membership or joins with the ticket, so that the proof is there before peers are met. Null: not a
   * member (yet). Does not throw for a coordinator that is away or refuses: `state` says so, and `start` goes on trying.
   * @throws StarlingError `membership-damaged`, `membership-foreign`, `ticket-cut`, `ticket-not-one`, `ticket-newer`
   */
  prepare(): Promise<Member | null>
  /** One attempt to join with a ticket, for the command line. @throws StarlingError with the coordinator's reason */
  join(ticket: string): Promise<Member>
}

export function createCoordinatorLink(parts: LinkParts, settings: LinkSettings): CoordinatorLink {
  const { identity, trust, peers, report, log, clock = Date.now, random = Math.random } = parts
  const { dataFolder, version } = settings
  const client = createApiClient(identity.dial)
  const handouts = createHandoutMemory(dataFolder, identity)
  const reports = createHeartbeatReports(dataFolder, identity, clock)
  let membership: Membership | null = null
  let ticket: Ticket | null = null
  let revocationsVersion = -1
  let heartbeatMs = heartbeatMsDefault
  let failures = 0
  let lastRefusal: string | null = null
  /** The coordinator does not know of purges. */
  let purgesUnknown = false
  /** The coordinator has shown that it knows of reports, and takes gzip. */
  let reportsKnown = false
  /** The coordinator has shown that it knows of policies and news. */
  let policyKnown = false
  /** The coordinator has shown that it knows of orders. */
  let ordersKnown = false
  let prepared = false
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let beating: Promise<void> | null = null
  let isBeating = false
  /** Something is to be told at once. */
  let beatSoon = false
  let state: ReturnType<CoordinatorLinkPort['state']> = { kind: 'none', since: clock(), problem: null }

  const news = createNewsLine({
    dial: identity.dial,
    random,
    has() {
      if (membership === null || membership.revoked || parts.policy === undefined || !policyKnown) return null
      const purgesVersion = purgesUnknown ? null : (parts.purges?.version(membership.fleet) ?? null)
      const request = {
        revocationsVersion,
        policy: parts.policy.report(),
        ...(purgesVersion === null ? {} : { purgesVersion }),
        ...(ordersKnown && parts.orders !== undefined
          ? { orders: parts.orders.digest(membership.fleet) }
          : {})
      }
      return { request, coordinators: roadsTo(membership.coordinators) }
    },
    async take(news: NewsResponse) {
      if (membership === null) return
      await takeRevocations(news.revocations, true)
      await takePurges(news.purges, membership.fleet)
      await takeOrders(news.orders, membership.fleet)
      await takePolicy(news.policy, membership.fleet)
    },
    refused: beatNow
  })

  /** An admin's addresses name no coordinator: each is tried there, and TLS finds out who answers. */
  const roadsTo = (coordinators: readonly CoordinatorAddress[]): readonly CoordinatorAddress[] => {
    const first = settings.addresses?.() ?? []
    return coordinators.map(({ id, addresses }) => ({
      id,
      addresses: [...new Set([...first, ...addresses])]
    }))
  }

  const member = (): Member | null =>
    membership === null || membership.revoked
      ? null
      : { fleet: membership.fleet, site: membership.credential.site, role: membership.credential.role }

  function setState(kind: typeof state.kind, problem: string | null): void {
    if (kind === state.kind && problem === state.problem) return
    state = { kind, since: kind === state.kind ? state.since : clock(), problem }
    log[problem === null ? 'info' : 'warn']({ kind, problem }, 'coordinator link')
  }

  async function takeCredential(
    credential: Credential,
    coordinators: readonly CoordinatorAddress[],
    fleet: AgentId
  ): Promise<void> {
    if (
      credential.agentId !== identity.agentId ||
      credential.coordinator.fleet !== fleet ||
      !identity.verifyCredential(credential)
    ) {
      throw new StarlingError(
        'bad-credential',
        'the coordinator gave a credential that its fleet did not sign for this agent'
      )
    }
    const before = member()
    membership = { coordinators, fleet, credential, revoked: false }
    await saveMembership(dataFolder, identity, membership)
    trust.setProof({ kind: 'credential', credential })
    const { site, role } = credential
    if (before?.fleet !== fleet || before.site !== site || before.role !== role)
      settings.onMember?.({ fleet, site, role })
  }

  async function takeRevocations(list: RevocationList | null, keep: boolean): Promise<void> {
    if (list === null) return
    const reason = trust.setRevocations(list)
    if (reason !== null) return log.warn({ reason, version: list.version }, 'revocation list not taken')
    revocationsVersion = list.version
    peers.forbid(
      list.agents.filter(agent => agent !== identity.agentId),
      'revoked'
    )
    if (keep) await saveRevocations(dataFolder, identity, list)
  }

  /** The answer was on its way for about half of the time that we waited for it. */
  function takeTime(time: Millis, askedAt: Millis): void {
    trust.setClockOffset(Math.round(time + (clock() - askedAt) / 2 - clock()))
  }

  async function enrol(by: Ticket): Promise<void> {
    const askedAt = clock()
    const from = [{ id: by.coordinator, addresses: by.addresses }]
    const machine = (await parts.machine?.(by.fleet)) ?? null
    const answer = await client
      .ask(
        roadsTo(from),
        apiPaths.enrol,
        { secret: by.secret, version, ...(machine === null ? {} : { machine }) },
        enrolResponseShape
      )
      .catch(async (error: unknown) => {
        // An older coordinator does not know of machines.
        if (machine === null || codeOf(error) !== 'bad-body') throw error
        return await client.ask(
          roadsTo(from),
          apiPaths.enrol,
          { secret: by.secret, version },
          enrolResponseShape
        )
      })
    takeTime(answer.time, askedAt)
    const coordinators = answer.coordinators.length > 0 ? answer.coordinators : from
    await takeCredential(answer.credential, coordinators, by.fleet)
    await takeRevocations(answer.revocations, true)
    heartbeatMs = answer.heartbeatMs
    log.info({ fleet: by.fleet, site: answer.credential.site, role: answer.credential.role }, 'joined')
  }

  async function renew({ coordinators, fleet }: Membership): Promise<void> {
    const askedAt = clock()
    const answer = await client.ask(roadsTo(coordinators), apiPaths.renew, {}, renewResponseShape)
    takeTime(answer.time, askedAt)
    await takeCredential(answer.credential, coordinators, fleet)
  }

  /** Where to go when the one that answers is gone. */
  async function takeCoordinators(coordinators: readonly CoordinatorAddress[] = []): Promise<void> {
    if (membership === null || coordinators.length === 0) return
    if (isDeepStrictEqual(membership.coordinators, coordinators)) return
    membership = { ...membership, coordinators }
    await saveMembership(dataFolder, identity, membership)
  }

  /** What is told to us is noted by number, so that each is told once. */
  async function takePurges(news: PurgeNews | undefined, fleet: AgentId): Promise<void> {
    const has = parts.purges?.version(fleet) ?? null
    if (news === undefined || parts.purges === undefined) return
    // From now on we ask; and ask for all again when the coordinator has lost its memory and counts anew.
    const known = has === null || news.version < has ? 0 : has
    const last = news.list.at(-1)?.number ?? known
    if (last !== has) await parts.purges.take(fleet, news.list.flatMap(purgeOf), last)
  }

  /** What became of it is told at once: a rollout waits for it. */
  async function takePolicy(policy: SignedPolicy | null | undefined, fleet: AgentId): Promise<void> {
    if (policy === null || policy === undefined || parts.policy === undefined) return
    if (await parts.policy.take(policy, fleet)) beatNow()
  }

  async function takeOrders(orders: OrderList | null | undefined, fleet: AgentId): Promise<void> {
    if (orders !== null && orders !== undefined) await parts.orders?.take(fleet, orders)
  }

  async function heartbeat({ coordinators, fleet, credential }: Membership): Promise<void> {
    const now = report()
    const { orders: progress, ...told } = reports.next(now, reportsKnown)
    const purgesVersion = purgesUnknown ? null : (parts.purges?.version(fleet) ?? null)
    const askedAt = clock()
    const answer = await client.ask(
      roadsTo(coordinators),
      apiPaths.heartbeat,
      {
        version,
        ...told,
        revocationsVersion,
        ...(purgesVersion === null ? {} : { purgesVersion }),
        ...(policyKnown && parts.policy !== undefined ? { policy: parts.policy.report() } : {}),
        ...(ordersKnown && parts.orders !== undefined
          ? { orders: { digest: parts.orders.digest(fleet), progress } }
          : {}),
        addresses: peers.addresses().slice(0, 16),
        credentialSerial: credential.serial
      },
      heartbeatResponseShape,
      reportsKnown
    )
    takeTime(answer.time, askedAt)
    reportsKnown = answer.report !== undefined
    if (answer.report !== undefined && reports.answered(answer.report)) beatNow()
    await reports.note(now)
    heartbeatMs = answer.heartbeatMs
    if (answer.credential !== null) await takeCredential(answer.credential, coordinators, fleet)
    else if (membership?.revoked === true) await takeCredential(credential, coordinators, fleet)
    await takeCoordinators(answer.coordinators)
    await takeRevocations(answer.revocations, true)
    purgesUnknown = answer.purges === undefined
    await takePurges(answer.purges, fleet)
    ordersKnown = answer.orders !== undefined
    await takeOrders(answer.orders, fleet)
    policyKnown = answer.policy !== undefined
    parts.policy?.coordinatorReached()
    await takePolicy(answer.policy, fleet)
    if (policyKnown && parts.policy !== undefined) news.open()
    const others = answer.handout.filter(({ id }) => id !== identity.agentId)
    if (others.length === 0) return
    peers.hint(others)
    await handouts.note(others, clock())
  }

  /** One contact of whatever kind is due; never throws. */
  async function contact(what: () => Promise<void>): Promise<void> {
    try {
      await what()
      failures = 0
      lastRefusal = null
      trust.coordinatorReachable(true)
      setState('connected', null)
    } catch (error) {
      if (stopped) return
      failures++
      const code = codeOf(error)
      // A coordinator that was set back to an older version: the next heartbeat says nothing that it does not know.
      if (code === 'bad-body') {
        purgesUnknown = true
        policyKnown = false
        reportsKnown = false
        ordersKnown = false
      }
      // It answered: only credentials of those whom nobody can answer keep their grace.
      lastRefusal = finalCodes.has(code) ? code : null
      trust.coordinatorReachable(lastRefusal !== null)
      if (code === 'revoked') await leave()
      setState(membership === null ? 'never' : 'lost', messageOf(error))
    }
  }

  /** This agent is out: it shows no proof any more, and hangs up on everyone. */
  async function leave(): Promise<void> {
    if (membership === null || membership.revoked) return
    membership = { ...membership, revoked: true }
    trust.setProof(null)
    await parts.orders?.take(membership.fleet, null)
    for (const { id } of peers.list()) peers.hangUp(id, 'this agent was revoked')
    await saveMembership(dataFolder, identity, membership).catch((error: unknown) => {
      log.error({ err: error }, 'the revocation could not be written down')
    })
  }

  function beatNow(): void {
    beatSoon = true
    if (isBeating || stopped) return
    clearTimeout(timer)
    beating = beat()
  }

  async function beat(): Promise<void> {
    isBeating = true
    beatSoon = false
    await beatOnce()
    isBeating = false
    if (beatSoon && failures === 0 && !stopped) return await beat()
    schedule()
  }

  async function beatOnce(): Promise<void> {
    const [now, by] = [membership, ticket]
    // The coordinator has lost its memory, or is another one of the fleet: the ticket may still be good.
    const askAgain = now === null || (lastRefusal === 'not-enrolled' && by?.fleet === now.fleet)
    if (!askAgain) await contact(() => heartbeat(now))
    else if (by !== null) await contact(() => enrol(by))
    // Joined just now: the first heartbeat brings the first peers.
    if (now === null && membership !== null) await contact(() => heartbeat(membership!))
  }

  function schedule(): void {
    if (stopped || (membership === null && ticket === null)) return
    const jittered = waitMs() * (1 + heartbeatJitter * (2 * random() - 1))
    timer = setTimeout(() => {
      beating = beat()
    }, jittered)
    timer.unref()
  }

  function waitMs(): Millis {
    if (lastRefusal !== null) return Math.max(refusedRetryMs, heartbeatMs)
    return failures === 0
      ? heartbeatMs
      : Math.min(heartbeatMs, firstRetryMs * 2 ** Math.min(failures - 1, 10))
  }

  async function prepare(): Promise<Member | null> {
    if (prepared) return member()
    ticket = settings.ticket === null ? null : parseTicket(settings.ticket)
    membership = await loadMembership(dataFolder, identity)
    await reports.load()
    prepared = true
    // A ticket of another fleet is an admin's wish to move this agent there.
    if (membership !== null && ticket !== null && ticket.fleet !== membership.fleet) membership = null
    if (membership === null && ticket === null) return null
    setState('never', null)
    const kept = membership
    if (kept === null) {
      await contact(() => enrol(ticket!))
    } else if (!kept.revoked) {
      trust.setProof({ kind: 'credential', credential: kept.credential })
      await takeRevocations(await loadRevocations(dataFolder, identity), false)
      await parts.policy?.load(kept.fleet)
      const { site, role } = kept.credential
      settings.onMember?.({ fleet: kept.fleet, site, role })
      // After a long sleep: with an expired credential the first peers would all say no.
      if (kept.credential.notAfter <= clock()) await contact(() => renew(kept))
    }
    return member()
  }

  return {
    prepare,
    async join(text) {
      ticket = parseTicket(text)
      await enrol(ticket)
      return member()!
    },
    async start() {
      await prepare()
      if (member() !== null) peers.hint(await handouts.recall())
      if (stopped) return
      // `prepare` may have asked in vain a moment ago.
      if (failures > 0) schedule()
      else beating = beat()
    },
    state: () => state,
    async stop() {
      stopped = true
      clearTimeout(timer)
      client.close()
      parts.policy?.stop()
      await news.stop()
      await beating
      if (membership !== null) await reports.note(report(), true)
    }
  }
}

/** None for a kind of a newer coordinator's. */
function purgeOf({ kind, target, purgedAt }: PurgeNews['list'][number]): Purge[] {
  if (kind === 'key' && isKeyHash(target)) return [{ target: { kind, key: target }, purgedAt }]
  return kind === 'class' ? [{ target: { kind, id: target }, purgedAt }] : []
}
