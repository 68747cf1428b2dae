/**
 * Max-Forwards: how many more hops a TRACE or OPTIONS may take, for people who look for the one that fails on the way
 * (RFC 9110, 7.6.2). Pure.
 */
import { headerOf, type HeaderList } from '@starling/shared/http-fields.ts'

/** Who answers: `us` when no hop is left, else the next one, which is told `onward`. */
export type Hops = { readonly kind: 'us' } | { readonly kind: 'next'; readonly onward: HeaderList }

export function hopsLeft(method: string, headers: HeaderList): Hops {
  const isLimited = method === 'TRACE' || method === 'OPTIONS'
  const said = isLimited ? headerOf(headers, 'max-forwards') : null
  // For other methods it means nothing, and what is no number is nobody's to repair.
  if (said === null || !/^\d{1,9}$/.test(said)) return { kind: 'next', onward: headers }
  if (Number(said) === 0) return { kind: 'us' }
  return {
    kind: 'next',
    onward: headers.map(([name, value]) => [name, name === 'max-forwards' ? String(Number(said) - 1) : value])
  }
}

/** What a TRACE gets back: the request as it came, but for what is secret (RFC 9110, 9.3.8). */
export function traceOf(requestLine: string, headers: HeaderList): string {
  const secret = new Set(['authorization', 'proxy-authorization', 'cookie'])
  const lines = headers.filter(([name]) => !secret.has(name)).map(([name, value]) => `${name}: ${value}`)
  return [requestLine, ...lines, '', ''].join('\r\n')
}
