/**
 * What each agent is told, answered from memory: heartbeats and polls of 20,000 agents ask here. Agents to whom the same
 * is said share one content, one digest and one signature; there are as many as sites and stages make different ones.
 */
import { scopesOf, type PolicyScope, type ScopedMember } from '@starling/shared/policy-scope.ts'
import {
  isActive,
  versionFor,
  type PolicyVersion,
  type ScopePolicy,
  type Standing
} from '@starling/shared/rollout-plan.ts'
import {
  policyDigest,
  type PolicyContent,
  type PolicyDocument,
  type ScopedPolicy,
  type SignedPolicy
} from '@starling/shared/signed-policy.ts'
import type { Millis } from '@starling/shared/units.ts'
import type { Authority, PolicyDesk, PolicyStore } from './ports.ts'

export interface LoadedDesk extends PolicyDesk {
  /** Reads what the database says now. */
  load(): Promise<void>
  readonly anyRollout: () => boolean
}

interface Said {
  readonly content: PolicyContent
  readonly digest: string
  signed: SignedPolicy | null
}

export function createPolicyDesk(
  { store, authority }: { readonly store: PolicyStore; readonly authority: Pick<Authority, 'policy'> },
  clock: () => Millis
): LoadedDesk {
  let number = 0
  let policies: ReadonlyMap<PolicyScope, ScopePolicy> = new Map()
  /** By scope and version; versions never change. */
  let documents = new Map<string, PolicyDocument>()
  /** By the names of the versions that are said. */
  let said = new Map<string, Said>()

  async function load(): Promise<void> {
    const stored = await store.policies()
    // One of two loads at a time may have read the older state.
    if (stored.number < number) return
    const found = new Map<PolicyScope, ScopePolicy>()
    const needed = new Map<string, PolicyDocument>()
    for (const { policy } of stored.scopes) {
      found.set(policy.scope, policy)
      for (const version of versionsOf(policy)) {
        const name = nameOf(policy.scope, version)
        const document = documents.get(name) ?? (await store.version(policy.scope, version))?.document
        if (document !== undefined) needed.set(name, document)
      }
    }
    if (stored.number < number) return
    number = stored.number
    policies = found
    documents = needed
    said = new Map()
  }

  function saidTo(member: ScopedMember): Said {
    const names: string[] = []
    const scopes: ScopedPolicy[] = []
    for (const scope of scopesOf(member)) {
      const policy = policies.get(scope)
      const version = policy === undefined ? null : versionFor(policy, member)
      if (version === null) continue
      const name = nameOf(scope, version)
      const document = documents.get(name)
      if (document === undefined) continue
      names.push(name)
      scopes.push({ scope, version, document })
    }
    const key = names.join(' ')
    let known = said.get(key)
    if (known === undefined) {
      const content = { scopes }
      said.set(key, (known = { content, digest: policyDigest(content), signed: null }))
    }
    return known
  }

  return {
    load,
    anyRollout: () => [...policies.values()].some(({ rollout }) => isActive(rollout)),
    newsFor(member, report) {
      if (report === undefined) return null
      const due = saidTo(member)
      if (due.digest === report.digest || due.digest === report.refused?.digest) return null
      return (due.signed ??= authority.policy({ ...due.content, number }, clock()))
    },
    standingOf(member, report): Standing {
      if (report === undefined) return { kind: 'unaware' }
      const { digest } = saidTo(member)
      if (digest === report.digest) return { kind: 'has' }
      const { refused } = report
      return refused?.digest === digest ? { kind: 'refused', reason: refused.reason } : { kind: 'awaited' }
    }
  }
}

function versionsOf({ current, rollout }: ScopePolicy): PolicyVersion[] {
  return [...(current === null ? [] : [current]), ...(isActive(rollout) ? [rollout.to] : [])]
}

function nameOf(scope: PolicyScope, version: PolicyVersion): string {
  return `${scope}@${version}`
}
