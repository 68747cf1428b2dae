/** Rotation of the data key, change of the master key, and a consistent copy of an SQLite database that is in use. */
import { randomBytes } from 'node:crypto'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { Upkeep } from '../ports.ts'
import type { SealingKey } from '../sealing.ts'
import type { AuditChain } from './audit.ts'
import type { Database } from './database.ts'
import type { Secrets } from './secrets.ts'

export function createUpkeep(
  database: Database,
  {
    secrets,
    audit,
    dataFolder,
    bringMasterKey
  }: {
    readonly secrets: Secrets
    readonly audit: AuditChain
    readonly dataFolder: string
    /** @param from a file that holds it; null: makes one */
    readonly bringMasterKey: (from: string | null) => Promise<SealingKey>
  }
): Upkeep {
  return {
    kind: database.kind,
    async rotateSecrets(by) {
      return await database.transaction(async transaction => {
        const count = await secrets.rotate(transaction)
        await audit.append(transaction, { by, target: `${count} secrets` })
        return count
      })
    },
    async changeMasterKey(from, by) {
      const count = await database.transaction(async transaction => {
        const secretsCount = await secrets.rotate(transaction, () => bringMasterKey(from))
        await audit.append(transaction, { by, target: `${secretsCount} secrets` })
        return secretsCount
      })
      await secrets.settleMasterKey()
      return count
    },
    async copyDatabase() {
      if (database.kind !== 'sqlite') return null
      const name = `backup-${randomBytes(6).toString('hex')}.db`
      await sql`VACUUM INTO ${join(dataFolder, name)}`.execute(database.db)
      await chmod(join(dataFolder, name), 0o600)
      return name
    }
  }
}
