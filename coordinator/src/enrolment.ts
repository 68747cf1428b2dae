/**
 * Who gets a credential: an agent that shows a ticket's secret, and from then on the same agent (its key is its
 * name) for as long as it is not revoked. The word on each refusal is for the person at the machine: it says
 * which of the things that can be wrong with a ticket is wrong, which only somebody who has the secret learns.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import {
  clockToleranceMs,
  credentialGraceMs,
  type Credential,
  type RevocationList,
  type Role
} from '@starling/shared/credential.ts'
import type { TicketRequest, TicketView } from '@starling/shared/admin-api/fleet.ts'
import type { EnrolRequest } from '@starling/shared/coordinator-api.ts'
import { StarlingError, assert } from '@starling/shared/errors.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import { formatTicket } from '@starling/shared/ticket.ts'
import { dayMs, hourMs, minuteMs, type Millis } from '@starling/shared/units.ts'
import { byAgent, byItself } from './by.ts'
import type {
  AgentRecord,
  Authority,
  By,
  Change,
  ChangeStore,
  CoordinatorStore,
  FleetPort,
  Superseded
} from './ports.ts'

/** Expired tickets are still told from unknown ones for so long. */
const expiredTicketsKeptMs: Millis = 30 * dayMs

/**
 * After the last credential of a revoked agent has expired, grace included: longer than any clock of a fleet is wrong
 * unseen. For ever would be too long a list: at some 150,000 no answer could carry it any more.
 */
const revocationKeptMs: Millis = credentialGraceMs + 31 * dayMs

/** An agent that is heard still is no machine's old self, whatever its hardware says: clones exist. */
const silentHeartbeats = 4

/** Who asks again so soon has not got its credential, or wants to fill the table: it gets the same once more. */
const sameAgainMs: Millis = minuteMs

export interface Enrolment {
  createTicket(
    request: TicketRequest,
    by: By
  ): Promise<{ readonly ticket: string; readonly view: TicketView }>
  tickets(): Promise<readonly TicketView[]>
  /** Lets nobody join with it any more; who has joined stays. @throws StarlingError `unknown-ticket` */
  revokeTicket(id: string, by: By): Promise<void>
  /**
   * @param address from where, for the audit log
   * @throws StarlingError `ticket-unknown`, `ticket-expired`, `ticket-used`, `ticket-role`, `revoked`
   */
  enrol(agent: AgentId, request: EnrolRequest, address: string): Promise<Credential>
  /** @throws StarlingError `not-enrolled`, `revoked` */
  member(agent: AgentId): Promise<AgentRecord>
  /** Puts out the old selves of machines that were set up anew and have joined again, once they are silent. */
  supersede(): Promise<void>
  /** Keeps the list of revocations short, once an hour. Who is off it is still refused here, by its key. */
  shortenRevocations(): Promise<void>
  /** Out of the fleet and of its lists. @throws StarlingError `unknown-agent` */
  decommission(agent: AgentId, reason: string, by: By): Promise<void>
  /**
   * To another site or group; its next heartbeat brings the credential. A site of null: from now on the site definitions find it.
   * @throws StarlingError `unknown-agent`
   */
  move(
    agent: AgentId,
    to: { readonly site?: SiteId | null | undefined; readonly group?: string | null | undefined },
    by: By
  ): Promise<AgentRecord>
  /** To the site that the definitions find for it, unless somebody has named one by now. */
  place(agent: AgentId, site: SiteId, why: string): Promise<void>
  renew(member: AgentRecord): Promise<Credential>
  /** Null while the credential of that serial has more than half of its life before it. */
  renewIfDue(member: AgentRecord, serial: number): Promise<Credential | null>
  /** The signed list if it is newer than `than`. */
  revocationsSince(than: number): Promise<RevocationList | null>
  /** @throws StarlingError `unknown-agent`. @returns false when it was revoked already. */
  revoke(agent: AgentId, reason: string, by: By): Promise<boolean>
}

