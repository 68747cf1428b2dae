/** Keys and backup, for the administrator of this machine. */
import { changeMasterKey, copyDatabase, rotateSecrets } from '@starling/shared/admin-api/upkeep.ts'
import type { Upkeep } from '../ports.ts'
import type { AddRoute } from './route.ts'

export function addUpkeepRoutes(route: AddRoute, upkeep: Upkeep): void {
  route(rotateSecrets, async ({ by }) => ({ secrets: await upkeep.rotateSecrets(by) }))
  route(changeMasterKey, async ({ by, body }) => ({
    secrets: await upkeep.changeMasterKey(body.file ?? null, by)
  }))
  route(copyDatabase, async () => ({ kind: upkeep.kind, file: await upkeep.copyDatabase() }))
}
