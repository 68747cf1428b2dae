/** By what an agent came to its site; whoever is there already was named, and stays. */
import type { Migration } from './migration.ts'

export const placing: Migration = ({ text }) =>
  ['tickets', 'agents'].map(
    table =>
      `ALTER TABLE ${table} ADD COLUMN placed_by ${text} NOT NULL DEFAULT 'name' CHECK (placed_by IN ('name', 'definitions'))`
  )
