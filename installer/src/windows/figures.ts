/** What an agent costs that has nothing to do, as Linux counts it for the process that Wine runs. */
import { readFile } from 'node:fs/promises'
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

async function counters(pid: number): Promise<{ readonly ticks: number; readonly written: number }> {
  const [stat, io] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/io`, 'utf8')
  ])
  // The name in parentheses may hold anything; utime and stime are the 12th and 13th after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return {
    ticks: Number(fields[11]) + Number(fields[12]),
    written: Number(/^write_bytes: (\d+)$/m.exec(io)![1])
  }
}

async function privateBytes(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8')
  const kib = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(rollup)![1])
  return kib('Private_Dirty') * KiB
}
