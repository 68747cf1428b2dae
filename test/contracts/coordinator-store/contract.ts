/** What each contract of the coordinator's store is given: a fresh database before each test, whichever kind it is. */
import type { Database } from '@starling/coordinator/store/database.ts'

export interface StoreHarness {
  /** Of the test that runs. */
  readonly database: Database
  /** As after a restart: closes it and opens it again. */
  reopen(): Promise<void>
  /**
   * Another coordinator on the same database, closed with the test. SQLite takes one only: there it is the same
   * database once more, so that tests of rivals ask the same of both.
   */
  rival(): Promise<Database>
}

/** Called inside a `describe`: declares its tests. */
export type StoreContract = (harness: StoreHarness) => void
