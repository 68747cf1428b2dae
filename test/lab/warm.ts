/**
 * A warm site: one endpoint has the file, N others want it at once, and nothing comes over the WAN. How fast is the LAN
 * then, beside libtorrent on the same hosts? Both verify and store every byte. Starling's clients read along, because a
 * client is what makes an agent fetch (they do not hash until the clock has stopped); libtorrent has nobody reading.
 *
 * Nothing is shaped: this is about CPU, and both have the same cores.
 */
import { createHash } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { createReadStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { StarlingError } from '@starling/shared/errors.ts'
import { MiB, type Bytes, type Millis } from '@starling/shared/units.ts'
import { seededContent, sha256Of, writeContent } from '../doubles/content.ts'
import { bytesText, secondsText, table } from '../demo/words.ts'
import { removeAtExit } from '../e2e/program.ts'
import { beginOther } from './host-process.ts'
import { converse } from './lines.ts'
import { costOf, idlePercent, readCpuClock } from './machine.ts'
import { createLab } from './namespaces.ts'
import type { Plan } from './options.ts'
import { folderPrefix, raise } from './stage.ts'

export interface WarmResult {
  readonly name: string
  readonly setUp: string
  readonly slowestMs: Millis
  /** All leechers' bytes over the slowest one's time. */
  readonly mibPerSecond: number
  readonly cpuSecondsPerGiB: number
  readonly cpuIdlePercent: number
  readonly peakMiB: number
  readonly violations: readonly string[]
}

export type TorrentSetup = 'defaults' | 'tuned'

/** Not the first `python3` on the PATH: Debian's library is Debian's Python's. */
const python = '/usr/bin/python3'

/** Why there is nothing to compare with, or null. */
export function whyNoLibtorrent(): string | null {
  const { status } = spawnSync(python, ['-c', 'import libtorrent'])
  return status === 0 ? null : 'libtorrent is not here: apt-get install -y python3-libtorrent'
}

/** 1 seeder and `plan.agents` leechers. */
export async function warmStarling(plan: Plan, say: (text: string) => void): Promise<WarmResult> {
  const seed = `lab ${plan.seed}`
  const sha256 = await sha256Of(seededContent(seed, plan.sizeBytes))
  const stage = await raise({ ...plan, agents: plan.agents + 1, lanRate: null, wanRate: unshapedWan }, say)
  try {
    const url = await stage.put('/update.msu', seed, plan.sizeBytes)
    const [seeder, ...leechers] = stage.endpoints
    say('the seeder fetches')
    await seeder!.download({ url, isHashed: false })
    const before = stage.endpoints.map(one => one.cost()!.cpuMs)
    const cpuBefore = readCpuClock()
    const bytesBefore = await stage.bodyBytes('/update.msu')
    say(`${leechers.length} leechers at once`)
    const times = await Promise.all(
      leechers.map(async one => (await one.download({ url, isHashed: false })).ms)
    )
    const cpuIdle = idlePercent(cpuBefore, readCpuClock())
    const costs = stage.endpoints.map(one => one.cost()!)
    const cpuMs = costs.reduce((sum, cost, at) => sum + cost.cpuMs - before[at]!, 0)
    const again = (await stage.bodyBytes('/update.msu')) - bytesBefore
    const violations = again === 0 ? [] : [`${again} bytes crossed the WAN although the site had them`]
    for (const one of leechers) {
      const got = await one.download({ url, isHashed: true })
      if (got.sha256 !== sha256) violations.push(`${one.name} got other bytes`)
    }
    const peakBytes = Math.max(...costs.map(cost => cost.peakBytes))
    return resultOf('starling', plan, { setUp: ownSetUp, times, cpuMs, cpuIdle, peakBytes, violations })
  } finally {
    await stage.close()
  }
}

export async function warmTorrent(
  setup: TorrentSetup,
  plan: Plan,
  say: (text: string) => void
): Promise<WarmResult> {
  const folder = mkdtempSync(join(plan.dataFolder, `${folderPrefix}${process.pid}-`))
  const forget = removeAtExit(folder)
  const names = Array.from({ length: plan.agents + 1 }, (_, index) => `pc-${index + 1}`)
  const lab = createLab(Object.fromEntries(names.map(name => [name, ['site']])))
  try {
    const content = seededContent(`lab ${plan.seed}`, plan.sizeBytes)
    const addressOf = (name: string): string => lab.host(name).addresses.get('site')!
    const peers = names.map(name => {
      const data = join(folder, name)
      mkdirSync(data)
      const args = [join(import.meta.dirname, 'libtorrent-peer.py'), addressOf(name), setup]
      const child = beginOther(lab.host(name), python, args, join(folder, `${name}.log`))
      return { name, data, pid: child.pid!, talk: converse(`libtorrent on ${name}`, child) }
    })
    const [setUp = ''] = await Promise.all(peers.map(({ talk }) => talk.ask<string>('hello')))
    const [seeder, ...leechers] = peers
    say('making the torrent')
    await writeContent(content, join(seeder!.data, 'update.msu'))
    const torrent = join(folder, 'update.torrent')
    await seeder!.talk.ask('make', { file: join(seeder!.data, 'update.msu'), torrent })
    await seeder!.talk.ask('join', { torrent, folder: seeder!.data, seeds: true, peers: [] })
    const before = peers.map(({ pid }) => costOf(pid)!.cpuMs)
    const cpuBefore = readCpuClock()
    say(`${leechers.length} leechers at once`)
    const times = await Promise.all(
      leechers.map(async ({ name, data, talk }) => {
        const others = names.filter(other => other !== name).map(addressOf)
        return (
          await talk.ask<{ ms: Millis }>('join', { torrent, folder: data, seeds: false, peers: others })
        ).ms
      })
    )
    const cpuIdle = idlePercent(cpuBefore, readCpuClock())
    const costs = peers.map(({ pid }) => costOf(pid)!)
    const cpuMs = costs.reduce((sum, cost, at) => sum + cost.cpuMs - before[at]!, 0)
    const sha256 = await sha256Of(content)
    const violations: string[] = []
    for (const { name, data } of leechers) {
      if ((await hashOf(join(data, 'update.msu'))) !== sha256) violations.push(`${name} got other bytes`)
    }
    const peakBytes = Math.max(...costs.map(cost => cost.peakBytes))
    return resultOf(`libtorrent, ${setup}`, plan, { setUp, times, cpuMs, cpuIdle, peakBytes, violations })
  } finally {
    await lab.close()
    rmSync(folder, { recursive: true, force: true })
    forget()
  }
}

const ownSetUp =
  'its own settings, chunks of 1 MiB over TLS 1.3; agents know each other, and a client on each reads what it verified through its proxy'

/** How times are taken: a reader has to know, because the two do not do the same work. */
const howTimed =
  "Both from the moment the leechers are told until the last is done: Starling's client has read the last byte, libtorrent says that it seeds (looked at every 20 ms; its connections are made within that time). Nobody syncs. All bytes are compared afterwards, libtorrent's in its files, Starling's as the agents serve them again. Starling's clients, which libtorrent has not, use the same cores."

/** tbf wants some rate; this is more than the machine has. */
const unshapedWan = 5e9

function resultOf(
  name: string,
  plan: Plan,
  seen: {
    setUp: string
    times: Millis[]
    cpuMs: Millis
    cpuIdle: number
    peakBytes: Bytes
    violations: string[]
  }
): WarmResult {
  const slowestMs = Math.max(...seen.times)
  const mib = (plan.sizeBytes * seen.times.length) / MiB
  return {
    name,
    setUp: seen.setUp,
    slowestMs,
    mibPerSecond: Math.round(mib / (slowestMs / 1000)),
    cpuSecondsPerGiB: Number((seen.cpuMs / 1000 / (mib / 1024)).toFixed(2)),
    cpuIdlePercent: Number(seen.cpuIdle.toFixed(1)),
    peakMiB: Math.round(seen.peakBytes / MiB),
    violations: seen.violations
  }
}

/** Starling's total rate over the best of the others'. */
export function rateOverLibtorrent([own, ...others]: readonly WarmResult[]): number {
  return Number((own!.mibPerSecond / Math.max(...others.map(one => one.mibPerSecond))).toFixed(2))
}

export function warmLines(plan: Plan, results: readonly WarmResult[]): string[] {
  const rows = results.map(one => [
    one.name,
    `${one.mibPerSecond} MiB/s`,
    secondsText(one.slowestMs),
    `${one.cpuSecondsPerGiB} s`,
    `${one.peakMiB} MiB`,
    `${one.cpuIdlePercent} %`,
    one.violations.length === 0 ? 'none' : one.violations.join('; ')
  ])
  return [
    '',
    `1 seeder, ${plan.agents} leechers at once, ${bytesText(plan.sizeBytes)} each, LAN unshaped, files in ${plan.dataFolder}`,
    ...table([['', 'all together', 'slowest', 'CPU per GiB', 'peak RSS', 'CPU idle', 'violations'], ...rows]),
    '',
    `Starling's rate is ${rateOverLibtorrent(results)} of libtorrent's better one.`,
    howTimed,
    ...results.map(({ name, setUp }) => `${name}: ${setUp}`)
  ]
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: MiB }), hash)
  return hash.digest('hex')
}

/** @throws StarlingError `no-libtorrent` */
export function demandLibtorrent(): void {
  const whyNot = whyNoLibtorrent()
  if (whyNot !== null) throw new StarlingError('no-libtorrent', whyNot)
}
