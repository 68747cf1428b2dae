/**
 * Which names a CA may sign for, pure. `intercept.hosts` lists `a.example` and `*.a.example`; a name constraint knows one
 * thing only, a domain with all below it. So the CA's names are the domains of the list, without those that lie below another
 * one, and what is never intercepted is cut out of them. What is listed is narrower than what the CA may, never wider.
 */
import { neverIntercepted } from '@starling/shared/policy/never-intercepted.ts'

export interface CaNames {
  /** Domains, each with all below it; sorted. */
  readonly permitted: readonly string[]
  /** Cut out of the above. */
  readonly excluded: readonly string[]
}

export function caNamesOf(hosts: readonly string[]): CaNames {
  const domains = [
    ...new Set(hosts.map(host => host.toLowerCase().replace(/^\*\./, '').replace(/:\d+$/, '')))
  ]
  const permitted = domains
    .filter(domain => !domains.some(other => other !== domain && isWithin(domain, other)))
    .toSorted()
  const excluded = neverIntercepted.filter(never => permitted.some(domain => isWithin(never, domain)))
  return { permitted, excluded: excluded.toSorted() }
}

export function mayName({ permitted, excluded }: CaNames, host: string): boolean {
  const within = (domains: readonly string[]): boolean => domains.some(domain => isWithin(host, domain))
  return within(permitted) && !within(excluded)
}

export function sameNames(one: CaNames, other: CaNames): boolean {
  return JSON.stringify([one.permitted, one.excluded]) === JSON.stringify([other.permitted, other.excluded])
}

/** Itself, or below it. */
function isWithin(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`)
}
