/**
 * Where the database is and how to enter it, from the command line and the environment. A command line can be read by
 * every user of the machine, so a password comes from a file of its owner's or from the environment.
 */
import { readSecretFile } from '@starling/agent/identity/secret-file.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import type { DatabaseAccess } from './config.ts'

export const databaseVariable = 'STARLING_COORDINATOR_DATABASE'
export const passwordVariable = 'STARLING_COORDINATOR_DATABASE_PASSWORD'

export interface DatabaseInput {
  readonly database?: string | undefined
  readonly databasePasswordFile?: string | undefined
}

/**
 * @returns null when there is none: SQLite then.
 * @throws StarlingError `bad-config`, `secret-file-exposed`, `secret-file-unreadable`
 */
export async function readDatabaseAccess(
  { database, databasePasswordFile }: DatabaseInput,
  env: Readonly<Record<string, string | undefined>>
): Promise<DatabaseAccess | null> {
  const url = database ?? env[databaseVariable]
  if (url === undefined || url === '') {
    if (databasePasswordFile === undefined) return null
    throw badConfig('a password file is given, but no database: give --database, too')
  }
  if (!/^postgres(ql)?:\/\/[^/]*\/[^/?]+(\?|$)/.test(url)) {
    throw badConfig(
      'the database is given as postgres://user@host:5432/name (or postgres://user@/name?host=/var/run/postgresql)'
    )
  }
  if (/[?&]sslmode=(no-verify|allow|prefer)/.test(url)) {
    throw badConfig(
      'with this sslmode anybody on the way could pose as the database: use sslmode=verify-full, and sslrootcert=FILE for a CA of your own'
    )
  }
  if (database !== undefined && hasPassword(database)) {
    throw badConfig(
      'the password stands on the command line, which every user of this machine can read: change it, and give it with ' +
        `--database-password-file FILE or in ${passwordVariable}`
    )
  }
  return { url, password: await passwordOf(databasePasswordFile, env) }
}

async function passwordOf(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>
): Promise<string | undefined> {
  if (file === undefined) return env[passwordVariable]
  const bytes = await readSecretFile(file)
  if (bytes === null) throw badConfig(`${file} does not exist: write the password of the database into it`)
  // Editors end a file with a new line; no password does.
  return bytes.toString('utf8').replace(/\r?\n$/, '')
}

function hasPassword(url: string): boolean {
  return /^[a-z]+:\/\/[^/@]*:[^/]*@/.test(url) || /[?&]password=/.test(url)
}

function badConfig(message: string): StarlingError {
  return new StarlingError('bad-config', message)
}
