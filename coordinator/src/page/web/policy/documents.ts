/** The documents that scopes have in force. A version never changes, so each is asked for once. */
import {
  showPolicyVersion,
  type PolicyRecordView,
  type PolicyScopeView
} from '@starling/shared/admin-api/policy.ts'
import { useRefusal } from '@starling/shared/web/said.ts'
import type { PolicyScope } from '@starling/shared/policy-scope.ts'
import { useEffect, useState } from 'preact/hooks'
import { coordinator } from '../coordinator.ts'
import type { Document } from './layers.ts'

const known = new Map<string, Promise<PolicyRecordView>>()

function versionOf(scope: PolicyScope, version: number): Promise<PolicyRecordView> {
  const key = `${scope}@${version}`
  let asked = known.get(key)
  if (asked === undefined) {
    asked = coordinator.ask(showPolicyVersion, { params: { scope, version: String(version) } })
    known.set(key, asked)
    asked.catch(() => known.delete(key))
  }
  return asked
}

/** The version that counts: the one that is being rolled out, or else the one that all have. */
export function inForce({ rollout, current }: Pick<PolicyScopeView, 'rollout' | 'current'>): number | null {
  const isOn = rollout?.phase.kind === 'running' || rollout?.phase.kind === 'paused'
  return isOn ? rollout.to : current
}

/** @returns null: not all have come yet */
export function useDocuments(wanted: ReadonlyArray<readonly [scope: PolicyScope, version: number | null]>): {
  readonly documents: ReadonlyMap<PolicyScope, Document> | null
  readonly problem: string | null
} {
  const refusal = useRefusal()
  const [documents, setDocuments] = useState<ReadonlyMap<PolicyScope, Document> | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const subject = JSON.stringify(wanted)
  useEffect(() => {
    let stale = false
    Promise.all(
      wanted.flatMap(([scope, version]) =>
        version === null ? [] : [versionOf(scope, version).then(({ document }) => [scope, document] as const)]
      )
    ).then(
      found => {
        if (stale) return
        setDocuments(new Map(found))
        setProblem(null)
      },
      (error: unknown) => {
        if (!stale) setProblem(refusal(error))
      }
    )
    return () => {
      stale = true
    }
  }, [subject])
  return { documents, problem }
}
