/** All steps of the schema, in their order: the first makes version 1. Add yours at the end, in a file with its number. */
import { membership } from './001-membership.ts'
import { purges } from './002-purges.ts'
import { severalCoordinators } from './003-several-coordinators.ts'
import { controlPlane } from './004-control-plane.ts'
import { policies } from './005-policies.ts'
import { fleet } from './006-fleet.ts'
import { coordinators } from './007-coordinators.ts'
import { orders } from './008-orders.ts'
import { noticedProblems } from './009-noticed-problems.ts'
import { shortRevocations } from './010-short-revocations.ts'
import { placing } from './011-placing.ts'
import type { Migration } from './migration.ts'

export const migrations: readonly Migration[] = [
  membership,
  purges,
  severalCoordinators,
  controlPlane,
  policies,
  fleet,
  coordinators,
  orders,
  noticedProblems,
  shortRevocations,
  placing
]
