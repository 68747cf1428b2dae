/** The schema as 0.1.0 made it, for the test that brings it forward: never changed. */
export const releasedSchemas: readonly string[] = [
  `
  CREATE TABLE agents (
    agent TEXT PRIMARY KEY,
    site TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('agent', 'gateway')),
    version TEXT NOT NULL,
    enrolled_at INTEGER NOT NULL,
    last_heard_at INTEGER,
    revoked_at INTEGER,
    revoked_reason TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE tickets (
    id TEXT PRIMARY KEY,
    secret_hash BLOB NOT NULL UNIQUE,
    site TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('agent', 'gateway')),
    uses_max INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE ticket_uses (
    ticket TEXT NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    agent TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (ticket, agent)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE credentials (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    agent TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    not_after INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    agent TEXT,
    detail TEXT NOT NULL
  ) STRICT;
`,
  `
  CREATE TABLE purges (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    purged_at INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('key', 'class')),
    target TEXT NOT NULL,
    reason TEXT NOT NULL
  ) STRICT;
`
]
