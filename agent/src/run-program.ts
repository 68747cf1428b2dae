/**
 * A program of the system, run for what it prints. It never waits longer than it is told to, never shows a window on Windows, and
 * is started without a shell, so that no argument is ever taken for a command.
 */
import { execFile } from 'node:child_process'
import { win32 } from 'node:path'
import { MiB, type Millis } from '@starling/shared/units.ts'

export interface ProgramResult {
  /** Null: it was ended, because it took too long or printed too much. */
  readonly exitCode: number | null
  readonly output: string
}

/** By its place, so that no program of that name elsewhere is started in its stead. */
export function systemProgram(name: string, systemRoot: string | undefined): string {
  return win32.join(systemRoot ?? 'C:\\Windows', 'System32', name)
}

export interface ProgramRun {
  /** Rejects when the program cannot be started at all. */
  (file: string, args: readonly string[], timeoutMs: Millis): Promise<ProgramResult>
}

/** Of what is read of the registry: a server with hundreds of interfaces has a MiB of them. */
const outputBytesMax = 16 * MiB

export const runProgram: ProgramRun = async (file, args, timeoutMs) =>
  await new Promise((resolve, reject) => {
    execFile(
      file,
      [...args],
      {
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: outputBytesMax,
        windowsHide: true,
        encoding: 'utf8'
      },
      (error, output) => {
        if (error === null) resolve({ exitCode: 0, output })
        else if (typeof error.code === 'number') resolve({ exitCode: error.code, output })
        // A program that cannot be started has a word for a code (ENOENT); one that was ended has none.
        else if (error.killed === true || error.signal != null) resolve({ exitCode: null, output })
        else reject(error)
      }
    )
  })
