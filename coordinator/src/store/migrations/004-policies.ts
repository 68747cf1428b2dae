/**
 * Policies: their versions, which holds in each scope, what rollouts have heard of agents; and the groups that agents may be
 * in. Documents and rollouts are JSON: nothing in them is asked of the database.
 */
import type { Migration } from './migration.ts'

export const policies: Migration = ({ text, integer, endKeyed }) => [
  `ALTER TABLE agents ADD COLUMN "group" ${text}`,
  `CREATE TABLE policy_versions (
    scope ${text} NOT NULL,
    version ${integer} NOT NULL,
    document ${text} NOT NULL,
    author ${text} NOT NULL,
    reason ${text} NOT NULL,
    created_at ${integer} NOT NULL,
    changes ${text} NOT NULL,
    PRIMARY KEY (scope, version)
  ${endKeyed}`,
  `CREATE TABLE policies (
    scope ${text} PRIMARY KEY,
    revision ${integer} NOT NULL,
    state ${text} NOT NULL
  ${endKeyed}`,
  `CREATE TABLE policy_heard (
    agent ${text} PRIMARY KEY,
    noted_at ${integer} NOT NULL,
    heard_at ${integer} NOT NULL,
    standing ${text} NOT NULL,
    downloads ${integer} NOT NULL,
    errors ${integer} NOT NULL
  ${endKeyed}`,
  `CREATE INDEX policy_heard_noted ON policy_heard (noted_at)`
]
