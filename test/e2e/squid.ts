/**
 * A real squid from Debian as the proxy between a site and its origins: what stands there in most offices. One
 * process in the foreground, nothing cached, nothing written, ended with the house.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { House } from './harness.ts'

export const squidInstall = 'apt-get install -y --no-install-recommends squid'

/** The path of squid's program, or null. Debian puts it where only root's PATH looks. */
export function findSquid(): string | null {
  const found = ['squid', '/usr/sbin/squid'].find(name => spawnSync(name, ['-v']).status === 0)
  return found ?? null
}

/** @returns its URL. @throws Error with squid's own words */
export async function startSquid(house: House, program: string): Promise<string> {
  const port = await freePort()
  const config = join(house.folder('squid'), 'squid.conf')
  const lines = [
    `http_port 127.0.0.1:${port}`,
    'acl loopback src 127.0.0.1/32',
    'http_access allow loopback',
    'http_access deny all',
    'cache deny all',
    'cache_mem 8 MB',
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
  let ended = false
  const note = (): unknown => (ended = true)
  squid.ended.then(note, note)
  for (let tries = 0; tries < 100 && !ended; tries++) {
    if (await answers(port)) return `http://127.0.0.1:${port}`
    await sleep(100)
  }
  throw new Error(`squid did not come up on port ${port}:\n${squid.tail()}`)
}

/** Squid cannot tell which port it was given for 0; the moment between closing and its listening is short. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}
