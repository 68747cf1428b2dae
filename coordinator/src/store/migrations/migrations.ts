/** All steps of the schema, in their order: the first makes version 1. Add yours at the end, in a file with its number. */
import { membership } from './001-membership.ts'
import { purges } from './002-purges.ts'
import { severalCoordinators } from './003-several-coordinators.ts'
import { policies } from './004-policies.ts'
import { controlPlane } from './005-control-plane.ts'
import { fleet } from './006-fleet.ts'
import type { Migration } from './migration.ts'

export const migrations: readonly Migration[] = [
  membership,
  purges,
  severalCoordinators,
  policies,
  controlPlane,
  fleet
]
