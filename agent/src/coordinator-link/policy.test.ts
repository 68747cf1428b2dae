import { policyDigest, type PolicyDocument, type SignedPolicy } from '@starling/shared/signed-policy.ts'
import { hourMs, secondMs } from '@starling/shared/units.ts'
import { expect, it } from 'vitest'
import { createLog } from '../log.ts'
import { createPolicyKeeper } from './policy.ts'

const fleet = `12D3KooW${'a'.repeat(44)}`
const self = `12D3KooW${'b'.repeat(44)}`
const certificate = { fleet, coordinator: fleet, notBefore: 0, notAfter: 1, signature: new Uint8Array(64) }

const policy = (number: number, document: PolicyDocument): SignedPolicy => ({
  fleet,
  number,
  issuedAt: 1,
  scopes: [{ scope: 'fleet', version: 1, document }],
  coordinator: certificate,
  signature: new Uint8Array(64)
})

/** A keeper with a disk and a clock in memory; signatures are all right. */
function keeper(disk = new Map<string, Uint8Array>()) {
  const around = { now: 0, isFull: false, problems: [] as string[], applied: {} as PolicyDocument }
  const made = createPolicyKeeper(
    {
      self,
      files: {
        readFile: path => Promise.resolve(disk.get(path) ?? null),
        async writeFile(path, bytes) {
          if (around.isFull) throw new Error('ENOSPC: no space left on device')
          disk.set(path, bytes)
        }
      },
      verify: () => true,
      apply(scopes) {
        around.applied = scopes[0]?.document ?? {}
        return Promise.resolve(null)
      },
      waits: () => false,
      reach: () => ({ peers: 0, upstreamTried: 0, upstreamFailed: 0 }),
      problem: sentence => void (sentence !== null && around.problems.push(sentence)),
      log: createLog('silent', 'test'),
      clock: () => around.now,
      trialMs: hourMs
    },
    '/data'
  )
  return { around, disk, ...made }
}

it('what an old copy says is taken when the coordinator goes back to it, half a minute later', async () => {
  const one = keeper()
  await one.take(policy(1, { uploadSlots: 1 }), fleet)
  await one.take(policy(2, { uploadSlots: 2 }), fleet)
  await one.take(policy(1, { uploadSlots: 1 }), fleet)
  const digest = policyDigest(policy(1, { uploadSlots: 1 }))
  expect(one.report().refused).toMatchObject({ digest, reason: expect.stringContaining('older') as string })
  // Who reports it as refused is not sent it.
  one.around.now += 30 * secondMs
  expect(one.report().refused).toBeNull()
  // Of a coordinator that was set back it comes again and again.
  expect(await one.take(policy(1, { uploadSlots: 1 }), fleet)).toBe(false)
  expect(await one.take(policy(3, { uploadSlots: 1 }), fleet)).toBe(true)
  expect(one.around.applied).toEqual({ uploadSlots: 1 })
})

it('what cannot be acted on is not asked about again for an hour', async () => {
  const one = keeper()
  await one.take(policy(1, { uploadSlots: -1 }), fleet)
  one.around.now += hourMs - secondMs
  expect(one.report().refused?.reason).toContain('uploadSlots')
  one.around.now += secondMs
  expect(one.report().refused).toBeNull()
})

it('a full disk is in the way of no policy: it holds, people are told once, and it is written down when there is room', async () => {
  const first = keeper()
  await first.take(policy(1, { uploadSlots: 1 }), fleet)
  first.around.isFull = true
  expect(await first.take(policy(2, { uploadSlots: 2 }), fleet)).toBe(true)
  expect(await first.take(policy(3, { uploadSlots: 3 }), fleet)).toBe(true)
  expect(first.around.applied).toEqual({ uploadSlots: 3 })
  expect(first.report()).toMatchObject({ number: 3, refused: null })
  expect(first.around.problems).toHaveLength(1)
  expect(first.around.problems[0]).toContain('make room in the data folder')

  // Until then a start begins with what is there, and does not fail.
  const meanwhile = keeper(first.disk)
  meanwhile.around.isFull = true
  await meanwhile.load(fleet)
  expect(meanwhile.around.applied).toEqual({ uploadSlots: 1 })

  first.around.isFull = false
  first.coordinatorReached()
  await first.take(policy(3, { uploadSlots: 3 }), fleet)
  const after = keeper(first.disk)
  await after.load(fleet)
  expect(after.around.applied).toEqual({ uploadSlots: 3 })
  for (const one of [first, meanwhile, after]) one.stop()
})
