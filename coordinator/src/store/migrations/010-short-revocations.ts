/** Since when a revoked agent is not on the list any more that agents are given; null: it is. */
import type { Migration } from './migration.ts'

export const shortRevocations: Migration = ({ integer }) => [
  `ALTER TABLE agents ADD COLUMN unlisted_at ${integer}`
]
