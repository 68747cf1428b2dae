/**
 * `go mod download` of many modules through a warm mirror, beside nginx with the same files: the go command as people have it,
 * on a machine that has nothing but go.mod and go.sum. The go command itself (unpacking, hashing, writing) is most of both
 * times, as it is for whoever waits for it.
 *
 * nginx is also where the mirror had its modules from, so that both give the same bytes. In measured rounds the mirror must
 * not ask it.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { UpstreamView } from '@starling/agent/ports.ts'
import { StarlingError } from '@starling/shared/errors.ts'
import { KiB, MiB, type Bytes, type Millis } from '@starling/shared/units.ts'
import { bytesText } from '../demo/words.ts'
import { seededContent } from '../doubles/content.ts'
import { goProxyFiles, type GoModule } from '../doubles/packages.ts'
import { json } from '../e2e/client.ts'
import { openHouse, type House } from '../e2e/harness.ts'
import { freePort, untilListening } from '../e2e/listening.ts'
import { startAgent, type AgentHandle } from '../e2e/site.ts'
import { runGo, type ToolEnd } from '../e2e/tools.ts'
import type { Bench, BenchRun } from './bench.ts'
import { nginxOriginArgs } from './http/nginx.ts'
import { find, whyNoTools } from './http/tools.ts'
import { costOf } from './process-cost.ts'

/** Most modules are small and some are not: as many in each doubling between these. */
const sizes: readonly [least: Bytes, most: Bytes] = [10 * KiB, 2 * MiB]
/** A mirror runs for days: not only its modules are there by then, its code is compiled, too. */
const warmUps = 3
/** Modules are sources, and so many files. */
const fileBytes: Bytes = 16 * KiB

export function goMirrorBench(count: number): Bench {
  return {
    name: 'go-mirror',
    says: `go mod download of ${count} modules through a warm mirror, beside nginx with the same files`,
    rounds: 5,
    bars: { mirrorToNginx: { atLeast: 0.8 }, upstreamRequests: { atMost: 0 } },
    whyNot: () => whyNoTools('go', 'nginx'),
    open: () => open(count)
  }
}

export const goMirror = goMirrorBench(200)

async function open(count: number): Promise<BenchRun> {
  const house = openHouse()
  try {
    const { modules, bytes } = await makeModules(count)
    const nginx = await startNginx(house, modules)
    const mirrors = [{ name: 'go', kind: 'go', upstream: nginx }]
    const agent = await startAgent(house, 'mirror', { args: ['--mirrors', JSON.stringify(mirrors)] })
    const mirror = `${agent.proxy}/m/go`

    const goMod = `module example.org/project\n\ngo 1.17\n\n${modules
      .map(({ path, version }) => `require ${path} ${version}\n`)
      .join('')}`
    const goSum = await firstSums(house, goMod, nginx)
    const download = (from: string): Promise<Millis> => downloadAll(house, goMod, goSum, from)
    for (let times = 0; times < warmUps; times++) await download(mirror)
    await mustNotice(house, goMod, goSum, mirror)

    let round = 0
    return {
      async round() {
        const asked = await upstreamRequests(agent)
        const isMirrorFirst = round++ % 2 === 0
        const cpuBefore = costOf(agent.pid).cpuMs
        const early = isMirrorFirst ? await download(mirror) : null
        const nginxMs = await download(nginx)
        const mirrorMs = early ?? (await download(mirror))
        return {
          mirrorToNginx: nginxMs / mirrorMs,
          mirrorSeconds: mirrorMs / 1000,
          nginxSeconds: nginxMs / 1000,
          // While nginx is asked it has nothing to do.
          agentCpuSeconds: (costOf(agent.pid).cpuMs - cpuBefore) / 1000,
          upstreamRequests: (await upstreamRequests(agent)) - asked
        }
      },
      notes: async () => [
        `${count} modules, ${bytesText(bytes)} of zips, each checked by go.sum (a wrong sum was noticed); nginx: one process, sendfile`
      ],
      close: () => house.close()
    }
  } catch (error) {
    await house.close()
    throw error
  }
}

