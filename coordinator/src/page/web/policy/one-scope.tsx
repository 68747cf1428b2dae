/** One scope: how its rollout is, what it says name by name, and the versions that it had. */
import { showAgent } from '@starling/shared/admin-api/fleet-view.ts'
import { listPolicyVersions, type PolicyScopeView } from '@starling/shared/admin-api/policy.ts'
import type { PolicyScope } from '@starling/shared/policy-scope.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { useState } from 'preact/hooks'
import { useAnswer } from '../live.tsx'
import { useSession } from '../session.tsx'
import { useText } from '../words.ts'
import type { Fields } from './changes.tsx'
import { inForce, useDocuments } from './documents.ts'
import { PolicyEditor } from './policy-editor.tsx'
import { closerScopes, rebased, widerScopes, type Document } from './layers.ts'
import { RolloutBox } from './rollout.tsx'
import { useScopeName } from './scope-name.tsx'
import { Versions } from './versions.tsx'

/** Of so many closer scopes it is shown what they say; of more it would be a list that nobody reads. */
const closerMax = 50
const none: Document = {}

export function OneScope(props: {
  readonly scope: PolicyScope
  readonly scopes: readonly PolicyScopeView[]
  readonly fields: Fields
  readonly again: () => void
}) {
  const { scope, scopes, fields } = props
  const { t } = useText()
  const { may } = useSession()
  const nameOf = useScopeName()
  /** With what it began from: somebody else may save meanwhile. */
  const [draft, setDraft] = useState<{ readonly document: Document; readonly from: Document } | null>(null)
  // One that has versions and was never rolled out is not among them.
  const policy = scopes.find(known => known.scope === scope) ?? null
  const history = useAnswer(listPolicyVersions, { params: { scope }, query: {} }, 'changes')
  const device = scope.startsWith('device:') ? scope.slice('device:'.length) : null
  const agent = useAnswer(showAgent, device === null ? null : { params: { agent: device } }, 'changes')
  const wider = widerScopes(scope, agent.value)
  const closer = closerScopes(
    scope,
    scopes.map(known => known.scope)
  ).slice(0, closerMax)
  const { documents, problem } = useDocuments(
    scopes
      .filter(known => wider.includes(known.scope) || closer.includes(known.scope))
      .map(known => [known.scope, inForce(known)])
  )
  const versions = history.value?.versions ?? []
  const [newest] = versions
  const isNew = history.problem?.code === 'unknown-policy'
  const again = () => {
    props.again()
    history.again()
  }
  const isRolling = ['running', 'paused'].includes(policy?.rollout?.phase.kind ?? '')
  const said = newest?.document ?? none
  const change = (document: Document) => setDraft({ document, from: said })
  const trouble = isNew ? problem : (history.problem?.message ?? problem)
  return (
    <>
      <p class="crumbs">
        <a href={linkTo(['policy'])}>{t('policy.all')}</a> / {nameOf(scope)}
      </p>
      {trouble !== null && (
        <p class="trouble" role="alert">
          {trouble}
        </p>
      )}
      {policy !== null && <RolloutBox policy={policy} again={again} />}
      {documents === null || (history.value === null && !isNew) ? (
        <p class="empty">{t('part.loading')}</p>
      ) : (
        <PolicyEditor
          scope={scope}
          fields={fields}
          said={said}
          version={newest?.version ?? null}
          isOut={newest === undefined || (policy !== null && inForce(policy) === newest.version)}
          isRolling={isRolling}
          draft={draft === null ? said : rebased(draft.from, draft.document, said)}
          change={may('admin') ? change : null}
          wider={wider.flatMap(name => {
            const document = documents.get(name)
            return document === undefined ? [] : [[name, document] as const]
          })}
          closer={closer.flatMap(name => {
            const document = documents.get(name)
            return document === undefined ? [] : [[name, document] as const]
          })}
          saved={() => {
            setDraft(null)
            again()
          }}
        />
      )}
      {versions.length > 0 && (
        <Versions
          scope={scope}
          versions={versions}
          fields={fields}
          current={policy?.current ?? null}
          busy={isRolling}
          edit={begin => {
            change(begin)
            // The settings stand above the versions.
            document.getElementById('main')?.scrollIntoView()
          }}
          again={again}
        />
      )}
    </>
  )
}
