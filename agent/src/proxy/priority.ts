/**
 * Does somebody wait for this? A client that says so itself is believed: `Priority: u=7` is HTTP's word for work in the
 * background (RFC 9218, 4.1). The system's own updaters say nothing, and are known by their names: what they fetch is
 * installed some time later.
 */
import { headerOf, type HeaderList } from '@starling/shared/http-fields.ts'

const updaters = /^(Microsoft-Delivery-Optimization|Microsoft BITS|Windows-Update-Agent)\b/i

export function isBackground(headers: HeaderList): boolean {
  const [, urgency] = /(?:^|,)\s*u=(\d)\s*(?:[,;]|$)/.exec(headerOf(headers, 'priority') ?? '') ?? []
  if (urgency !== undefined) return urgency === '7'
  return updaters.test(headerOf(headers, 'user-agent') ?? '')
}
