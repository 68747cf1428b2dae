/**
 * Whether a document is one, and what it would do to the fleet as it is: the same pure functions by which each agent will
 * act on it are asked here first, with what the agents last told of their machines.
 */
import type { PolicyFinding } from '@starling/shared/admin-api/policy.ts'
import type { Role } from '@starling/shared/credential.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { effectivePolicy, type Effective } from '@starling/shared/policy/effective.ts'
import { nothingMeasured, unknownHost, type HostFacts } from '@starling/shared/policy/host-facts.ts'
import type { Verdict } from '@starling/shared/policy/peering.ts'
import { policyDefaults } from '@starling/shared/policy/policy.ts'
import { readPolicy, type PolicyProblem } from '@starling/shared/policy/problems.ts'
import { concerns, scopesOf, type PolicyScope, type ScopedMember } from '@starling/shared/policy-scope.ts'
import { policyDocumentBytesMax, type PolicyDocument } from '@starling/shared/signed-policy.ts'
import type { SiteId } from '@starling/shared/ids.ts'
import type { PolicyChange } from './ports.ts'

export interface FleetHost extends ScopedMember {
  readonly role: Role
  /** Null: it has told nothing yet. */
  readonly host: HostFacts | null
}

export interface DryRun {
  readonly scope: PolicyScope
  readonly document: PolicyDocument
  /** What is said now, by scope. */
  readonly inForce: ReadonlyMap<PolicyScope, PolicyDocument>
  readonly hosts: readonly FleetHost[]
}

/** As it is kept and signed, and what is odd about it. @throws StarlingError `bad-policy`, with everything that is wrong */
export function checkDocument(given: PolicyDocument): {
  readonly document: PolicyDocument
  readonly warnings: readonly PolicyFinding[]
} {
  const { document, problems } = readPolicy(given)
  const said = (severity: PolicyProblem['severity']): string[] =>
    problems
      .filter(problem => problem.severity === severity)
      .map(({ name, message }) => (name === '' ? message : `${name}: ${message}`))
  const faults = said('error')
  if (faults.length > 0) throw new StarlingError('bad-policy', `this is no policy. ${faults.join('; ')}`)
  const text = JSON.stringify(document)
  if (text.length > policyDocumentBytesMax)
    throw new StarlingError(
      'bad-policy',
      `the document has ${text.length} bytes, and ${policyDocumentBytesMax} is the most: spread it over group or site policies`
    )
  return {
    document,
    warnings: said('warning').map(sentence => ({ ...bareFinding, kind: 'odd', sentence }))
  }
}

export function changesBetween(before: PolicyDocument, after: PolicyDocument): PolicyChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return names.flatMap(name => {
    const [was, is] = [before[name], after[name]]
    if (JSON.stringify(was) === JSON.stringify(is)) return []
    return [
      { name, ...(was === undefined ? {} : { before: was }), ...(is === undefined ? {} : { after: is }) }
    ]
  })
}

interface SiteTally {
  agents: number
  peeringBefore: number
  peeringAfter: number
  /** Of those who stop. */
  readonly stopPeering: Reasons
  readonly stopUploading: Reasons
}

/** By their sentences: how many give each. */
type Reasons = Map<string, PolicyFinding['reasons'][number]>

const bareFinding = { site: null, agents: 0, of: 0, sites: 0, reasons: [], moreReasons: 0 } as const
/** More than an admin reads of one site. */
const reasonsMax = 3

export interface Impact {
  look(agent: FleetHost): void
  /** Sentences for the admin, the gravest first; none: nobody would share less than now. */
  findings(): PolicyFinding[]
}

/** Each agent is looked at by itself, so that whoever looks at many can rest between them. */
export function beginImpact({ scope, document, inForce }: Omit<DryRun, 'hosts'>): Impact {
  const after = new Map(inForce).set(scope, document)
  const sites = new Map<SiteId, SiteTally>()
  let unknown = 0
  function look(agent: FleetHost): void {
    // What is asked of endpoints before they share is not asked of a gateway.
    if (agent.role === 'gateway' || !concerns(scope, agent)) return
    if (agent.host === null) unknown++
    const [was, is] = [effectiveFor(agent, inForce), effectiveFor(agent, after)]
    const tally = sites.get(agent.site) ?? {
      agents: 0,
      peeringBefore: 0,
      peeringAfter: 0,
      stopPeering: new Map(),
      stopUploading: new Map()
    }
    sites.set(agent.site, tally)
    tally.agents++
    if (was.peering.allowed) tally.peeringBefore++
    if (is.peering.allowed) tally.peeringAfter++
    else if (was.peering.allowed) count(tally.stopPeering, is.peering)
    if (is.peering.allowed && was.upload.allowed && !is.upload.allowed) count(tally.stopUploading, is.upload)
  }
  return { look, findings: () => findingsIn(sites, unknown) }
}

