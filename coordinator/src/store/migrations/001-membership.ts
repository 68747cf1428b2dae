/** Who belongs, what they join with, what was issued to them, and what happened (0.1.0). */
import type { Migration } from './migration.ts'

export const membership: Migration = ({ text, integer, bytes, serial, end, endKeyed }) => [
  `CREATE TABLE agents (
    agent ${text} PRIMARY KEY,
    site ${text} NOT NULL,
    role ${text} NOT NULL CHECK (role IN ('agent', 'gateway')),
    version ${text} NOT NULL,
    enrolled_at ${integer} NOT NULL,
    last_heard_at ${integer},
    revoked_at ${integer},
    revoked_reason ${text}
  ${endKeyed}`,
  `CREATE TABLE tickets (
    id ${text} PRIMARY KEY,
    secret_hash ${bytes} NOT NULL UNIQUE,
    site ${text} NOT NULL,
    role ${text} NOT NULL CHECK (role IN ('agent', 'gateway')),
    uses_max ${integer} NOT NULL,
    created_at ${integer} NOT NULL,
    expires_at ${integer} NOT NULL
  ${endKeyed}`,
  `CREATE TABLE ticket_uses (
    ticket ${text} NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    agent ${text} NOT NULL,
    used_at ${integer} NOT NULL,
    PRIMARY KEY (ticket, agent)
  ${endKeyed}`,
  `CREATE TABLE credentials (
    serial ${serial},
    agent ${text} NOT NULL,
    issued_at ${integer} NOT NULL,
    not_after ${integer} NOT NULL
  ${end}`,
  `CREATE TABLE events (
    id ${serial},
    at ${integer} NOT NULL,
    kind ${text} NOT NULL,
    agent ${text},
    detail ${text} NOT NULL
  ${end}`
]
