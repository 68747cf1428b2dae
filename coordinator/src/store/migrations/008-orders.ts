/** What agents are to have and keep, and how far each is with it. */
import type { Migration } from './migration.ts'

export const orders: Migration = ({ text, integer, endKeyed }) => [
  `CREATE TABLE orders (
    id ${text} PRIMARY KEY,
    kind ${text} NOT NULL,
    what ${text} NOT NULL,
    scopes ${text} NOT NULL,
    deadline ${integer},
    bytes_per_second ${integer},
    author ${text} NOT NULL,
    reason ${text} NOT NULL,
    created_at ${integer} NOT NULL,
    withdrawn_at ${integer},
    withdrawn_by ${text}
  ${endKeyed}`,
  `CREATE TABLE order_progress (
    order_id ${text} NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    agent ${text} NOT NULL,
    state ${text} NOT NULL,
    reason ${text} NOT NULL,
    bytes ${integer} NOT NULL,
    length ${integer},
    late ${integer} NOT NULL,
    at ${integer} NOT NULL,
    PRIMARY KEY (order_id, agent)
  ${endKeyed}`
]