export interface EnrolmentOptions {
  readonly store: CoordinatorStore
  /** What each heartbeat asks, without a query each. */
  readonly cached: Pick<CoordinatorStore, 'agent' | 'revocations'>
  readonly change: Change
  readonly authority: Authority
  readonly fleet: Pick<FleetPort, 'enrolled' | 'revoked'>
  readonly clock: () => Millis
  readonly addresses: () => readonly string[]
  readonly site: SiteId
  readonly credentialLifeMs: Millis
  readonly heartbeatMs: Millis
}

interface Issued {
  readonly serial: number
  readonly at: Millis
  readonly notAfter: Millis
}

export function createEnrolment(options: EnrolmentOptions): Enrolment {
  const { store, change, authority, fleet, clock } = options
  /** Of credentials issued by this process; after a restart everyone simply gets a new one. */
  const issued = new Map<AgentId, Issued & { readonly site: SiteId; readonly role: Role }>()
  let signedList: RevocationList | null = null

  async function issue(
    within: Pick<CoordinatorStore, 'issueSerial'>,
    { agent }: AgentRecord
  ): Promise<Issued> {
    const at = Math.floor(clock())
    const notAfter = at + options.credentialLifeMs
    return { at, notAfter, serial: await within.issueSerial({ agent, at, notAfter }) }
  }

  function signed({ agent, site, role }: AgentRecord, { at, notAfter, serial }: Issued): Credential {
    issued.set(agent, { serial, at, notAfter, site, role })
    return authority.credential(
      { agentId: agent, site, role, serial, notBefore: at - clockToleranceMs, notAfter },
      at
    )
  }

  /** What was issued last, if it says the same of the agent. */
  function lastOf({ agent, site, role }: AgentRecord): Issued | null {
    const last = issued.get(agent)
    return last?.site === site && last.role === role ? last : null
  }

  async function renew(record: AgentRecord): Promise<Credential> {
    const last = lastOf(record)
    const isRecent = last !== null && Math.abs(clock() - last.at) < sameAgainMs
    return signed(record, isRecent ? last : await issue(store, record))
  }

  const silentSince = (): Millis => Math.floor(clock() - options.heartbeatMs * silentHeartbeats)

  async function superseded(
    within: Pick<ChangeStore, 'outdated' | 'supersede' | 'note'>,
    machine?: string
  ): Promise<readonly Superseded[]> {
    const now = Math.floor(clock())
    const gone = await within.outdated(silentSince(), machine)
    await within.supersede(gone, now)
    for (const { agent, by } of gone) {
      const detail = `its machine was set up anew and is ${by} now`
      await within.note({ at: now, kind: 'superseded', agent, detail })
    }
    return gone
  }

  let shortenedAt = -Infinity

  return {
    renew,
    async shortenRevocations() {
      const now = Math.floor(clock())
      if (now - shortenedAt < hourMs) return
      await store.unlist(now - revocationKeptMs, now)
      shortenedAt = now
    },
    async supersede() {
      if ((await store.outdated(silentSince())).length === 0) return
      const gone = await change(byItself('agent.supersede'), async changed => {
        const result = await superseded(changed)
        return { result, target: `${result.length} agents`, detail: replacing(result) }
      })
      for (const { agent } of gone) fleet.revoked(agent)
    },
    async createTicket({ site: named, group = null, role, uses, expiresInMs }, by) {
      const site = named ?? options.site
      const now = Math.floor(clock())
      const secret = randomBytes(32).toString('base64url')
      const secretHash = hashOf(secret)
      const record = {
        id: idOf(secretHash),
        secretHash,
        site,
        role,
        group,
        placedBy: named === undefined && role === 'agent' ? ('definitions' as const) : ('name' as const),
        usesMax: uses,
        createdAt: now,
        expiresAt: now + expiresInMs
      }
      const detail = `for ${uses} ${role}(s) of ${site}${group === null ? '' : `, group ${group}`}`
      await change(by, async changed => {
        await changed.pruneTickets(now - expiredTicketsKeptMs)
        await changed.createTicket(record)
        await changed.note({ at: now, kind: 'ticket-created', agent: null, detail: `${record.id} ${detail}` })
        return { result: undefined, target: record.id, detail }
      })
      const ticket = formatTicket({
        addresses: options.addresses().slice(0, 8),
        coordinator: authority.coordinator,
        fleet: authority.fleet,
        secret,
        expiresAt: record.expiresAt,
        site
      })
      return { ticket, view: viewOf({ ...record, uses: 0 }) }
    },
    tickets: async () => (await store.tickets()).map(viewOf),
    async revokeTicket(id, by) {
      await change(by, async changed => {
        const now = Math.floor(clock())
        if (!(await changed.endTicket(id, now)))
          throw new StarlingError(
            'unknown-ticket',
            `there is no ticket ${id} that anybody could join with: see "starling-coordinator ticket ls"`
          )
        await changed.note({ at: now, kind: 'ticket-revoked', agent: null, detail: id })
        return { result: undefined, target: id }
      })
    },
    async enrol(agent, request, address) {
      const now = Math.floor(clock())
      const secretHash = hashOf(request.secret)
      const ticket = await store.ticket(idOf(secretHash))
      if (ticket === null || !timingSafeEqual(ticket.secretHash, secretHash)) {
        throw refused(
          'ticket-unknown',
          'this coordinator does not know this ticket: ask your administrator for a new one'
        )
      }
      if (request.role !== undefined && request.role !== ticket.role) {
        throw refused(
          'ticket-role',
          `this ticket makes a machine an ${ticket.role}, not an ${request.role}: create one with --role ${request.role}`
        )
      }
      // All in one transaction: of a thousand machines that join at once each waits for the disk once, not seven times.
      const joined = await change(byAgent('agent.enrol', agent, address), async changed => {
        const known = await changed.agent(agent)
        const outcome = await changed.useTicket(ticket.id, agent, now)
        if (outcome === 'expired')
          throw refused(
            'ticket-expired',
            'this ticket has expired, or was revoked: ask your administrator for a new one'
          )
        if (outcome === 'exhausted') {
          throw refused(
            'ticket-used',
            `this ticket was already used ${ticket.usesMax === 1 ? 'by another machine' : `${ticket.usesMax} times`}: ask your administrator for a new one`
          )
        }
        // One that the definitions have found joins again where it was.
        const site = ticket.placedBy === 'name' ? ticket.site : (known?.site ?? ticket.site)
        await changed.putAgent({
          agent,
          site,
          role: ticket.role,
          group: ticket.group ?? known?.group ?? null,
          version: request.version,
          enrolledAt: now,
          lastHeardAt: null,
          revokedAt: null
        })
        await changed.setPlacedBy(agent, ticket.placedBy)
        const record = await changed.agent(agent)
        assert(record, 'it was put there')
        // Asked now that nobody else can change it: who is revoked while it joins is out.
        if (record.revokedAt !== null) throw revokedError(agent)
        const detail = `as ${ticket.role} of ${site} with ticket ${ticket.id}`
        await changed.note({ at: now, kind: 'enrolled', agent, detail })
        const { machine } = request
        const older = machine === undefined ? [] : await changed.joinedAs(agent, machine, ticket.group)
        const gone = older.length === 0 ? [] : await superseded(changed, machine)
        return {
          result: { gone, record, issued: await issue(changed, record) },
          target: agent,
          detail: [detail, replacing(gone)].filter(Boolean).join(', ')
        }
      })
      for (const { agent: old } of joined.gone) fleet.revoked(old)
      fleet.enrolled(agent, joined.record.site, ticket.role)
      return signed(joined.record, joined.issued)
    },
    async member(agent) {
      const record = await options.cached.agent(agent)
      if (record === null)
        throw refused('not-enrolled', 'this coordinator does not know this agent: join with a ticket')
      if (record.revokedAt !== null) throw revokedError(agent)
      return record
    },
    async renewIfDue(member, serial) {
      const last = lastOf(member)
      const isFresh = last?.serial === serial && clock() < last.at + options.credentialLifeMs / 2
      return isFresh ? null : await renew(member)
    },
    async revocationsSince(than) {
      const list = await options.cached.revocations()
      if (list.version === 0 || list.version <= than) return null
      if (signedList?.version !== list.version) signedList = authority.revocationList(list, clock())
      return signedList
    },
    async decommission(agent, reason, by) {
      await change(by, async changed => {
        if ((await changed.agent(agent)) === null) throw unknownAgent(agent)
        const now = Math.floor(clock())
        await changed.revoke(agent, now, reason)
        await changed.decommission(agent, now)
        await changed.note({ at: now, kind: 'decommissioned', agent, detail: reason })
        return { result: undefined, target: agent, detail: reason }
      })
      fleet.revoked(agent)
    },
    async move(agent, to, by) {
      const moved = await change(by, async changed => {
        const record = await changed.agent(agent)
        if (record === null || record.revokedAt !== null) throw unknownAgent(agent)
        const result = {
          ...record,
          site: to.site ?? record.site,
          group: to.group === undefined ? record.group : to.group
        }
        await changed.putAgent(result)
        if (result.group !== record.group) await changed.setGroup(agent, result.group)
        if (to.site !== undefined) await changed.setPlacedBy(agent, to.site === null ? 'definitions' : 'name')
        const where = to.site === null ? 'wherever the site definitions find it' : `to site ${result.site}`
        const detail = `${where}, ${result.group === null ? 'no group' : `group ${result.group}`}`
        await changed.note({ at: Math.floor(clock()), kind: 'moved', agent, detail })
        return { result, target: agent, detail }
      })
      fleet.enrolled(agent, moved.site, moved.role)
      return moved
    },
    async place(agent, site, why) {
      const { role } = await change(byItself('agent.place'), async changed => {
        const record = await changed.agent(agent)
        if (record === null || !(await changed.place(agent, site))) throw unknownAgent(agent)
        const detail = `from site ${record.site} to ${site}: ${why}`
        await changed.note({ at: Math.floor(clock()), kind: 'moved', agent, detail })
        return { result: record, target: agent, detail }
      })
      fleet.enrolled(agent, site, role)
    },
    async revoke(agent, reason, by) {
      const done = await change(by, async changed => {
        if ((await changed.agent(agent)) === null) {
          throw unknownAgent(agent)
        }
        const now = Math.floor(clock())
        const result = await changed.revoke(agent, now, reason)
        if (result) await changed.note({ at: now, kind: 'revoked', agent, detail: reason })
        return { result, target: agent, detail: result ? reason : 'was revoked already' }
      })
      if (done) fleet.revoked(agent)
      return done
    }
  }
}

function replacing(gone: readonly Superseded[]): string {
  return gone.map(({ agent, by }) => `${by} is in place of ${agent}`).join(', ')
}

function unknownAgent(agent: AgentId): StarlingError {
  return new StarlingError(
    'unknown-agent',
    `${agent} is not one of this fleet: see "starling-coordinator agents"`
  )
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** Finding a ticket by the head of its hash tells an attacker nothing that 256 random bits would not. */
function idOf(secretHash: Buffer): string {
  return secretHash.subarray(0, 8).toString('hex')
}

function viewOf({
  id,
  site,
  role,
  group,
  uses,
  usesMax,
  createdAt,
  expiresAt
}: TicketView & { secretHash: Uint8Array }): TicketView {
  return { id, site, role, group, uses, usesMax, createdAt, expiresAt }
}

function refused(code: string, message: string): StarlingError {
  return new StarlingError(code, message)
}

function revokedError(agent: AgentId): StarlingError {
  return refused(
    'revoked',
    `${agent} was revoked by an administrator and takes no part in the fleet any more`
  )
}
