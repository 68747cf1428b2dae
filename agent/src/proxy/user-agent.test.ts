import { expect, test } from 'vitest'
import { agentFamily } from './user-agent.ts'

test.each<[string | null, string | null]>([
  [null, null],
  ['Microsoft-Delivery-Optimization/10.1', 'Microsoft-Delivery-Optimization/10.1'],
  ['Microsoft BITS/7.8', 'Microsoft BITS/7.8'],
  ['Windows-Update-Agent/10.0.10011.16384 Client-Protocol/2.50', 'Windows-Update-Agent/10.0.10011.16384'],
  ['Debian APT-HTTP/1.3 (2.6.1)', 'Debian APT-HTTP/1.3'],
  ['curl/8.5.0', 'curl/8.5.0'],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36',
    'Chrome/130'
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.1.2',
    'Edg/130'
  ],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0', 'Firefox/132'],
  ['(nothing)', 'other'],
  ['x'.repeat(500), 'x'.repeat(48)]
])('%s', (given, family) => {
  expect(agentFamily(given)).toBe(family)
})
