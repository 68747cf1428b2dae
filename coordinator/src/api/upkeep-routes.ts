/** Rotation and backup, for the administrator of this machine. */
import { copyDatabase, rotateSecrets } from '@starling/shared/admin-api/upkeep.ts'
import type { Upkeep } from '../ports.ts'
import type { AddRoute } from './route.ts'

export function addUpkeepRoutes(route: AddRoute, upkeep: Upkeep): void {
  route(rotateSecrets, async ({ by }) => ({ secrets: await upkeep.rotateSecrets(by) }))
  route(copyDatabase, async () => ({ kind: upkeep.kind, file: await upkeep.copyDatabase() }))
}
