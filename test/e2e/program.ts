/**
 * One real process: what it says, when it says that it is ready, how it ends. A process that does not come up is an error
 * with the last lines of what it said, because a bare "timed out" has never helped anybody.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { StarlingError } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'

export const houseRoot = resolve(import.meta.dirname, '../..')

/** What machines must have to share is 4 GB and a disk of 32 GB; who runs tests, demo or lab may have less. */
export const smallMachine: Readonly<Record<string, string>> = {
  STARLING_POLICY_DO_MIN_RAM_ALLOWED_TO_PEER: '1',
  STARLING_POLICY_DO_MIN_DISK_SIZE_ALLOWED_TO_PEER: '1'
}

/** On a loaded machine with two cores a start takes 1 to 2 s; six at once take 8. */
const readyWithinMs: Millis = 30 * secondMs
/** Then it is killed. */
const stopWithinMs: Millis = 8 * secondMs
const tailLines = 40
const keptLines = 5000

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Program {
  readonly name: string
  readonly pid: number
  readonly ended: Promise<Ended>
  /** What it has said on stderr and stdout, the last lines. */
  tail(): string
  /** Resolves with the first line that matches, said already or still to come. @throws StarlingError `not-said` */
  said(pattern: RegExp, withinMs?: Millis): Promise<string>
  /** Asks it to end (SIGTERM), then makes it (SIGKILL). */
  stop(): Promise<Ended>
  /** Power cut. */
  kill(): Promise<Ended>
}

/** A program that has said that it is ready. */
export interface Running extends Program {
  /** The ready line, parsed. */
  readonly ready: Readonly<Record<string, unknown>>
  readonly startedInMs: Millis
}

const living = new Set<ChildProcess>()
const folders = new Set<string>()
let watching = false

/**
 * The last line of defence: a test runner that gives up, or an error that nobody caught, ends in `exit`. It then takes
 * along what still lives, and the folder given here.
 */
export function removeAtExit(folder: string): () => void {
  folders.add(folder)
  if (!watching) {
    watching = true
    process.on('exit', () => {
      for (const child of living) child.kill('SIGKILL')
      for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    })
  }
  return () => folders.delete(folder)
}

/** Runs `node <file> <args>`; a file of the house may be named from its root. */
export function launch(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin: 'pipe' | 'ignore'
): ChildProcess {
  return launchOther(
    process.execPath,
    [resolve(houseRoot, file), ...args],
    { ...plainEnv(process.env), ...smallMachine, ...env },
    stdin
  )
}

export function launchOther(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  stdin: 'pipe' | 'ignore'
): ChildProcess {
  const child = spawn(command, args, { stdio: [stdin, 'pipe', 'pipe'], env, windowsHide: true })
  living.add(child)
  child.once('exit', () => living.delete(child))
  return child
}

/** No proxy of whoever runs the tests between loopback and loopback, no setting of an agent of his own. */
function plainEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const foreign = /^(https?_proxy|all_proxy|no_proxy|STARLING_.*|NODE_OPTIONS)$/i
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name)))
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

export function endOf(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    // `close`, not `exit`: by then everything it said has been read.
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
}

function endsWithStdin(child: ChildProcess): boolean {
  return child.spawnargs.includes('--stop-on-stdin-end')
}

export function follow(name: string, child: ChildProcess): Program {
  const lines: string[] = []
  const listeners = new Set<(line: string) => void>()
  const ended = endOf(child)
  for (const input of [child.stdout!, child.stderr!]) {
    createInterface({ input }).on('line', line => {
      lines.push(line)
      if (lines.length > keptLines) lines.splice(0, keptLines / 5)
      for (const listen of listeners) listen(line)
    })
  }
  const tail = (): string => lines.slice(-tailLines).join('\n')

  const end = async (signal: NodeJS.Signals): Promise<Ended> => {
    // Agents end with their stdin, which is how they are told on Windows: a signal there is a power cut.
    child.stdin?.destroy()
    if (!hasEnded(child) && !(process.platform === 'win32' && signal === 'SIGTERM' && endsWithStdin(child))) {
      child.kill(signal)
    }
    const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs)
    try {
      return await ended
    } finally {
      clearTimeout(timer)
    }
  }

  const said = (pattern: RegExp, withinMs: Millis = 20 * secondMs): Promise<string> =>
    new Promise((resolve, reject) => {
      const settle = (line: string | null, why = ''): void => {
        clearTimeout(timer)
        listeners.delete(listen)
        if (line !== null) resolve(line)
        else
          reject(
            new StarlingError('not-said', `${name} ${why} before it said ${pattern}. It said:\n${tail()}`)
          )
      }
      const listen = (line: string): void => {
        if (pattern.test(line)) settle(line)
      }
      const timer = setTimeout(() => settle(null, `let ${withinMs} ms pass`), withinMs)
      const known = lines.find(line => pattern.test(line))
      if (known !== undefined) return settle(known)
      listeners.add(listen)
      ended.then(
        ({ code, signal }) => settle(null, `ended with ${code === null ? signal : `exit code ${code}`}`),
        (error: Error) => settle(null, `could not be started (${error.message})`)
      )
    })

  return {
    name,
    pid: child.pid ?? 0,
    ended,
    tail,
    said,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL')
  }
}

/** @throws StarlingError `not-said`, with the process killed */
export async function untilReady(program: Program): Promise<Running> {
  const startedAt = performance.now()
  try {
    const line = await program.said(/^\{.*"ready":true/, readyWithinMs)
    const startedInMs = Math.round(performance.now() - startedAt)
    return { ...program, ready: JSON.parse(line) as Record<string, unknown>, startedInMs }
  } catch (error) {
    await program.kill().catch(() => {})
    throw error
  }
}
