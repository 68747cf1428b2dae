/** All tables as Kysely sees them: camelCase here, snake_case in the database. Each subject says its own. */
import type { AccountTables } from './accounts.ts'
import type { AgentTables } from './agents.ts'
import type { AlertTables } from './alerts.ts'
import type { AuditTables } from './audit.ts'
import type { CoordinatorTables } from './coordinators.ts'
import type { CounterTables } from './counters.ts'
import type { EventTables } from './events.ts'
import type { FactTables } from './facts.ts'
import type { OrderTables } from './orders.ts'
import type { PolicyTables } from './policies.ts'
import type { PurgeTables } from './purges.ts'
import type { SecretTables } from './secrets.ts'
import type { CredentialTables } from './serials.ts'
import type { SeriesTables } from './series.ts'
import type { TicketTables } from './tickets.ts'

export interface Tables
  extends
    AccountTables,
    AgentTables,
    AlertTables,
    AuditTables,
    CoordinatorTables,
    CounterTables,
    CredentialTables,
    EventTables,
    FactTables,
    OrderTables,
    PolicyTables,
    PurgeTables,
    SecretTables,
    SeriesTables,
    TicketTables {}
