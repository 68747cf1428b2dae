/** What the page, the API and the command line may have this agent do. */
import { StarlingError } from '@starling/shared/errors.ts'
import type { SiteId } from '@starling/shared/ids.ts'
import { targetOf } from '@starling/shared/purge.ts'
import type { AccessLog } from '../access-log/access-log.ts'
import type { LiveConfig } from '../config-reload.ts'
import type { Intercept } from '../intercept/intercept.ts'
import type { PolicyState } from '../policy-state.ts'
import type { FlowsPort, PageActions, StorePort } from '../ports.ts'
import type { Purging } from '../purging.ts'

export function pageActions(parts: {
  readonly store: Pick<StorePort, 'verify'>
  readonly pin: PageActions['pin']
  readonly flows: Pick<FlowsPort, 'evict'>
  readonly purging: Pick<Purging, 'purge'>
  readonly policy: Pick<PolicyState, 'view'>
  /** Where a coordinator says that it is, whatever definitions say; null: none does. */
  readonly toldSite: () => SiteId | null
  readonly live: LiveConfig
  /** A program has set this agent up, which alone knows its configuration. */
  readonly isFixed: boolean
  readonly accessLog: AccessLog
  readonly intercept: Pick<Intercept, 'retry'> | null
}): PageActions {
  const { store, flows, purging, policy, live, accessLog, intercept } = parts
  return {
    verify: () => store.verify(),
    pin: parts.pin,
    remove: async transfer => {
      flows.evict(transfer)
    },
    purge: async request => await purging.purge(targetOf(request)),
    showPolicy() {
      const view = policy.view(parts.isFixed ? [] : live.settings(), live.waiting())
      const id = parts.toldSite()
      if (id === null) return view
      return {
        ...view,
        effective: { ...view.effective, site: { id, why: 'as its coordinator says', found: false } }
      }
    },
    showConfig: () => live.settings(),
    reloadConfig: () => live.reload(),
    requests: async query => {
      if (accessLog.notesRequests) return await accessLog.search(query)
      throw new StarlingError('no-access-log', 'this agent writes no access log: set accessLog.enabled to on')
    },
    retryTunnelled(which) {
      if (intercept !== null) return intercept.retry(which)
      throw new StarlingError(
        'no-interception',
        'this agent intercepts no TLS, so nothing is to be tried again: intercept.enabled turns it on at the next start'
      )
    },
    audit: line => {
      accessLog.audit(line)
    }
  }
}
