/**
 * A request to the own proxy, over a socket of its own as any program's would be. It asks for the PAC file, which the proxy makes
 * itself: so it needs no origin, and is no failed download in the figures when there is none.
 */
import { Agent, get } from 'node:http'
import { messageOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { HealthFacts } from './health.ts'

const withinMs: Millis = 3 * secondMs

export function testProxy(proxyAddress: string): Promise<HealthFacts['proxy']> {
  const url = new URL('/proxy.pac', proxyAddress)
  // On all addresses means also on loopback.
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1'
  if (url.hostname === '[::]') url.hostname = '[::1]'
  const startedAt = performance.now()
  return new Promise(resolve => {
    const failed = (problem: string): void => {
      resolve({ kind: 'failed', problem })
    }
    const asked = get(url, { agent: new Agent({ keepAlive: false }) }, response => {
      response.resume()
      response.on('error', error => {
        failed(messageOf(error))
      })
      response.on('end', () => {
        if (response.statusCode === 200) resolve({ kind: 'answered', ms: performance.now() - startedAt })
        else failed(`it answered ${response.statusCode}`)
      })
    })
    asked.setTimeout(withinMs, () => asked.destroy(new Error(`no answer within ${withinMs / secondMs} s`)))
    asked.on('error', error => {
      failed(messageOf(error))
    })
  })
}
