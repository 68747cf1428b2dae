/** What the coordinators have found to be wrong with agents, and since when it looks so; rules of alerts that an admin has set. */
import type { Migration } from './migration.ts'

export const noticedProblems: Migration = ({ text, integer, real, endKeyed }) => [
  `ALTER TABLE agent_reports ADD COLUMN suspicions ${text} NOT NULL DEFAULT '{}'`,
  `ALTER TABLE agent_reports ADD COLUMN noticed ${text} NOT NULL DEFAULT ''`,
  `CREATE TABLE alert_rules (
    rule ${text} PRIMARY KEY,
    threshold ${real} NOT NULL,
    clears_below ${real} NOT NULL,
    for_ms ${integer} NOT NULL,
    enabled ${integer} NOT NULL
  ${endKeyed}`
]
