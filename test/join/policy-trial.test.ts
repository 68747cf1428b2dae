/** A form that asks with each keystroke what a policy would do must not fill the audit log with what was never done. */
import { readAudit } from '@starling/shared/admin-api/audit.ts'
import { addPolicyVersion } from '@starling/shared/admin-api/policy.ts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startControlPlane, type ControlPlane } from './control-plane.ts'

let plane: ControlPlane
beforeAll(async () => {
  plane = await startControlPlane()
})
afterAll(() => plane.stop())

const ask = (document: object, dryRun: boolean) =>
  plane.asLocal(addPolicyVersion, '/api/v1/policies/fleet/versions', { document, dryRun })
const written = async (): Promise<string[]> =>
  (await plane.asLocal(readAudit, `${readAudit.path}?action=policy.add-version`)).entries.map(
    ({ outcome }) => outcome
  )

it('a trial leaves nothing in the audit log, fitting or not; the version itself does', async () => {
  expect((await ask({ DODownloadMode: 0 }, true)).version).toBeNull()
  await expect(ask({ DODownloadMode: 'often' }, true)).rejects.toThrow()
  expect(await written()).toEqual([])
  await ask({ DODownloadMode: 0 }, false)
  await expect(ask({ DODownloadMode: 'often' }, false)).rejects.toThrow()
  expect(await written()).toEqual(['bad-policy', 'done'])
})