function findingsIn(sites: ReadonlyMap<SiteId, SiteTally>, unknown: number): PolicyFinding[] {
  const all = [...sites].sort(([one], [other]) => (one < other ? -1 : 1))
  const lost = all.filter(([, { peeringBefore, peeringAfter }]) => peeringBefore > 0 && peeringAfter === 0)
  const fewer = all.filter(([, { peeringAfter, stopPeering }]) => peeringAfter > 0 && stopPeering.size > 0)
  const quieter = all.filter(([, { stopUploading }]) => stopUploading.size > 0)
  return [
    ...summaryOf(lost.map(([, tally]) => tally)),
    ...lost.map(([site, { peeringBefore, stopPeering }]): PolicyFinding => ({
      kind: 'site-loses-peering',
      site,
      agents: peeringBefore,
      of: peeringBefore,
      sites: 1,
      ...commonest(stopPeering),
      sentence: `site ${site} would lose peering: ${reasons(stopPeering)}`
    })),
    ...fewer.map(([site, { peeringBefore, stopPeering }]): PolicyFinding => ({
      kind: 'agents-stop-peering',
      site,
      agents: total(stopPeering),
      of: peeringBefore,
      sites: 1,
      ...commonest(stopPeering),
      sentence: `${total(stopPeering)} of ${peeringBefore} agents of site ${site} would stop sharing: ${reasons(stopPeering)}`
    })),
    ...quieter.map(([site, { agents, stopUploading }]): PolicyFinding => ({
      kind: 'agents-stop-uploading',
      site,
      agents: total(stopUploading),
      of: agents,
      sites: 1,
      ...commonest(stopUploading),
      sentence: `${total(stopUploading)} of ${agents} agents of site ${site} would stop giving to others: ${reasons(stopUploading)}`
    })),
    ...(unknown === 0
      ? []
      : [
          {
            ...bareFinding,
            kind: 'host-unknown' as const,
            agents: unknown,
            sentence: `${unknown} agents have not told how their machines are: what depends on that was not looked at for them`
          }
        ])
  ]
}

/** Of many sites that would lose peering: what an admin asks first. */
function summaryOf(lost: readonly SiteTally[]): PolicyFinding[] {
  if (lost.length < 2) return []
  const agents = lost.reduce((sum, { peeringBefore }) => sum + peeringBefore, 0)
  const why: Reasons = new Map()
  for (const { stopPeering } of lost)
    for (const [sentence, reason] of stopPeering)
      why.set(sentence, { ...reason, agents: (why.get(sentence)?.agents ?? 0) + reason.agents })
  return [
    {
      kind: 'sites-lose-peering',
      site: null,
      agents,
      of: agents,
      sites: lost.length,
      ...commonest(why),
      sentence: `${agents} machines of ${lost.length} sites would lose peering, because ${reasons(why)}`
    }
  ]
}

function effectiveFor(
  member: FleetHost,
  documents: ReadonlyMap<PolicyScope, PolicyDocument>
): Pick<Effective, 'peering' | 'upload'> {
  // From the fleet's to the device's, so that what is said more closely stands last and counts.
  const said = scopesOf(member)
    .reverse()
    .map(scope => documents.get(scope) ?? {})
  return effectivePolicy({
    policy: Object.assign({}, policyDefaults, ...said) as typeof policyDefaults,
    host: member.host ?? unknownHost,
    time: null,
    measured: nothingMeasured
  })
}

function count(reasons: Reasons, { why, reason }: Verdict): void {
  if (reason === null) return
  const { code, params } = reason
  reasons.set(why, { why, code, params, agents: (reasons.get(why)?.agents ?? 0) + 1 })
}

function total(reasons: Reasons): number {
  return [...reasons.values()].reduce((sum, { agents }) => sum + agents, 0)
}

function commonest(why: Reasons): Pick<PolicyFinding, 'reasons' | 'moreReasons'> {
  const most = [...why.values()].sort((one, other) => other.agents - one.agents)
  return { reasons: most.slice(0, reasonsMax), moreReasons: Math.max(0, most.length - reasonsMax) }
}

function reasons(why: Reasons): string {
  const { reasons: most, moreReasons } = commonest(why)
  const told = most.map(
    ({ why: reason, agents }) => `${reason} (${agents} ${agents === 1 ? 'agent' : 'agents'})`
  )
  return moreReasons > 0 ? `${told.join('; ')}; and ${moreReasons} other reasons` : told.join('; ')
}
