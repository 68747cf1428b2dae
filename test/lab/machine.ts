/**
 * What the machine under the lab had left. Twenty endpoints share its few cores: where these were busy, a time is the
 * machine's and not the protocol's, and the report has to say so.
 */
import { readFileSync } from 'node:fs'
import { KiB, type Bytes, type Millis } from '@starling/shared/units.ts'

export interface CpuClock {
  readonly busyTicks: number
  readonly totalTicks: number
}

export function readCpuClock(): CpuClock {
  const [user, nice, system, idle, ioWait, irq, softIrq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number) as [number, number, number, number, number, number, number, number]
  const busyTicks = user + nice + system + irq + softIrq + steal
  return { busyTicks, totalTicks: busyTicks + idle + ioWait }
}

/** 0 to 100. */
export function idlePercent(from: CpuClock, to: CpuClock): number {
  const total = to.totalTicks - from.totalTicks
  return total === 0 ? 100 : 100 * (1 - (to.busyTicks - from.busyTicks) / total)
}

/** Time in which some program wanted a CPU and had none, since the machine started; null where the kernel does not tell. */
export function readCpuWaitMs(): Millis | null {
  try {
    const text = readFileSync('/proc/pressure/cpu', 'utf8')
    return Number(/^some .*total=(\d+)$/m.exec(text)![1]) / 1000
  } catch {
    return null
  }
}

const tickMs: Millis = 10

export interface ProcessCost {
  readonly cpuMs: Millis
  /** The most it ever had resident. */
  readonly peakBytes: Bytes
}

export const nothing: ProcessCost = { cpuMs: 0, peakBytes: 0 }

/** From outside, so that measuring adds nothing to it. Null when there is no such process any more. */
export function costOf(pid: number): ProcessCost | null {
  try {
    // The name in brackets may hold spaces; what follows it does not.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    const peakKiB = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return { cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs, peakBytes: Number(peakKiB) * KiB }
  } catch {
    return null
  }
}
