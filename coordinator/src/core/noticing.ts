/**
 * What is wrong with agents that they cannot know by themselves, found by seeing them beside each other:
 *
 * - `unreachable`: nobody has dialled it lately, and others say that they have tried for minutes. One who fails may have
 *   the trouble himself, so two must say so, where there are two.
 * - `no-multicast`: it uses mDNS and has heard nobody, though agents of its site that use it are on its subnet. It must be
 *   linked with somebody: two homes with the same private addresses are no subnet.
 * - `slow-link`: it has fetched much and never faster than a small part of what its site's median, or the line, gives.
 *   The best rate counts, so who was only slow because an origin was, is found out by what it fetches later.
 * - `old-version`: older than the newest that agents have who are there; of twenty and more, than the newest that two have, or
 *   one machine that tries something out, or says so, would make all others old.
 *
 * What is seen is a suspicion, and a problem only when it has lasted; so a start, a sleep or a rollout of a new version
 * is none. Of who is not there nothing can be said but its version.
 */
import type { NoticedProblem } from '@starling/shared/fleet-problems.ts'
import type { AgentId, SiteId } from '@starling/shared/ids.ts'
import { networkFrom } from '@starling/shared/policy/networks.ts'
import {
  dayMs,
  GiB,
  hourMs,
  minuteMs,
  type Bytes,
  type BytesPerSecond,
  type Millis
} from '@starling/shared/units.ts'

/** How long each must last. */
export const noticedAfterMs: Readonly<Record<NoticedProblem, Millis>> = {
  unreachable: 10 * minuteMs,
  'no-multicast': 10 * minuteMs,
  'slow-link': hourMs,
  // As long as a fleet may take to be brought up to date.
  'old-version': 14 * dayMs
}
const witnessesMin = 2
/** In a fleet of so many one machine is no trial. */
const triedByOneMax = 20
/** Of less, a rate tells of a pause, a busy origin or a lucky moment. */
const fetchedBytesMin: Bytes = GiB
/** With fewer there is no median to speak of. */
const comparedMin = 5
/** A hundred megabits among gigabits are ten times slower, and a find; Wi-Fi among cables is four times, and is not. */
const slowTimes = 8
/** The line is shared by the site, so a part of it is what one may expect. */
const lineTimes = 20

/** An agent as its last report showed it. */
export interface Seen {
  readonly agent: AgentId
  readonly site: SiteId
  readonly version: string
  readonly online: boolean
  /** Null: not told. */
  readonly dialled: boolean | null
  readonly unreached: readonly AgentId[]
  /** Whether it heard anybody; null: it does not use mDNS, or has not said. */
  readonly multicast: boolean | null
  readonly peers: number
  readonly subnets: readonly string[]
  readonly wan: Fetched
  readonly lan: Fetched
  readonly lineBytesPerSecond: BytesPerSecond | null
}

export interface Fetched {
  readonly bytes: Bytes
  /** The best seen; null: none yet. */
  readonly bytesPerSecond: BytesPerSecond | null
}

/** Since when each is suspected. */
export type Suspicions = Readonly<Partial<Record<NoticedProblem, Millis>>>

/** What may be wrong with each right now; those with whom nothing is are left out. */
export function suspected(all: readonly Seen[]): Map<AgentId, Set<NoticedProblem>> {
  const found = new Map<AgentId, Set<NoticedProblem>>()
  const suspect = (agent: AgentId, problem: NoticedProblem): void => {
    found.set(agent, (found.get(agent) ?? new Set()).add(problem))
  }
  const newest = newestOf(all)
  for (const { agent, version } of all) if (isOlder(version, newest)) suspect(agent, 'old-version')
  const online = all.filter(one => one.online)
  for (const agent of unreachable(online)) suspect(agent, 'unreachable')
  for (const site of bySite(online).values()) {
    for (const agent of withoutMulticast(site)) suspect(agent, 'no-multicast')
    for (const agent of slow(site)) suspect(agent, 'slow-link')
  }
  return found
}

