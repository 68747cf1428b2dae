/**
 * A Windows machine for as long as a test wants it: a prefix, and processes in a namespace of their own for mounts and for
 * process ids. Wine leaves a server and services behind that have no parent; here the first process of the namespace is theirs,
 * and when that one ends, the kernel ends all of them.
 *
 * The chroot is mounted read-only. A host's folder `build` stands at `Z:\mnt\build`; the network is the host's, so a service's
 * port can be asked from outside.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { StarlingError } from '@starling/shared/errors.ts'
import { minuteMs, secondMs, type Millis } from '@starling/shared/units.ts'
import { wineChroot } from './chroot.ts'

/** Names of folders below `Z:\mnt\` with what the host has there. */
export type Mounts = Readonly<Record<string, string>>

export interface WineEnd {
  /** As Unix shows it: Windows' exit code modulo 256. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** As Unix sees it in the session: `/mnt/build`. */
  readonly cwd?: string
  readonly withinMs?: Millis
  /** What it reads; nothing by default. */
  readonly input?: string
}

export interface WineSession {
  /** Windows' C: as this machine sees it. */
  readonly driveC: string
  /** A folder that both sides see: here, and `Z:\mnt\exchange` there. */
  readonly exchange: string
  /** Runs a Windows program to its end. @throws StarlingError `wine-late` when it does not end in time */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<WineEnd>
  /** Starts one and leaves it running, with pipes; it ends with the session at the latest. */
  start(
    program: string,
    args: readonly string[],
    options?: Pick<RunOptions, 'env'>
  ): ChildProcessWithoutNullStreams
  /** Ends every process. */
  close(): Promise<void>
}

/** An MSI is in within seconds, on a loaded machine too. */
const runMs: Millis = 2 * minuteMs

/** What the namespace's first process does: builds what the programs see, and waits until we let go of its stdin. */
const firstProcess = `
set -e
root=$1; shift
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/mnt"
mkdir "$root/mnt/home"
while [ $# -gt 0 ]; do
  mkdir "$root/mnt/$1"
  mount --bind "$2" "$root/mnt/$1"
  shift 2
done
echo mounted
cat > /dev/null
`

/** @param prefix a folder; an empty one becomes a new Windows. @throws StarlingError `no-wine` */
export async function openWine(prefix: string, mounts: Mounts = {}): Promise<WineSession> {
  const root = await wineChroot()
  const exchange = await mkdtemp(join(tmpdir(), 'starling-wine-'))
  const folders = Object.entries({ ...mounts, exchange, prefix }).flat()
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child=SIGKILL']
  const keeper = spawn('unshare', [...namespaces, 'sh', '-c', firstProcess, 'sh', root, ...folders])
  const said = text(keeper.stderr)
  const ended = once(keeper, 'exit')
  const isMounted = await Promise.race([
    once(keeper.stdout, 'data').then(() => true),
    ended.then(() => false)
  ])
  if (!isMounted)
    throw new StarlingError('no-wine', `the folders for Wine could not be mounted: ${await said}`)

  const spawnIn = (
    script: string,
    words: readonly string[],
    { env = {}, withinMs = 0 }: RunOptions
  ): ChildProcessWithoutNullStreams => {
    const settings = Object.entries({ ...plainEnvironment, ...env }).map(
      ([name, value]) => `${name}=${value}`
    )
    const within = [`--mount=/proc/${keeper.pid}/ns/mnt`, `--pid=/proc/${keeper.pid}/ns/pid_for_children`]
    // Ended from inside: nsenter hands no signal on.
    const inTime = ['timeout', '--signal=KILL', String(withinMs / secondMs)]
    const inside = ['chroot', root, 'env', '-i', ...settings, ...inTime, 'sh', '-c', script, 'sh']
    return spawn('nsenter', [...within, ...inside, ...words])
  }
  let runs = 0
  const runIn = async (command: readonly string[], options: RunOptions): Promise<WineEnd> => {
    const { withinMs = runMs, cwd = '/', input = '' } = options
    const name = `run-${++runs}`
    const files = ['in', 'out', 'err'].map(end => join(exchange, `${name}.${end}`)) as [
      string,
      string,
      string
    ]
    await writeFile(files[0], input)
    try {
      const words = [cwd, `/mnt/exchange/${name}`, ...command]
      const child = spawnIn(withFiles, words, { ...options, withinMs })
      const [code] = (await once(child, 'exit')) as [number | null]
      const [stdout, stderr] = await Promise.all([readFile(files[1], 'utf8'), readFile(files[2], 'utf8')])
      // timeout(1) kills itself like what it waited for.
      if (code !== null) return { code, stdout, stderr }
      throw new StarlingError(
        'wine-late',
        `${command.join(' ')} did not end within ${withinMs} ms; it said: ${stdout}${stderr}`
      )
    } finally {
      await Promise.all(files.map(file => rm(file, { force: true })))
    }
  }

  // Wine ends its services with the last program that somebody runs. It is also the first, so that services have its pipes, not ours.
  const somebody = spawnIn(withPipes, ['wine', 'cmd'], {})
  somebody.stdin.on('error', () => {})
  const complaint = text(somebody.stderr)
  const isUp = await Promise.race([
    once(somebody.stdout, 'data').then(() => true),
    once(somebody, 'exit').then(() => false)
  ])
  somebody.stdout.resume()
  if (!isUp) throw new StarlingError('no-wine', `Wine does not start in ${prefix}: ${await complaint}`)

  return {
    driveC: join(prefix, 'drive_c'),
    exchange,
    run: (program, args, options = {}) => runIn(['wine', program, ...args], options),
    start: (program, args, options = {}) => spawnIn(withPipes, ['wine', program, ...args], options),
    async close() {
      // The server writes the registry down before it goes.
      await runIn(['wineserver', '--kill'], {})
      keeper.stdin.end()
      await ended
      await rm(exchange, { recursive: true, force: true })
    }
  }
}

/** Node in Wine can do nothing with the sockets that Node here gives to what it starts, so a program reads and writes files. */
const withFiles = 'cd "$1" && files=$2 && shift 2 && exec "$@" < "$files.in" > "$files.out" 2> "$files.err"'
const withPipes = 'exec "$@"'

const plainEnvironment = {
  HOME: '/mnt/home',
  PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
  // UTF-8 for what Wine writes to a pipe of Unix.
  LANG: 'C.UTF-8',
  WINEPREFIX: '/mnt/prefix',
  WINEDEBUG: '-all',
  // No questions about Mono and Gecko.
  WINEDLLOVERRIDES: 'mscoree,mshtml='
}
