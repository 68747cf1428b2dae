/**
 * A real squid from Debian as the proxy between a site and its origins: what stands there in most offices. One
 * process in the foreground, nothing cached unless the caller says how, nothing written, ended with the house.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { House } from './harness.ts'
import { freePort, untilListening } from './listening.ts'

export const squidInstall = 'apt-get install -y --no-install-recommends squid'

/** The path of squid's program, or null. Debian puts it where only root's PATH looks. */
export function findSquid(): string | null {
  const found = ['squid', '/usr/sbin/squid'].find(name => spawnSync(name, ['-v']).status === 0)
  return found ?? null
}

/** The lines of squid.conf that say what is cached. */
const nothingCached = ['cache deny all', 'cache_mem 8 MB']

/** @returns its URL. @throws StarlingError `not-listening` with squid's own words */
export async function startSquid(
  house: House,
  program: string,
  cache: readonly string[] = nothingCached
): Promise<string> {
  const port = await freePort()
  const config = join(house.folder('squid'), 'squid.conf')
  const lines = [
    `http_port 127.0.0.1:${port}`,
    'acl loopback src 127.0.0.1/32',
    'http_access allow loopback',
    'http_access deny all',
    ...cache,
    'pid_filename none',
    'access_log none',
    'cache_log /dev/null',
    'netdb_filename none',
    'pinger_enable off',
    'coredump_dir none',
    'shutdown_lifetime 0 seconds'
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  // Squid started by root reads its file as another user.
  chmodSync(join(config, '..'), 0o755)
  const squid = house.beginOther('squid', program, ['-N', '-d', '1', '-f', config])
  await untilListening(squid, port)
  return `http://127.0.0.1:${port}`
}
