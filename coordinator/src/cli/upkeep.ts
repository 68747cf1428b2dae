/**
 * The commands about the coordinator itself: its audit log, its secrets, backups and keys. What needs the database asks the
 * coordinator that runs, which has it locked; when none runs, it opens the database itself.
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { readAudit, verifyAudit, type AuditView } from '@starling/shared/admin-api/audit.ts'
import { changeMasterKey, copyDatabase, rotateSecrets } from '@starling/shared/admin-api/upkeep.ts'
import { StarlingError, codeOf } from '@starling/shared/errors.ts'
import { loadAuthorityKeys } from '../authority.ts'
import { restoreBackup, writeBackup } from '../backup-file.ts'
import { byItself } from '../by.ts'
import type { Client } from '../client.ts'
import { createConfig, type CoordinatorConfig } from '../config.ts'
import { readDatabaseAccess } from '../database-access.ts'
import { exportKeys, importKeys } from '../key-file.ts'
import { createLog } from '../log.ts'
import { loadMasterKey } from '../master-key.ts'
import type { AuditLog, Upkeep } from '../ports.ts'
import type { AdminOptions } from './admin.ts'
import { createAdminClient } from './admin-client.ts'
import { print } from './output.ts'
import { readSecret } from './secret-input.ts'

export interface UpkeepOptions extends AdminOptions {
  readonly masterKeyFile?: string
  readonly masterKeyDpapi?: boolean
}

interface Ways<Result> {
  readonly running: (client: Client) => Promise<Result>
  readonly stopped: (kept: { readonly audit: AuditLog; readonly upkeep: Upkeep }) => Promise<Result>
}

export async function verifyAuditLog(options: UpkeepOptions): Promise<void> {
  const verdict = await either(options, {
    running: client => client.ask(verifyAudit, {}),
    stopped: ({ audit }) => audit.verify()
  })
  if (verdict.problem !== null)
    throw new StarlingError('audit-broken', `the audit log is not whole: ${verdict.problem}`)
  print(options.json ? JSON.stringify(verdict) : `The audit log is whole: ${verdict.entries} entries.`)
}

/** JSON lines with the hashes of the chain, the oldest first, into a file that is not there yet. */
export async function exportAuditLog(options: UpkeepOptions, path: string): Promise<void> {
  const out = createWriteStream(path, { flags: 'wx', mode: 0o400, flush: true })
  await once(out, 'open').catch((cause: unknown) => {
    const why =
      codeOf(cause) === 'EEXIST' ? 'is there already, and an export is written once' : 'cannot be written'
    throw new StarlingError('export-failed', `${path} ${why}: give another name`, { cause })
  })
  let count = 0
  const write = async (entry: AuditView): Promise<void> => {
    count++
    if (!out.write(`${JSON.stringify(entry)}\n`)) await once(out, 'drain')
  }
  await either(options, {
    async running(client) {
      // Newest first on the way, so that what is appended meanwhile shifts no page.
      const pages: AuditView[][] = []
      let page: number | null | undefined
      do {
        const query: { count: number; page?: number } = { count: 1000, ...(page == null ? {} : { page }) }
        const { entries, next } = await client.ask(readAudit, { query })
        pages.push(entries)
        page = next
      } while (page !== null)
      for (const entry of pages.flat().reverse()) await write(entry)
    },
    async stopped({ audit }) {
      for await (const entry of audit.entries()) await write(entry)
    }
  })
  out.end()
  await once(out, 'close')
  print(options.json ? JSON.stringify({ file: path, entries: count }) : `${count} entries are in ${path}.`)
}

export async function rotate(options: UpkeepOptions): Promise<void> {
  const secrets = await either(options, {
    running: async client => (await client.ask(rotateSecrets, {})).secrets,
    stopped: ({ upkeep }) => upkeep.rotateSecrets(byItself(rotateSecrets.action ?? ''))
  })
  print(options.json ? JSON.stringify({ secrets }) : `${secrets} secrets are sealed under a new data key.`)
}

