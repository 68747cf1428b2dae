/** The clients of the proxy bench: curl, one or many, and wrk. Each a process of its own, as real clients are. */
import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { StarlingError } from '@starling/shared/errors.ts'
import type { Bytes, Millis } from '@starling/shared/units.ts'
import type { House } from '../../e2e/harness.ts'
import { endOf, launchOther } from '../../e2e/program.ts'
import type { ServerUnderTest } from './servers.ts'

export interface Fetched {
  readonly bytes: Bytes
  readonly firstByteMs: Millis
  readonly ms: Millis
  /** What the answer says of its way, as its own header lines. */
  readonly way: string
}

type Spawn = (command: string, args: readonly string[]) => ChildProcess

const here: Spawn = (command, args) => launchOther(command, args, process.env, 'ignore')

/** Directly when `proxy` is null. @throws StarlingError `client-failed` unless the answer is a whole 200 */
export async function curl(proxy: string | null, url: string, spawn: Spawn = here): Promise<Fetched> {
  const way = proxy === null ? ['--noproxy', '*'] : ['--noproxy', '', '--proxy', proxy]
  const figures = '%{http_code} %{size_download} %{time_starttransfer} %{time_total}\n'
  const quiet = ['-q', '-sS', '-o', '/dev/null', '-D', '-', '-w', figures]
  const said = await run(spawn, 'curl', [...quiet, ...way, url])
  const lines = said.trim().split('\n')
  const [status, bytes, firstByteSeconds, seconds] = lines.at(-1)!.split(' ').map(Number) as [
    number,
    number,
    number,
    number
  ]
  if (status !== 200)
    throw new StarlingError('client-failed', `curl ${url} by ${proxy ?? 'itself'} was answered ${status}`)
  return {
    bytes,
    firstByteMs: firstByteSeconds * 1000,
    ms: seconds * 1000,
    way: lines
      .filter(line => /^(x-starling|x-cache|x-cache-status|x-varnish|age):/i.test(line))
      .map(line => line.trim())
      .join(', ')
  }
}

/** The same through a server under test, whichever kind of proxy it is. */
export async function fetchBy(server: ServerUnderTest, url: string): Promise<Fetched> {
  return server.isForward ? await curl(server.url, url) : await curl(null, reversed(server, url))
}

/** All at once. @returns from the first start to the last end */
export async function crowd(clients: number, fetch: () => Promise<Fetched>, bytes: Bytes): Promise<Millis> {
  const startedAt = performance.now()
  const all = await Promise.all(Array.from({ length: clients }, fetch))
  const short = all.filter(one => one.bytes !== bytes).length
  if (short > 0)
    throw new StarlingError('client-failed', `${short} of ${clients} clients did not get ${bytes} bytes`)
  return performance.now() - startedAt
}

const wrkSetUp = ['--threads', '2', '--connections', '16', '--duration', '5s']

/** Keep-alive. @returns requests a second. @throws StarlingError `client-failed` if any failed */
export async function wrk(house: House, server: ServerUnderTest, url: string): Promise<number> {
  const script = join(house.folder('wrk'), 'absolute.lua')
  // wrk makes its request out of these once, before the clock starts.
  writeFileSync(script, `wrk.path = "${url}"\nwrk.headers["Host"] = "${new URL(url).host}"\n`)
  const target = server.isForward ? ['--script', script, server.url] : [reversed(server, url)]
  const said = await run(here, 'wrk', [...wrkSetUp, ...target])
  const failed = /^ *(Non-2xx.*|Socket errors.*)$/m.exec(said)?.[1]
  if (failed !== undefined) throw new StarlingError('client-failed', `wrk against ${server.name}: ${failed}`)
  return Number(/^Requests\/sec: +([\d.]+)$/m.exec(said)?.[1])
}

function reversed(server: ServerUnderTest, url: string): string {
  return server.url + new URL(url).pathname
}

async function run(spawn: Spawn, command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args)
  const said = Promise.all([text(child.stdout!), child.stderr === null ? '' : text(child.stderr)])
  const [[stdout, stderr], { code, signal }] = await Promise.all([said, endOf(child)])
  if (code === 0) return stdout
  throw new StarlingError('client-failed', `${command} ended with ${code ?? signal}: ${stderr.trim()}`)
}
