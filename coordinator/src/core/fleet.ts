/**
 * Who is there: an agent is online from a heartbeat on until three in a row have failed to come (one may get lost,
 * two may be a restart). Agents are kept in the order in which they were last heard, so the one that falls silent
 * first is always at the front and nobody else has to be looked at.
 */
import type { SwarmEntry } from '@starling/shared/coordinator-api.ts'
import type { Role } from '@starling/shared/credential.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import type { Millis } from '@starling/shared/units.ts'

/** Three heartbeats, late by the jitter. */
export const heartbeatsMissedMax = 3.5

export interface Member {
  readonly agent: AgentId
  readonly site: SiteId
  readonly role: Role
}

export interface Present extends Member {
  readonly addresses: readonly string[]
  /** Transfers the agent has some or all of. */
  readonly swarm: ReadonlyMap<string, SwarmEntry>
  readonly heardAt: Millis
}

/** The place of an agent that is online in the list of its site. */
interface Seat {
  present: Present
}

export class Fleet {
  readonly #silenceMsMax: Millis
  readonly #members = new Map<AgentId, Member>()
  /** Longest silent first. */
  readonly #online = new Map<AgentId, Present>()
  /** Hand-outs look at some dozens of a site for each heartbeat: without asking for each by name. */
  readonly #sites = new Map<SiteId, Seat[]>()
  readonly #seats = new Map<AgentId, Seat>()
  readonly #gateways = new Map<SiteId, Set<AgentId>>()

  constructor(heartbeatMs: Millis) {
    this.#silenceMsMax = heartbeatMs * heartbeatsMissedMax
  }

  enrol(member: Member): void {
    this.#members.set(member.agent, member)
    const present = this.#online.get(member.agent)
    if (present === undefined || (present.site === member.site && present.role === member.role)) return
    this.#leave(present)
  }

  /** @returns whether it has just come online; null for an agent that was never enrolled. */
  heard(
    agent: AgentId,
    addresses: readonly string[],
    swarm: readonly SwarmEntry[],
    now: Millis
  ): boolean | null {
    const member = this.#members.get(agent)
    if (member === undefined) return null
    const came = !this.#online.delete(agent)
    const present = {
      ...member,
      addresses,
      swarm: new Map(swarm.map(entry => [entry.transfer, entry])),
      heardAt: now
    }
    this.#online.set(agent, present)
    const seat = this.#seats.get(agent)
    if (seat === undefined) this.#join(present)
    else seat.present = present
    return came
  }

  /** @returns whether it was online. */
  remove(agent: AgentId): boolean {
    this.#members.delete(agent)
    const present = this.#online.get(agent)
    if (present !== undefined) this.#leave(present)
    return present !== undefined
  }

  /** Those who have been silent for too long, who are offline from now on. */
  fallSilent(now: Millis): AgentId[] {
    const silent: AgentId[] = []
    for (const present of this.#online.values()) {
      if (present.heardAt + this.#silenceMsMax > now) break
      this.#leave(present)
      silent.push(present.agent)
    }
    return silent
  }

  nextSilenceAt(): Millis | null {
    for (const present of this.#online.values()) return present.heardAt + this.#silenceMsMax
    return null
  }

  present(agent: AgentId): Present | undefined {
    return this.#online.get(agent)
  }
  /** Agents online in a site, in an order that only changes where somebody comes or goes. */
  site(site: SiteId): ReadonlyArray<{ readonly present: Present }> {
    return this.#sites.get(site) ?? []
  }
  gateways(site: SiteId): ReadonlySet<AgentId> {
    return this.#gateways.get(site) ?? new Set()
  }
  online(): IterableIterator<Present> {
    return this.#online.values()
  }
  get onlineCount(): number {
    return this.#online.size
  }

  #join(present: Present): void {
    const { agent, site, role } = present
    const seat = { present }
    this.#seats.set(agent, seat)
    this.#siteList(site).push(seat)
    if (role !== 'gateway') return
    const gateways = this.#gateways.get(site) ?? new Set()
    this.#gateways.set(site, gateways.add(agent))
  }

  #leave({ agent, site }: Present): void {
    this.#online.delete(agent)
    this.#gateways.get(site)?.delete(agent)
    const list = this.#siteList(site)
    const at = list.findIndex(({ present }) => present.agent === agent)
    this.#seats.delete(agent)
    // The last one takes the place: a hole is closed without moving the rest.
    const last = list.pop()
    if (last !== undefined && at < list.length) list[at] = last
    if (list.length === 0) this.#sites.delete(site)
  }

  #siteList(site: SiteId): Seat[] {
    let list = this.#sites.get(site)
    if (list === undefined) this.#sites.set(site, (list = []))
    return list
  }
}