/** Since when it has been suspected of what it is suspected of now. */
export function stillSuspected(
  before: Suspicions,
  problems: ReadonlySet<NoticedProblem>,
  now: Millis
): Suspicions {
  return Object.fromEntries([...problems].sort().map(problem => [problem, before[problem] ?? now]))
}

export function noticedOf(suspicions: Suspicions, now: Millis): NoticedProblem[] {
  return (Object.keys(suspicions) as NoticedProblem[])
    .filter(problem => now - (suspicions[problem] ?? now) >= noticedAfterMs[problem])
    .sort()
}

function unreachable(online: readonly Seen[]): AgentId[] {
  const witnesses = new Map<AgentId, number>()
  const sizes = new Map<SiteId, number>()
  for (const { site, unreached } of online) {
    sizes.set(site, (sizes.get(site) ?? 0) + 1)
    // Who says it twice is one witness.
    for (const peer of new Set(unreached)) witnesses.set(peer, (witnesses.get(peer) ?? 0) + 1)
  }
  return online
    .filter(({ agent, site, dialled }) => {
      const enough = Math.max(1, Math.min(witnessesMin, (sizes.get(site) ?? 0) - 1))
      return dialled === false && (witnesses.get(agent) ?? 0) >= enough
    })
    .map(({ agent }) => agent)
}

function withoutMulticast(site: readonly Seen[]): AgentId[] {
  const users = site
    .filter(({ multicast }) => multicast !== null)
    .map(one => ({ ...one, networks: new Set(one.subnets.flatMap(nameOfLan)) }))
  const counts = new Map<string, number>()
  for (const { networks } of users)
    for (const network of networks) counts.set(network, (counts.get(network) ?? 0) + 1)
  return users
    .filter(({ multicast, peers, networks }) => {
      const hasNeighbours = [...networks].some(network => (counts.get(network) ?? 0) > 1)
      return multicast === false && peers > 0 && hasNeighbours
    })
    .map(({ agent }) => agent)
}

/** Link-local networks are the same everywhere. */
function nameOfLan(text: string): string[] {
  const network = /^(fe[89ab]|169\.254\.)/i.test(text) ? null : networkFrom(text)
  if (network === null) return []
  const hostBits = BigInt((network.family === 4 ? 32 : 128) - network.prefix)
  return [`${network.family} ${network.address >> hostBits} ${network.prefix}`]
}

function slow(site: readonly Seen[]): Set<AgentId> {
  const found = new Set<AgentId>()
  for (const road of ['wan', 'lan'] as const) {
    const known = site.flatMap(one => {
      const { bytes, bytesPerSecond } = one[road]
      return bytesPerSecond === null || bytes < fetchedBytesMin ? [] : [{ ...one, rate: bytesPerSecond }]
    })
    const median =
      known.map(({ rate }) => rate).sort((one, other) => one - other)[Math.floor(known.length / 2)] ?? 0
    for (const { agent, rate, lineBytesPerSecond } of known) {
      if (known.length >= comparedMin && rate * slowTimes < median) found.add(agent)
      if (road === 'wan' && lineBytesPerSecond !== null && rate * lineTimes < lineBytesPerSecond)
        found.add(agent)
    }
  }
  return found
}

type Version = readonly [number, number, number]

function versionIn(text: string): Version | null {
  const [, major, minor, patch] = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})/.exec(text) ?? []
  return patch === undefined ? null : [Number(major), Number(minor), Number(patch)]
}
/** What is no version is neither old nor new. */
function isOlder(text: string, newest: Version): boolean {
  const version = versionIn(text)
  return version !== null && compare(version, newest) < 0
}
function newestOf(all: readonly Seen[]): Version {
  const online = all.filter(one => one.online)
  const versions = online
    .map(({ version }) => versionIn(version))
    .filter(version => version !== null)
    .sort(compare)
  return versions.at(online.length < triedByOneMax ? -1 : -2) ?? [0, 0, 0]
}
function compare(one: Version, other: Version): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2]
}

function bySite(all: readonly Seen[]): Map<SiteId, Seen[]> {
  const sites = new Map<SiteId, Seen[]>()
  for (const one of all) {
    const site = sites.get(one.site)
    if (site === undefined) sites.set(one.site, [one])
    else site.push(one)
  }
  return sites
}
