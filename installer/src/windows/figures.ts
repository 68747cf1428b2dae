/** What an installation costs: on the disk, and while it has nothing to do, as Linux counts that for the process that Wine runs. */
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { KiB, MiB, secondMs, type Millis } from '@starling/shared/units.ts'

export interface IdleFigures {
  /** Memory that is its own: what is shared with others or can be read again from a file does not count. */
  readonly privateMiB: number
  readonly cpuPercent: number
  readonly writtenKiB: number
}

/** As `getconf CLK_TCK` says on every Linux of today. */
const ticksPerSecond = 100

export const msiBytesMax = 45e6
export const installedBytesMax = 115e6

export async function bytesIn(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true })
  const sizes = files
    .filter(it => it.isFile())
    .map(async it => (await stat(join(it.parentPath, it.name))).size)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

/** The lowest of several: what other programs of the machine add is none of ours, and never makes it less. */
export async function bestOf(times: number, measure: () => Promise<number>): Promise<readonly number[]> {
  const all: number[] = []
  for (let count = 0; count < times; count++) all.push(await measure())
  return all.toSorted((a, b) => a - b)
}

/** @param overMs how long it is watched */
export async function idleFigures(pid: number, overMs: Millis): Promise<IdleFigures> {
  const before = await counters(pid)
  await sleep(overMs)
  const after = await counters(pid)
  const cpuMs = ((after.ticks - before.ticks) / ticksPerSecond) * secondMs
  return {
    privateMiB: Math.round(((await privateBytes(pid)) / MiB) * 10) / 10,
    cpuPercent: Math.round((cpuMs / overMs) * 1000) / 10,
    writtenKiB: Math.round((after.written - before.written) / KiB)
  }
}

/** How long ago a process was begun; to 10 ms. */
export async function ageMs(pid: number): Promise<Millis> {
  const [fields, uptime] = await Promise.all([statFields(pid), readFile('/proc/uptime', 'utf8')])
  return Math.round(
    (Number(uptime.split(' ')[0]) - Number(fields[startTimeField]) / ticksPerSecond) * secondMs
  )
}

/** Of `/proc/PID/stat`, behind the name in parentheses, which may hold anything. */
async function statFields(pid: number): Promise<readonly string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}
const startTimeField = 19

async function counters(pid: number): Promise<{ readonly ticks: number; readonly written: number }> {
  // utime and stime are the 12th and 13th.
  const [fields, io] = await Promise.all([statFields(pid), readFile(`/proc/${pid}/io`, 'utf8')])
  return {
    ticks: Number(fields[11]) + Number(fields[12]),
    written: Number(/^write_bytes: (\d+)$/m.exec(io)![1])
  }
}

/**
 * Wine reads node.exe into memory, because its parts do not begin where pages do, and touches a part of each thread's stack
 * beforehand; Windows maps the one and gives the other page by page. So neither is counted.
 */
async function privateBytes(pid: number): Promise<number> {
  const maps = (await readFile(`/proc/${pid}/smaps`, 'utf8')).split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
  const sizes = maps.map(text => {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(text)!
    const [start, end] = [Number.parseInt(from!, 16), Number.parseInt(to!, 16)]
    const isImage = start >= imageStart && start < imageStart + imageBytesMax
    const isStack = end - start > stackBytes - stackGuardBytesMax && end - start <= stackBytes
    return isImage || isStack ? 0 : Number(/^Private_Dirty: +(\d+) kB$/m.exec(text)?.[1] ?? 0) * KiB
  })
  return sizes.reduce((sum, bytes) => sum + bytes, 0)
}

/** As node.exe's head says them. */
const imageStart = 0x140000000
const imageBytesMax = 128 * MiB
const stackBytes = 8 * MiB
const stackGuardBytesMax = 128 * KiB