async function makeModules(count: number): Promise<{ modules: GoModule[]; bytes: Bytes }> {
  const [least, most] = sizes
  const lengths = Array.from({ length: count }, (_, index) =>
    Math.round(least * (most / least) ** (index / Math.max(1, count - 1)))
  )
  const modules = await Promise.all(
    lengths.map(async (length, index) => {
      const content = await seededContent(`module ${index}`, length).read(0, length)
      const files: Record<string, Uint8Array> = {}
      for (let at = 0; at < length; at += fileBytes)
        files[`data/${at / fileBytes}.bin`] = content.subarray(at, at + fileBytes)
      return { path: `example.com/group${index % 20}/module${index}`, version: 'v1.0.0', files }
    })
  )
  return { modules, bytes: lengths.reduce((sum, length) => sum + length, 0) }
}

/** @returns its URL, which is a GOPROXY */
async function startNginx(house: House, modules: readonly GoModule[]): Promise<string> {
  const root = house.folder('modules')
  for (const [path, bytes] of goProxyFiles(modules)) {
    const file = join(root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, bytes)
  }
  const port = await freePort()
  const args = nginxOriginArgs(house.folder('nginx'), `127.0.0.1:${port}`, root)
  await untilListening(house.beginOther('nginx', find('nginx')!, args), port)
  return `http://127.0.0.1:${port}`
}

/** What the go command itself says is right, from nginx. */
async function firstSums(house: House, goMod: string, nginx: string): Promise<string> {
  return await onNewMachine(house, goMod, '', async (home, project) => {
    must(await runGo(home, project, nginx, ['mod', 'download', 'all']))
    must(await runGo(home, project, nginx, ['mod', 'verify']))
    return readFileSync(join(project, 'go.sum'), 'utf8')
  })
}

async function downloadAll(house: House, goMod: string, goSum: string, from: string): Promise<Millis> {
  return await onNewMachine(house, goMod, goSum, async (home, project) => {
    const startedAt = performance.now()
    const end = await runGo(home, project, from, ['mod', 'download'])
    const ms = performance.now() - startedAt
    must(end)
    if (readFileSync(join(project, 'go.sum'), 'utf8') !== goSum)
      throw new StarlingError('client-failed', `from ${from} go.sum became another`)
    return ms
  })
}

/** Else nothing that was downloaded would be known to be right. */
async function mustNotice(house: House, goMod: string, goSum: string, mirror: string): Promise<void> {
  const wrong = goSum.replace(/ h1:.{4}/, ' h1:AAAA')
  const end = await onNewMachine(house, goMod, wrong, (home, project) =>
    runGo(home, project, mirror, ['mod', 'download'])
  )
  if (end.code === 0 || !end.stderr.includes('checksum mismatch'))
    throw new StarlingError('client-failed', 'the go command has not noticed a wrong sum in go.sum')
}

/** With go.mod, go.sum and empty caches; removed again, because each is as large as all modules. */
async function onNewMachine<Result>(
  house: House,
  goMod: string,
  goSum: string,
  use: (home: string, project: string) => Promise<Result>
): Promise<Result> {
  const [home, project] = [house.folder('go-home'), house.folder('go-project')]
  writeFileSync(join(project, 'go.mod'), goMod)
  writeFileSync(join(project, 'go.sum'), goSum)
  try {
    return await use(home, project)
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

function must({ code, stderr }: ToolEnd): void {
  if (code !== 0)
    throw new StarlingError('client-failed', `go ended with ${code}: ${stderr.trim().slice(0, 500)}`)
}

async function upstreamRequests({ page }: AgentHandle): Promise<number> {
  const views = await json<readonly UpstreamView[]>(`${page}/api/v1/upstreams`)
  return views.reduce((sum, { requests }) => sum + requests, 0)
}
