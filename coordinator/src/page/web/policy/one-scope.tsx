/** One scope: how its rollout is, what it says name by name, and the versions that it had. */
import { showAgent } from '@starling/shared/admin-api/fleet-view.ts'
import { listPolicyVersions, type PolicyScopeView } from '@starling/shared/admin-api/policy.ts'
import type { PolicyScope } from '@starling/shared/policy-scope.ts'
import { Box } from '@starling/shared/web/box.tsx'
import { linkTo } from '@starling/shared/web/route.ts'
import { useMemo, useState } from 'preact/hooks'
import { useAnswer } from '../live.tsx'
import { useSession } from '../session.tsx'
import { useText } from '../words.ts'
import type { Fields } from './changes.tsx'
import { inForce, useDocuments } from './documents.ts'
import { PolicyEditor } from './policy-editor.tsx'
import { draftKeeper, type Draft } from './kept-draft.ts'
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
  const { may, actor } = useSession()
  const nameOf = useScopeName()
  const keeper = useMemo(() => draftKeeper(sessionStorage, actor.name, scope), [actor.name, scope])
  const [draft, setDraft] = useState<Draft | null>(null)
  /** From before the page was loaded, or somebody signed in. */
  const [left, setLeft] = useState(() => keeper.kept())
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
  const change = (document: Document) => {
    const next = { document, from: said }
    setDraft(next)
    setLeft(null)
    keeper.keep(next)
  }
  const forget = () => {
    setDraft(null)
    setLeft(null)
    keeper.forget()
  }
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
      {left !== null && draft === null && may('admin') && (
        <Box title={t('policy.leftTitle')}>
          <p class="note">{t('policy.left')}</p>
          <div class="deeds">
            <button class="main" onClick={() => (setDraft(left), setLeft(null))}>
              {t('policy.leftTake')}
            </button>
            <button onClick={forget}>{t('policy.discard')}</button>
          </div>
        </Box>
      )}
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
            forget()
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
