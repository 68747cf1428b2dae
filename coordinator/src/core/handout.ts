/**
 * Which peers an agent is told of, for where multicast does not reach (VLANs, client-isolated Wi-Fi).
 *
 * Up to 32 agents a site is a full mesh, so all are told. In a larger site everyone gets ten and the gateways:
 * the site is sampled along a walk that the asker's id begins, so that different agents get different peers (no
 * crowd at one machine) and the same agent gets the same ones each time (no churn of connections). Within the
 * sample, those come first who have all of what the asker still lacks, then those who are fetching the same.
 * Not the whole site is ranked: 10,000 agents asking twice a minute would cost a core's time for little.
 */
import { handoutMax } from '@starling/shared/coordinator-api.ts'
import type { AgentId, TransferId } from '@starling/shared/ids.ts'
import { hash32 } from '@starling/shared/prng.ts'
import type { Fleet, Present } from './fleet.ts'

/** Sites up to here are a full mesh (protocol, "Finding each other"), the asker not counted. */
const fullMeshMax = handoutMax
/** The degree of the mesh in larger sites: enough that it stays in one piece when half of it is switched off. */
const degree = 10
const sampleMax = 64
const gatewaysMax = 4

export function chooseHandout(
  fleet: Fleet,
  asker: Present
): Array<{ id: AgentId; addresses: readonly string[] }> {
  const seed = hash32(asker.agent)
  const lacking = [...asker.swarm.values()].flatMap(({ transfer, complete }) => (complete ? [] : [transfer]))
  const chosen = candidates(fleet, asker)
    .map(present => ({
      present,
      worth: worthOf(present, lacking),
      tie: hash32(present.agent, seed)
    }))
    .sort(
      (one, other) =>
        other.worth - one.worth || one.tie - other.tie || (one.present.agent < other.present.agent ? -1 : 1)
    )
  const small = fleet.site(asker.site).length <= fullMeshMax + 1
  const gateways = chosen.filter(({ present }) => present.role === 'gateway').slice(0, gatewaysMax)
  const others = chosen.filter(({ present }) => present.role !== 'gateway')
  return [...gateways, ...others.slice(0, small ? fullMeshMax - gateways.length : degree)].map(
    ({ present }) => ({ id: present.agent, addresses: present.addresses })
  )
}

function candidates(fleet: Fleet, asker: Present): Present[] {
  const site = fleet.site(asker.site)
  const isCandidate = ({ agent, addresses }: Present): boolean =>
    agent !== asker.agent && addresses.length > 0
  if (site.length <= fullMeshMax + 1) return site.map(({ present }) => present).filter(isCandidate)
  const found: Present[] = []
  let at = hash32(asker.agent) % site.length
  const stride = strideAround(site.length, hash32(asker.agent, 1))
  for (let step = 0; step < Math.min(sampleMax, site.length); step++) {
    const { present } = site[at]!
    // They all come below.
    if (present.role !== 'gateway' && isCandidate(present)) found.push(present)
    at = (at + stride) % site.length
  }
  for (const gateway of fleet.gateways(asker.site)) {
    const present = fleet.present(gateway)
    if (present !== undefined && isCandidate(present)) found.push(present)
  }
  return found
}

/** A step that visits every place of a ring before it comes back: coprime with the ring's length. */
function strideAround(length: number, wish: number): number {
  let stride = 1 + (wish % (length - 1))
  while (greatestCommonDivisor(stride, length) !== 1) stride = (stride % (length - 1)) + 1
  return stride
}

function greatestCommonDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestCommonDivisor(other, one % other)
}

/** 2 for each transfer it has whole and the asker lacks, 1 for each that both are fetching. */
function worthOf({ swarm }: Present, lacking: readonly TransferId[]): number {
  let worth = 0
  for (const transfer of lacking) {
    const theirs = swarm.get(transfer)
    if (theirs !== undefined) worth += theirs.complete ? 2 : 1
  }
  return worth
}
