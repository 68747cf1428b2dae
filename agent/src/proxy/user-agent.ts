/**
 * What kind of program asks, pure: a word or two of User-Agent. The whole of it would tell people and machines apart, which is
 * nothing that an access log needs.
 */
const browsers = /\b(Edg|OPR|Firefox|Chrome|Safari)\/(\d{1,4})/
const charsMax = 48

/** `Microsoft-Delivery-Optimization/10.1`, `Edg/130`; null: it does not say. */
export function agentFamily(userAgent: string | null): string | null {
  if (userAgent === null) return null
  // Every browser calls itself Mozilla, and most of them also Safari: the first of this order that is named.
  const named = browsers.exec(userAgent)
  if (userAgent.startsWith('Mozilla/') && named !== null) {
    const own = /\b(Edg|OPR)\/(\d{1,4})/.exec(userAgent) ?? named
    return `${own[1]}/${own[2]}`
  }
  const word = /^[\w .-]+(\/[\w.-]+)?/.exec(userAgent)?.[0].trim()
  return word === undefined || word === '' ? 'other' : word.slice(0, charsMax)
}
