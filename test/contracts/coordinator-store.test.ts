/** The store's contracts on a real SQLite file and a real PostgreSQL. A subject adds its contract to the list. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '@starling/coordinator/log.ts'
import type { Database } from '@starling/coordinator/store/database.ts'
import { openDatabase, type DatabasePlace } from '@starling/coordinator/store/open.ts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { findPostgres, postgresInstall, startPostgres, type Postgres } from '../doubles/postgres.ts'
import { accountsContract } from './coordinator-store/accounts.contract.ts'
import { agentsContract } from './coordinator-store/agents.contract.ts'
import { auditContract } from './coordinator-store/audit.contract.ts'
import type { StoreContract, StoreHarness } from './coordinator-store/contract.ts'
import { coordinatorsContract } from './coordinator-store/coordinators.contract.ts'
import { databaseContract } from './coordinator-store/database.contract.ts'
import { eventsContract } from './coordinator-store/events.contract.ts'
import { ordersContract } from './coordinator-store/orders.contract.ts'
import { noticedContract } from './coordinator-store/noticed.contract.ts'
import { placingContract } from './coordinator-store/placing.contract.ts'
import { policiesContract } from './coordinator-store/policies.contract.ts'
import { purgesContract } from './coordinator-store/purges.contract.ts'
import { secretsContract } from './coordinator-store/secrets.contract.ts'
import { seriesContract } from './coordinator-store/series.contract.ts'
import { ticketsContract } from './coordinator-store/tickets.contract.ts'

const contracts: ReadonlyArray<readonly [string, StoreContract]> = [
  ['database', databaseContract],
  ['agents', agentsContract],
  ['placing', placingContract],
  ['tickets', ticketsContract],
  ['purges', purgesContract],
  ['policies', policiesContract],
  ['orders', ordersContract],
  ['series', seriesContract],
  ['noticed', noticedContract],
  ['events', eventsContract],
  ['secrets', secretsContract],
  ['audit', auditContract],
  ['accounts', accountsContract],
  ['coordinators', coordinatorsContract]
]

const log = createLog('silent')
const programs = findPostgres()

function runContracts(newPlace: () => Promise<DatabasePlace>): void {
  let place: DatabasePlace
  let database: Database
  let rivals: Database[] = []
  beforeEach(async () => {
    place = await newPlace()
    database = await openDatabase(place, log)
  })
  afterEach(async () => {
    for (const rival of rivals) await rival.close()
    rivals = []
    await database.close()
    if ('folder' in place) await rm(place.folder, { recursive: true, force: true })
  })
  const harness: StoreHarness = {
    get database() {
      return database
    },
    async reopen() {
      await database.close()
      database = await openDatabase(place, log)
    },
    async rival() {
      if ('folder' in place) return database
      const rival = await openDatabase(place, log)
      rivals.push(rival)
      return rival
    }
  }
  describe.each(contracts)('%s', (_, contract) => {
    contract(harness)
  })
}

describe('on SQLite', () => {
  runContracts(async () => ({ folder: await mkdtemp(join(tmpdir(), 'starling-store-')) }))
})

if (programs === null)
  console.warn(`\n*** no PostgreSQL here: the store is tested on SQLite only. Run: ${postgresInstall}\n`)

test.runIf(programs === null && process.env.CI === 'true')(
  'PostgreSQL is installed, as it must be in CI',
  () => {
    expect.fail(`PostgreSQL is missing: ${postgresInstall}`)
  }
)

describe.skipIf(programs === null)('on PostgreSQL', () => {
  let postgres: Postgres
  beforeAll(async () => {
    postgres = await startPostgres(programs!)
  }, 60_000)
  afterAll(() => postgres.close())
  runContracts(async () => ({ url: await postgres.createDatabase(), beatMs: 20 }))
})
