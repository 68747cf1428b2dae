/**
 * What agents tell of themselves, the fleet's figures over time, why agents had no peer; machines that were set up anew;
 * alerts.
 */
import type { Migration } from './migration.ts'

export const fleet: Migration = ({ text, integer, real, endKeyed }) => [
  `ALTER TABLE agents ADD COLUMN machine ${text}`,
  `ALTER TABLE agents ADD COLUMN superseded_by ${text}`,
  `ALTER TABLE agents ADD COLUMN decommissioned_at ${integer}`,
  `ALTER TABLE tickets ADD COLUMN "group" ${text}`,
  `CREATE INDEX agents_by_machine ON agents (machine)`,
  `CREATE INDEX agents_by_site ON agents (site, agent)`,
  `CREATE TABLE agent_reports (
    agent ${text} PRIMARY KEY,
    at ${integer} NOT NULL,
    run ${integer} NOT NULL,
    counters ${text} NOT NULL,
    host ${text} NOT NULL,
    host_name ${text} NOT NULL,
    problems ${text} NOT NULL
  ${endKeyed}`,
  `CREATE TABLE series (
    span ${text} NOT NULL,
    site ${text} NOT NULL,
    at ${integer} NOT NULL,
    peers ${integer} NOT NULL,
    gateway ${integer} NOT NULL,
    origin ${integer} NOT NULL,
    cache ${integer} NOT NULL,
    served ${integer} NOT NULL,
    clients ${integer} NOT NULL,
    wan ${integer} NOT NULL,
    fresh ${integer} NOT NULL,
    downloads ${integer} NOT NULL,
    errors ${integer} NOT NULL,
    online ${real} NOT NULL,
    PRIMARY KEY (span, site, at)
  ${endKeyed}`,
  `CREATE INDEX series_by_time ON series (span, at)`,
  `CREATE TABLE no_peer (
    day ${integer} NOT NULL,
    site ${text} NOT NULL,
    reason ${text} NOT NULL,
    count ${integer} NOT NULL,
    PRIMARY KEY (day, site, reason)
  ${endKeyed}`,
  `CREATE TABLE alerts (
    id ${text} PRIMARY KEY,
    rule ${text} NOT NULL,
    site ${text} NOT NULL,
    state ${text} NOT NULL,
    turned_at ${integer},
    value ${real} NOT NULL,
    fired_at ${integer},
    resolved_at ${integer},
    acknowledged_at ${integer},
    acknowledged_by ${text},
    told ${text} NOT NULL,
    attempts ${integer} NOT NULL,
    next_at ${integer} NOT NULL
  ${endKeyed}`
]
