/** Policy: which scopes say something and how their rollouts are; and one scope with all that it says. */
import { listPolicies, showPolicyFields, type PolicyFieldView } from '@starling/shared/admin-api/policy.ts'
import { isPolicyScope } from '@starling/shared/policy-scope.ts'
import { linkTo } from '@starling/shared/web/route.ts'
import { useAnswer } from '../live.tsx'
import { Answered } from '../parts.tsx'
import { useText } from '../words.ts'
import { useFieldsInWords } from './field-words.ts'
import { OneScope } from './one-scope.tsx'
import { ScopesList } from './scopes-list.tsx'

const none: readonly PolicyFieldView[] = []

export function PolicyView({ rest }: { readonly rest: readonly string[] }) {
  const { t } = useText()
  const [scope] = rest
  const policies = useAnswer(listPolicies, {})
  const form = useAnswer(showPolicyFields, {}, 'nothing')
  const fields = useFieldsInWords(form.value?.fields ?? none)
  if (scope === undefined)
    return <Answered answer={policies}>{({ scopes }) => <ScopesList scopes={scopes} />}</Answered>
  if (!isPolicyScope(scope))
    return (
      <p class="empty">
        {t('policy.noScope')} <a href={linkTo(['policy'])}>{t('policy.all')}</a>
      </p>
    )
  return (
    <Answered answer={form}>
      {() => (
        <Answered answer={policies}>
          {({ scopes }) => (
            <OneScope key={scope} scope={scope} scopes={scopes} fields={fields} again={policies.again} />
          )}
        </Answered>
      )}
    </Answered>
  )
}
