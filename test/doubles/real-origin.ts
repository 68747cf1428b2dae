/**
 * A real origin on loopback and the real way to it, for tests of shells that may not import the upstream themselves.
 */
import { createLog } from '@starling/agent/log.ts'
import type { UpstreamPort } from '@starling/agent/ports.ts'
import { createUpstream } from '@starling/agent/upstream/upstream.ts'
import { startOrigin, type Origin } from './origin.ts'

export interface RealOrigin extends Origin {
  readonly upstream: UpstreamPort
}

export async function realOrigin(): Promise<RealOrigin> {
  const origin = await startOrigin()
  const upstream = createUpstream({ log: createLog('silent', 'test') }, { allowPrivate: ['127.0.0.1'] })
  return {
    ...origin,
    upstream,
    async close() {
      await upstream.close()
      await origin.close()
    }
  }
}
