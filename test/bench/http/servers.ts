/**
 * What the agent is measured beside: nginx, squid and varnish as Debian has them, each set up as somebody would who wants
 * it fast. All cache the same origin; what is set up how is printed with the figures.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { House } from '../../e2e/harness.ts'
import { freePort, untilListening } from '../../e2e/listening.ts'
import { startAgent } from '../../e2e/site.ts'
import { startSquid } from '../../e2e/squid.ts'
import { startNginxCache } from './nginx.ts'
import { find, install } from './tools.ts'

export const serverNames = ['agent', 'nginx', 'squid', 'varnish'] as const
export type ServerName = (typeof serverNames)[number]

export interface ServerUnderTest {
  readonly name: ServerName
  /** In words, for the reader of the figures. */
  readonly setUp: string
  /** Where its clients connect. */
  readonly url: string
  /** A forward proxy is asked for the origin's URL, a reverse proxy for its path alone. */
  readonly isForward: boolean
}

type Face = Omit<ServerUnderTest, 'name'>
type Start = (house: House, program: string, originUrl: string) => Promise<Face>

/** The agent, and those of the others that are installed; of the rest, the user is told how to get them. */
export async function startServers(
  house: House,
  originUrl: string,
  say: (text: string) => void
): Promise<ServerUnderTest[]> {
  const agent = await startAgent(house, 'agent', {})
  const servers: ServerUnderTest[] = [
    { name: 'agent', setUp: 'its own settings, no fleet, forward proxy', url: agent.proxy, isForward: true }
  ]
  for (const [name, tool, start] of others) {
    const program = find(tool)
    if (program === null) say(`\n*** no ${name} here, so no figures beside it. Run: ${install(tool)}\n`)
    else servers.push({ name, ...(await start(house, program, originUrl)) })
  }
  return servers
}

const nginx: Start = async (house, program, originUrl) => ({
  setUp: `nginx ${versionOf(program, '-v')}, proxy_cache on disk with slice 1m, sendfile, a worker for each core, reverse proxy`,
  url: await startNginxCache(house, program, originUrl),
  isForward: false
})

/** In memory, as is varnish: from a cache_dir (aufs, files in the page cache) it gave 85 MB/s here where this gives 300. */
const squidCache = ['cache_mem 3 GB', 'maximum_object_size_in_memory 2 GB', 'maximum_object_size 2 GB']

const squid: Start = async (house, program) => ({
  setUp: `squid ${versionOf(program, '-v')}, ${squidCache.join(', ')}, no cache_dir, one process, forward proxy`,
  url: await startSquid(house, program, squidCache),
  isForward: true
})

const varnish: Start = async (house, program, originUrl) => {
  const port = await freePort()
  // No jail: the user it would change to may not enter the house's folders.
  const args = ['-j', 'none', '-F', '-T', 'none', '-n', join(house.folder('varnish'), 'work')]
  const storage = ['-s', 'malloc,2g']
  const daemon = house.beginOther('varnish', program, [
    ...args,
    ...storage,
    '-a',
    `127.0.0.1:${port}`,
    '-b',
    new URL(originUrl).host
  ])
  await untilListening(daemon, port)
  return {
    setUp: `varnish ${versionOf(program, '-V')}, ${storage.join(' ')}, built-in VCL, reverse proxy`,
    url: `http://127.0.0.1:${port}`,
    isForward: false
  }
}

const others = [
  ['nginx', 'nginx', nginx],
  ['squid', 'squid', squid],
  ['varnish', 'varnishd', varnish]
] as const

function versionOf(program: string, flag: string): string {
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8' })
  return /\d+\.\d+(\.\d+)?/.exec(stdout + stderr)?.[0] ?? 'of unknown version'
}
