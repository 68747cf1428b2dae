/** Who may ask (accounts, sessions, tokens), what was done (the audit log), and secrets under sealed keys. */
import type { Migration } from './migration.ts'

export const controlPlane: Migration = ({ text, integer, bytes, endKeyed }) => [
  `CREATE TABLE data_keys (
    id ${text} PRIMARY KEY,
    wrapped ${bytes} NOT NULL,
    created_at ${integer} NOT NULL,
    is_current ${integer} NOT NULL
  ${endKeyed}`,
  `CREATE TABLE secrets (
    name ${text} PRIMARY KEY,
    data_key ${text} NOT NULL REFERENCES data_keys (id),
    sealed ${bytes} NOT NULL
  ${endKeyed}`,
  `CREATE TABLE audit (
    number ${integer} PRIMARY KEY,
    at ${integer} NOT NULL,
    kind ${text} NOT NULL,
    actor ${text} NOT NULL,
    role ${text} NOT NULL,
    action ${text} NOT NULL,
    target ${text} NOT NULL,
    outcome ${text} NOT NULL,
    address ${text} NOT NULL,
    detail ${text} NOT NULL,
    previous ${text} NOT NULL,
    hash ${text} NOT NULL
  ${endKeyed}`,
  `CREATE INDEX audit_by_actor ON audit (actor, number)`,
  `CREATE INDEX audit_by_action ON audit (action, number)`,
  `CREATE TABLE accounts (
    name ${text} PRIMARY KEY,
    role ${text} NOT NULL,
    password_hash ${text} NOT NULL,
    is_disabled ${integer} NOT NULL,
    created_at ${integer} NOT NULL,
    signed_in_at ${integer}
  ${endKeyed}`,
  `CREATE TABLE sessions (
    hash ${text} PRIMARY KEY,
    account ${text} NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    created_at ${integer} NOT NULL,
    expires_at ${integer} NOT NULL
  ${endKeyed}`,
  `CREATE TABLE api_tokens (
    id ${text} PRIMARY KEY,
    hash ${text} NOT NULL UNIQUE,
    name ${text} NOT NULL,
    role ${text} NOT NULL,
    site ${text},
    created_at ${integer} NOT NULL,
    created_by ${text} NOT NULL,
    expires_at ${integer} NOT NULL,
    used_at ${integer},
    revoked_at ${integer}
  ${endKeyed}`
]