export async function changeKey(
  options: UpkeepOptions & { readonly newMasterKeyFile?: string }
): Promise<void> {
  const file = options.newMasterKeyFile === undefined ? null : resolve(options.newMasterKeyFile)
  const body = file === null ? {} : { file }
  const secrets = await either(options, {
    running: async client => (await client.ask(changeMasterKey, { body })).secrets,
    stopped: ({ upkeep }) => upkeep.changeMasterKey(file, byItself(changeMasterKey.action ?? ''))
  })
  if (options.json) return print(JSON.stringify({ secrets }))
  print(
    `${secrets} secrets are sealed under a new data key, which a new master key wraps. It has taken the old one's place.`
  )
  print(
    'Next: "starling-coordinator key export", because earlier exports hold the old one. Other coordinators of this fleet change nothing until they are given the new file; they need no restart.'
  )
}

export async function backup(options: UpkeepOptions, path: string): Promise<void> {
  const { data, json } = options
  const { kind, file } = await either(options, {
    running: client => client.ask(copyDatabase, {}),
    async stopped({ audit, upkeep }) {
      await audit.write({ by: byItself(copyDatabase.action ?? ''), target: '' })
      return { kind: upkeep.kind, file: await upkeep.copyDatabase() }
    }
  })
  const { fleet, coordinator } = await loadAuthorityKeys(data)
  const about = {
    madeAt: new Date().toISOString(),
    fleet: fleet.agentId,
    coordinator: coordinator.agentId,
    database: kind
  }
  try {
    const { files } = await writeBackup(path, about, [
      ...(file === null ? [] : [{ name: 'coordinator.db' as const, path: join(data, file) }]),
      { name: 'gateway/config.json', path: join(data, 'gateway', 'config.json') }
    ])
    if (json) return print(JSON.stringify({ file: path, ...about, files: files.map(({ name }) => name) }))
    print(`${path} is written. The keys are not in it: "starling-coordinator key export" writes them apart.`)
    if (file === null)
      print('The database is not in it either: back it up with pg_dump, at the same time or after this.')
  } finally {
    if (file !== null) await rm(join(data, file), { force: true })
  }
}

export async function restore({ data, json }: AdminOptions, path: string): Promise<void> {
  const head = await restoreBackup(path, data)
  if (json) return print(JSON.stringify(head))
  print(
    `${data} is as it was at ${head.madeAt}. Next: "starling-coordinator key import FILE", before it is started.`
  )
  if (head.database === 'postgres')
    print('Its database was PostgreSQL: restore that with pg_restore or psql.')
}

export async function exportKeysTo(options: UpkeepOptions, path: string): Promise<void> {
  const masterKey = await loadMasterKey((await configOf(options)).masterKey)
  await exportKeys(options.data, masterKey, path, await readSecret('Passphrase', true))
  print(
    options.json
      ? JSON.stringify({ file: path })
      : `${path} holds the keys: keep it and its passphrase apart from backups.`
  )
}

export async function importKeysFrom({ data, json }: AdminOptions, path: string): Promise<void> {
  await importKeys(data, path, await readSecret('Passphrase', false))
  print(
    json
      ? JSON.stringify({ data })
      : `The keys are in ${data}: start the coordinator with "starling-coordinator run".`
  )
}

async function either<Result>(options: UpkeepOptions, ways: Ways<Result>): Promise<Result> {
  const client = await createAdminClient(options.data).catch((error: unknown) => {
    if (codeOf(error) === 'not-running') return null
    throw error
  })
  if (client !== null) {
    try {
      return await ways.running(client)
    } catch (error) {
      // running.json of one that was killed.
      if (codeOf(error) !== 'not-running') throw error
    }
  }
  // Loaded only when wanted: it is the whole coordinator.
  const { openOffline } = await import('../coordinator.ts')
  const kept = await openOffline(await configOf(options), createLog('error'))
  try {
    return await ways.stopped(kept)
  } finally {
    await kept.close()
  }
}

async function configOf({ data, masterKeyFile, masterKeyDpapi }: UpkeepOptions): Promise<CoordinatorConfig> {
  const database = await readDatabaseAccess({}, process.env)
  return createConfig({ data, database, masterKeyFile, masterKeyDpapi, environment: process.env })
}
