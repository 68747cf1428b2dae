/** A scope in words, and the way to it. */
import type { PolicyScope } from '@starling/shared/policy-scope.ts'
import { safeText, shortId } from '@starling/shared/web/names.ts'
import { useText } from '../words.ts'

export function useScopeName(): (scope: PolicyScope) => string {
  const { t } = useText()
  return scope => {
    const [kind = '', ...rest] = scope.split(':')
    const name = rest.join(':')
    switch (kind) {
      case 'site':
        return t('policy.ofSite', { name: safeText(name) })
      case 'group':
        return t('policy.ofGroup', { name: safeText(name) })
      case 'device':
        return t('policy.ofDevice', { name: shortId(name) })
      default:
        return t('policy.ofFleet')
    }
  }
}
