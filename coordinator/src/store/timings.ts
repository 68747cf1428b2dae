/** How long the database takes to answer: where a slow disk or a server that is far away shows first. */
import { Spread } from '@starling/agent/telemetry/spread.ts'
import type { LogEvent } from 'kysely'

export class Timings {
  readonly queries = new Spread()
  /** As a whole, with the waiting for those before it and for the disk. */
  readonly transactions = new Spread()
  failed = 0

  /** For Kysely's `log`. */
  readonly note = ({ level, queryDurationMillis }: LogEvent): void => {
    this.queries.add(queryDurationMillis)
    if (level === 'error') this.failed++
  }

  async transaction<Result>(work: () => Promise<Result>): Promise<Result> {
    const began = performance.now()
    try {
      return await work()
    } finally {
      this.transactions.add(performance.now() - began)
    }
  }
}
