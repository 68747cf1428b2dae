/** The coordinators of the fleet, so that each tells agents of the others. */
import type { Migration } from './migration.ts'

export const coordinators: Migration = ({ text, integer, endKeyed }) => [
  `CREATE TABLE coordinators (
    coordinator ${text} NOT NULL PRIMARY KEY,
    addresses ${text} NOT NULL,
    seen_at ${integer} NOT NULL
  ${endKeyed}`
]
