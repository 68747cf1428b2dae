/** What a process has cost so far, as its system tells: from outside, so that measuring does not add to it. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Bytes, Millis } from '@starling/shared/units.ts'

export interface ProcessCost {
  readonly cpuMs: Millis
  readonly rssBytes: Bytes
}

/** Linux counts CPU time for userland in hundredths of a second, whatever the kernel's own clock is. */
const tickMs: Millis = 10

export function costOf(pid: number): ProcessCost {
  if (process.platform === 'linux') {
    // The name in brackets may hold spaces; what follows it does not.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    const rssKiB = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return { cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs, rssBytes: Number(rssKiB) * 1024 }
  }
  if (process.platform === 'win32') {
    const script = `$p = Get-Process -Id ${pid}; "$($p.TotalProcessorTime.TotalMilliseconds) $($p.WorkingSet64)"`
    const [cpuMs, rssBytes] = execFileSync('powershell', ['-NoProfile', '-Command', script], {
      encoding: 'utf8'
    })
      .trim()
      .split(' ')
    return { cpuMs: Number(cpuMs), rssBytes: Number(rssBytes) }
  }
  const [rssKiB, time] = execFileSync('ps', ['-o', 'rss=,time=', '-p', String(pid)], { encoding: 'utf8' })
    .trim()
    .split(/\s+/)
  const seconds = (time ?? '').split(/[:-]/).reduce((sum, part) => sum * 60 + Number(part), 0)
  return { cpuMs: seconds * 1000, rssBytes: Number(rssKiB) * 1024 }
}
