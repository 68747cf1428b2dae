/**
 * What agents tell of themselves, the fleet's figures over time, why agents had no peer; machines that were set up anew;
 * orders and how far they are; alerts.
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
  `CREATE TABLE orders (
    number ${integer} PRIMARY KEY,
    kind ${text} NOT NULL,
    url ${text} NOT NULL,
    sites ${text} NOT NULL,
    bytes_per_second_max ${integer},
    due_at ${integer},
    created_at ${integer} NOT NULL,
    created_by ${text} NOT NULL,
    ended_at ${integer}
  ${endKeyed}`,
  `CREATE TABLE order_fetchers (
    number ${integer} NOT NULL,
    agent ${text} NOT NULL,
    site ${text} NOT NULL,
    state ${text} NOT NULL,
    done_bytes ${integer} NOT NULL,
    total_bytes ${integer},
    problem ${text} NOT NULL,
    at ${integer} NOT NULL,
    PRIMARY KEY (number, agent)
  ${endKeyed}`,
  `CREATE TABLE alerts (
    id ${text} PRIMARY KEY,
    rule ${text} NOT NULL,
    site ${text} NOT NULL,
    state ${text} NOT NULL,
    since ${integer} NOT NULL,
    value ${real} NOT NULL,
    summary ${text} NOT NULL,
    fired_at ${integer},
    resolved_at ${integer},
    acknowledged_at ${integer},
    acknowledged_by ${text}
  ${endKeyed}`
]
