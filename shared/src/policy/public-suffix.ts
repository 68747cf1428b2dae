/**
 * Names below which everybody may have one of his own: `com` and `co.uk`, where they are bought, `github.io` and `azureedge.net`, where
 * a customer's name comes with the service. What is meant for one of them must not be granted to all. The list is
 * Mozilla's Public Suffix List with its private part; tldts ships it, and new releases follow the list.
 */
import { getPublicSuffix } from 'tldts'

/** The public suffix that a pattern (`co.uk`, `*.github.io:8443`) stands for, in lower case; null: it stands for less. */
export function publicSuffixIn(pattern: string): string | null {
  const name = pattern.toLowerCase().replace(/^\*\./, '').replace(/:\d+$/, '')
  // Its form is looked at elsewhere, and hosts in use have underscores.
  return getPublicSuffix(name, { allowPrivateDomains: true, validateHostname: false }) === name ? name : null
}

/** For people. */
export function suffixProblem(suffix: string): string {
  return (
    `${suffix} is a public suffix: everybody may have a name below it, and a CA for it would be one for all of them. ` +
    `List the very hosts, like name.${suffix}`
  )
}
