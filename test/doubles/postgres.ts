/**
 * A real PostgreSQL of the tests' own: a fresh cluster in a temporary folder, on a unix socket there, gone afterwards.
 * Text is sorted by language in it, as it is on many real servers.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const programsRoot = '/usr/lib/postgresql'
const admin = 'starling'

export const postgresInstall = 'apt-get install -y --no-install-recommends postgresql'

export interface Postgres {
  /** A new, empty database. @returns its URL */
  createDatabase(): Promise<string>
  /** What an administrator does. @returns what psql prints, without headers */
  ask(sql: string, database?: string): Promise<string>
  url(database: string, user?: string): string
  /** As when its machine goes down: connections break, and nobody listens. */
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

/** Where Debian puts its programs, the newest version; null when it is not installed. */
export function findPostgres(): string | null {
  if (!existsSync(programsRoot)) return null
  const newest = readdirSync(programsRoot).sort((one, other) => Number(other) - Number(one))[0]
  const programs = join(programsRoot, newest ?? '', 'bin')
  return existsSync(join(programs, 'initdb')) ? programs : null
}

export async function startPostgres(programs: string): Promise<Postgres> {
  const folder = mkdtempSync(join(tmpdir(), 'starling-postgres-'))
  const data = join(folder, 'data')
  // PostgreSQL refuses to be run by root; Debian's package brings a user for it.
  const isRoot = process.getuid?.() === 0
  const as = isRoot ? { uid: await idOf('-u'), gid: await idOf('-g') } : {}
  if (as.uid !== undefined) chownSync(folder, as.uid, as.gid)
  const options = { ...as, cwd: folder }
  await run(
    join(programs, 'initdb'),
    // prettier-ignore
    ['-D', data, '-U', admin, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US', '--no-sync'],
    options
  )
  let server: ChildProcess | null = null
  let databases = 0
  const kill = (): void => {
    server?.kill('SIGQUIT')
  }
  process.on('exit', kill)

  const url = (database: string, user = admin): string => `postgres://${user}@/${database}?host=${folder}`
  const ask = async (sql: string, database = 'postgres'): Promise<string> => {
    const psql = join(programs, 'psql')
    const { stdout } = await run(
      psql,
      ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', sql, url(database)],
      options
    )
    return stdout.trim()
  }

  async function start(): Promise<void> {
    const settings = {
      listen_addresses: '',
      unix_socket_directories: folder,
      fsync: 'off',
      shared_buffers: '16MB'
    }
    const child = spawn(
      join(programs, 'postgres'),
      ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      { ...options, stdio: ['ignore', 'ignore', 'pipe'] }
    )
    server = child
    await new Promise<void>((resolve, reject) => {
      let said = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-4000)
        if (said.includes('ready to accept connections')) resolve()
      })
      child.once('exit', () => {
        reject(new Error(`postgres ended: ${said}`))
      })
    })
  }

  async function stop(): Promise<void> {
    const child = server
    server = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise(resolve => child.once('exit', resolve))
    // Its "immediate shutdown": nobody is waited for.
    child.kill('SIGQUIT')
    await ended
  }

  await start()
  return {
    url,
    ask,
    start,
    stop,
    async createDatabase() {
      const name = `test_${++databases}`
      await ask(`CREATE DATABASE ${name}`)
      return url(name)
    },
    async close() {
      await stop()
      process.off('exit', kill)
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

async function idOf(which: '-u' | '-g'): Promise<number> {
  return Number((await run('id', [which, 'postgres'])).stdout)
}
