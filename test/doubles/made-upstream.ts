/** What an agent would say of an upstream that it has asked ten times. */
import type { UpstreamView } from '@starling/agent/ports.ts'

export function madeUpstream(name: string, given: Partial<UpstreamView>): UpstreamView {
  const phase = (count: number, sumSeconds: number) => ({
    count,
    sumSeconds,
    buckets: [
      [0.1, count - 1],
      [1, count]
    ] as const
  })
  return {
    name,
    kind: name === 'direct' ? 'direct' : 'gateway',
    address: name === 'direct' ? null : 'http://gw.example:17831',
    state: 'up',
    inFlight: 2,
    requests: 10,
    failures: 0,
    retries: 1,
    hedges: 1,
    resumes: 1,
    lastProblem: null,
    firstByteMs: { p50: 4, p95: 25 },
    phases: {
      dns: phase(2, 0.01),
      connect: phase(2, 0.02),
      tls: phase(2, 0.04),
      'first-byte': phase(10, 1),
      total: phase(10, 2)
    },
    ...given
  }
}
