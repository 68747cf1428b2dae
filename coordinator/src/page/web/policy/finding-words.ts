/** What a new version would do to the fleet, in the reader's language. */
import type { PolicyFinding } from '@starling/shared/admin-api/policy.ts'
import { safeText } from '@starling/shared/web/names.ts'
import { useSaid } from '@starling/shared/web/said.ts'

export function useFindingWords(): (finding: PolicyFinding) => string {
  const said = useSaid()
  return ({ kind, site, agents, of, sites, reasons, moreReasons, sentence }) => {
    const told = reasons.map(({ why, code, params, agents: count }) =>
      said('finding.reason', { why: said(`verdict.${code}`, params, why), agents: count }, why)
    )
    const more = moreReasons > 0 ? [said('finding.more', { count: moreReasons }, '…')] : []
    const params = { site: safeText(site ?? ''), agents, of, sites, reasons: [...told, ...more].join('；') }
    return said(`finding.${kind}`, params, sentence)
  }
}
