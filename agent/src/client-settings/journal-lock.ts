/**
 * One process at a time changes clients' settings (`client-settings.json.lock`), so that none writes down as "what was there" what another
 * is just changing. A process that was ended leaves its lock behind: that of one that is gone, or is older than any work takes, counts for nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { StarlingError, codeOf } from '@starling/shared/errors.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'
import { z } from 'zod'

export interface LockFiles {
  /** Null when there is no such file. */
  read(path: string): Promise<Uint8Array | null>
  /** @returns false, with nothing changed, when there is one already */
  create(path: string, text: string): Promise<boolean>
  /** Also when there is none. */
  remove(path: string): Promise<void>
}

export interface LockTools {
  readonly pid: number
  readonly isAlive: (pid: number) => boolean
  readonly now: () => number
  /** Between two looks at another's lock. */
  readonly pause: () => Promise<void>
}

/** Longer than programs and checks of an item take together; numbers of processes come again. */
const staleMs: Millis = 10 * minuteMs
const waitMs: Millis = minuteMs

const shape = z.object({ pid: z.int().positive(), at: z.number() })

export async function whileLocked<Result>(
  path: string,
  files: LockFiles,
  tools: LockTools,
  work: () => Promise<Result>
): Promise<Result> {
  const deadline = tools.now() + waitMs
  while (!(await files.create(path, JSON.stringify({ pid: tools.pid, at: tools.now() })))) {
    const holder = holderOf(await files.read(path))
    const isLive = holder !== null && tools.isAlive(holder.pid) && Math.abs(tools.now() - holder.at) < staleMs
    if (!isLive) await files.remove(path)
    else if (tools.now() < deadline) await tools.pause()
    else
      throw new StarlingError(
        'configure-busy',
        `another \`starling configure\` is at work (process ${holder.pid}): try again when it has ended`
      )
  }
  try {
    return await work()
  } finally {
    await files.remove(path)
  }
}

function holderOf(content: Uint8Array | null): z.infer<typeof shape> | null {
  try {
    return shape.parse(JSON.parse(new TextDecoder().decode(content ?? new Uint8Array())))
  } catch {
    return null
  }
}

export const thisProcess: LockTools = {
  pid: process.pid,
  isAlive(pid) {
    try {
      return process.kill(pid, 0)
    } catch (error) {
      // Somebody else's may not be asked, so it is there.
      return codeOf(error) !== 'ESRCH'
    }
  },
  now: () => Date.now(),
  pause: () => sleep(250)
}
