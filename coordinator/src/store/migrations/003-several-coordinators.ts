/**
 * What several coordinators on one database need: numbers that become visible in their order (store/counters.ts says
 * why a serial is not enough), whose fleet the database is, and no walk through a whole table with each heartbeat.
 */
import type { Migration } from './migration.ts'

export const severalCoordinators: Migration = ({ text, integer, endKeyed }) => [
  `CREATE TABLE counters (
    name ${text} PRIMARY KEY,
    value ${integer} NOT NULL
  ${endKeyed}`,
  `INSERT INTO counters (name, value) SELECT 'revocations', count(*) FROM agents WHERE revoked_at IS NOT NULL`,
  `INSERT INTO counters (name, value) SELECT 'purges', coalesce(max(number), 0) FROM purges`,
  `CREATE TABLE facts (
    name ${text} PRIMARY KEY,
    value ${text} NOT NULL
  ${endKeyed}`,
  `CREATE INDEX agents_revoked ON agents (agent) WHERE revoked_at IS NOT NULL`,
  `CREATE INDEX credentials_by_agent ON credentials (agent, not_after)`
]
