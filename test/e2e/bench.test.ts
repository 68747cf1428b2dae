import { expect, test } from 'vitest'
import { measure, type Bench, type BenchResult } from '../bench/bench.ts'
import { goMirrorBench } from '../bench/go-mirror.ts'
import { interceptionBench } from '../bench/interception.ts'

/** Benches that check as they measure that the ways which they compare were taken: one small round of each, for that and not for its times. */
const once = (bench: Bench): Promise<BenchResult> =>
  measure(bench, 1, { say: () => {}, sizeBytes: null, agents: null, minutes: null })

test('the bench of interception asks by tunnel and through opened TLS, in both protocols', async () => {
  const { medians } = await once(interceptionBench(30))
  for (const name of ['h1-tunnelled', 'h1-intercepted', 'h2-tunnelled', 'h2-intercepted'])
    expect([name, medians[`${name}-p50-ms`]! > 0]).toEqual([name, true])
})

const goMirror = goMirrorBench(6)
const whyNoMirror = goMirror.whyNot!()
if (whyNoMirror !== null) console.warn(`\n*** the bench of a Go mirror is skipped, as ${whyNoMirror}\n`)

test.skipIf(whyNoMirror !== null)(
  'the bench of a Go mirror downloads from a mirror that asks nobody any more',
  async () => {
    const { medians } = await once(goMirror)
    expect(medians.upstreamRequests).toBe(0)
    expect(medians.mirrorToNginx).toBeGreaterThan(0)
  }
)
