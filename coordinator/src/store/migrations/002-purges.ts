/** What was purged for the whole fleet. */
import type { Migration } from './migration.ts'

export const purges: Migration = ({ text, integer, serial, end }) => [
  `CREATE TABLE purges (
    number ${serial},
    purged_at ${integer} NOT NULL,
    kind ${text} NOT NULL CHECK (kind IN ('key', 'class')),
    target ${text} NOT NULL,
    reason ${text} NOT NULL
  ${end}`
]
