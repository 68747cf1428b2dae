/**
 * How the command line finds and convinces the coordinator of its machine: `admin.token` (a secret, made once) and
 * `running.json` (where it listens and who it is, there only while it runs). Both lie in the data folder, so the
 * folder's permissions are the administrator's right.
 */
import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecretFile, readSecretFile, writeSecretFile } from '@starling/agent/identity/secret-file.ts'
import { StarlingError, codeOf, messageOf } from '@starling/shared/errors.ts'
import { isAgentId, type AgentId } from '@starling/shared/ids.ts'
import { z } from 'zod'

export interface RunningFile {
  readonly host: string
  readonly port: number
  readonly coordinator: AgentId
  readonly pid: number
}

const tokenShape = /^[A-Za-z0-9_-]{43}$/
const runningShape = z.strictObject({
  host: z.string().min(1),
  port: z.number().int().min(1).max(65_535),
  coordinator: z.string().refine(isAgentId),
  pid: z.number().int()
})

/** @throws StarlingError `admin-token-damaged` and those of readSecretFile */
export async function loadOrCreateAdminToken(folder: string): Promise<string> {
  const path = join(folder, 'admin.token')
  await createSecretFile(path, randomBytes(32).toString('base64url'))
  return await readAdminToken(folder)
}

export async function readAdminToken(folder: string): Promise<string> {
  const path = join(folder, 'admin.token')
  const token = (await readSecretFile(path))?.toString('utf8').trim() ?? ''
  if (tokenShape.test(token)) return token
  throw new StarlingError(
    'admin-token-damaged',
    `${path} holds no token: stop the coordinator, delete the file and start again to get a new one`
  )
}

export async function writeRunningFile(folder: string, running: RunningFile): Promise<void> {
  await writeSecretFile(join(folder, 'running.json'), `${JSON.stringify(running)}\n`)
}

export async function removeRunningFile(folder: string): Promise<void> {
  await rm(join(folder, 'running.json'), { force: true })
}

/** @throws StarlingError `not-running`, `not-allowed` */
export async function readRunningFile(folder: string): Promise<RunningFile> {
  const path = join(folder, 'running.json')
  try {
    return runningShape.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    if (codeOf(cause) === 'EACCES' || codeOf(cause) === 'EPERM') {
      throw new StarlingError(
        'not-allowed',
        `${folder} may not be read by you: run this as the user of the coordinator, or as administrator`,
        { cause }
      )
    }
    const why = codeOf(cause) === 'ENOENT' ? '' : ` (${messageOf(cause)})`
    throw new StarlingError(
      'not-running',
      `no coordinator runs on ${folder}${why}: start it with "starling-coordinator run", or name its folder with --data`,
      { cause }
    )
  }
}
