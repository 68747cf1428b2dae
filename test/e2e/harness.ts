/**
 * A house full of real processes, for the end-to-end tests, the demo and the bench: the programs as users start
 * them, each with a folder of its own. Whatever happens, `close` ends every process by its id and removes every folder.
 */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { StarlingError } from '@starling/shared/errors.ts'
import {
  endOf,
  follow,
  hasEnded,
  launch,
  launchOther,
  removeAtExit,
  untilReady,
  type Ended,
  type Program,
  type Running
} from './program.ts'

type Env = Readonly<Record<string, string>>

export interface House {
  folder(name: string): string
  /** Starts `node <file> <args>` and waits for its ready line. @throws StarlingError `not-said`, with its last words */
  start(name: string, file: string, args: readonly string[], env?: Env): Promise<Running>
  /** Starts `node <file> <args>` and leaves it to itself. */
  begin(name: string, file: string, args: readonly string[], env?: Env): Program
  /** Runs `node <file> <args>` to its end. */
  run(
    file: string,
    args: readonly string[],
    env?: Env
  ): Promise<Ended & { readonly stdout: string; readonly stderr: string }>
  /** Starts a program that is not ours. */
  beginOther(name: string, command: string, args: readonly string[]): Program
  /** Something else to be closed with the house. */
  keep(close: () => Promise<unknown> | void): void
  close(): Promise<void>
}

export function openHouse(): House {
  const children = new Set<ChildProcess>()
  const programs = new Set<Program>()
  const folders = new Map<string, () => void>()
  const kept: Array<() => Promise<unknown> | void> = []
  let closed = false

  const adopt = (start: () => ChildProcess): ChildProcess => {
    if (closed) throw new StarlingError('house-closed', 'the house is closed: nothing starts in it any more')
    const child = start()
    children.add(child)
    child.once('exit', () => children.delete(child))
    return child
  }
  const keepProgram = (program: Program): Program => {
    programs.add(program)
    const forget = (): unknown => programs.delete(program)
    program.ended.then(forget, forget)
    return program
  }
  const begin = (name: string, file: string, args: readonly string[], env: Env = {}): Program =>
    keepProgram(
      follow(
        name,
        adopt(() => launch(file, args, env, 'pipe'))
      )
    )

  return {
    folder(name) {
      // realpath: on Windows and macOS the temp folder's usual name is a short name or a link.
      const folder = mkdtempSync(join(realpathSync(tmpdir()), `starling-${name}-`))
      folders.set(folder, removeAtExit(folder))
      return folder
    },
    start: async (name, file, args, env) => await untilReady(begin(name, file, args, env)),
    begin,
    async run(file, args, env = {}) {
      const child = adopt(() => launch(file, args, env, 'ignore'))
      const [stdout, stderr, ended] = await Promise.all([
        text(child.stdout!),
        text(child.stderr!),
        endOf(child)
      ])
      return { ...ended, stdout, stderr }
    },
    beginOther: (name, command, args) =>
      keepProgram(
        follow(
          name,
          adopt(() => launchOther(command, args, process.env, 'ignore'))
        )
      ),
    keep: close => void kept.push(close),
    async close() {
      closed = true
      await Promise.allSettled([...programs].map(program => program.stop()))
      await Promise.all([...children].map(killed))
      for (const close of kept.splice(0).reverse()) await close()
      for (const [folder, forget] of folders) {
        // Windows lets go of a dead process's files a moment late.
        rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
        forget()
      }
    }
  }
}

function killed(child: ChildProcess): Promise<unknown> {
  if (hasEnded(child)) return Promise.resolve()
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  return ended
}
