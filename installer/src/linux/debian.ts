/**
 * A small Debian in which packages are tried out: as a folder in which dpkg runs without systemd, as in the build of an image, or
 * as a machine whose process 1 is systemd. What happens in it is forgotten with it; the folder itself is made once, from where
 * apt of this machine gets its packages.
 */
import { execFile, execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { hasEnded } from '@starling/test/e2e/program.ts'

export const debianInstall = 'apt-get install -y --no-install-recommends mmdebstrap systemd-container'

const suite = 'bookworm'
const packages = [
  'adduser',
  'ansible-core',
  'ca-certificates',
  'curl',
  'dbus',
  'iproute2',
  'libatomic1',
  'libstdc++6',
  'procps',
  'python3-apt',
  'systemd',
  'systemd-sysv'
]

/** @returns why there can be none, or null */
export function debianMissing(): string | null {
  if (process.getuid?.() !== 0) return 'run this as root'
  return ['mmdebstrap', 'systemd-nspawn', 'nsenter'].every(tool => spawnSync('which', [tool]).status === 0)
    ? null
    : debianInstall
}

/** Kept in ~/.cache/starling: to have it made anew, remove it. It takes a minute or two. */
export function debianFolder(): string {
  const folder = join(homedir(), '.cache', 'starling', `debian-${suite}`)
  if (existsSync(folder)) return folder
  mkdirSync(join(folder, '..'), { recursive: true })
  const half = `${folder}.${process.pid}.new`
  try {
    execFileSync(
      'mmdebstrap',
      ['--quiet', '--variant=minbase', `--include=${packages.join(',')}`, suite, half, mirror()],
      { stdio: ['ignore', 'inherit', 'inherit'] }
    )
    renameSync(half, folder)
  } finally {
    rmSync(half, { recursive: true, force: true })
  }
  return folder
}

/** Where apt of this machine gets Debian from. */
function mirror(): string {
  const listed = execFileSync(
    'apt-get',
    [
      'indextargets',
      '--format',
      '$(RELEASE) $(SITE) $(REPO_URI)',
      'Created-By: Packages',
      `Release: ${suite}`
    ],
    { encoding: 'utf8' }
  )
  return listed.split('\n')[0]?.split(' ').at(-1) || 'http://deb.debian.org/debian'
}

export interface Done {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a line of shell in a Debian without systemd, all of which is forgotten afterwards. @param shared is /shared in it */
export function inPlainDebian(shared: string, line: string): Promise<Done> {
  return run('systemd-nspawn', [...nspawn(shared), '--as-pid2', '--pipe', 'sh', '-c', line])
}

export interface Machine {
  /** Runs a line of shell as root. */
  sh(line: string): Promise<Done>
  /** As `sh`, for what must go well. @returns what it said on stdout */
  ok(line: string): Promise<string>
  stop(): Promise<void>
}

/** @param shared is /shared in it, for reading */
export async function startMachine(shared: string): Promise<Machine> {
  const child = spawn('systemd-nspawn', [...nspawn(shared), '--kill-signal=SIGRTMIN+3', '--boot'], {
    stdio: ['ignore', 'ignore', 'pipe']
  })
  let said = ''
  child.stderr.on('data', chunk => (said += String(chunk)))
  const sh = async (line: string): Promise<Done> => {
    const leader = leaderOf(child)
    if (leader === null) throw new Error(`the machine is not there: ${said}`)
    const into = ['--target', String(leader), '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup']
    const env = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LC_ALL=C.UTF-8']
    return await run('nsenter', [...into, '--root', '--wd', ...env, 'sh', '-c', line])
  }
  const stop = async () => {
    if (hasEnded(child)) return
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000)
    await ended
    clearTimeout(late)
  }
  try {
    while (
      leaderOf(child) === null ||
      !/running|degraded/.test((await sh('systemctl is-system-running')).stdout)
    ) {
      if (hasEnded(child)) throw new Error(`systemd-nspawn ended: ${said}`)
      await delay(200)
    }
  } catch (error) {
    await stop()
    throw error
  }
  return {
    sh,
    async ok(line) {
      const { code, stdout, stderr } = await sh(line)
      if (code !== 0) throw new Error(`${line}\nended with ${code}\n${stdout}\n${stderr}`)
      return stdout.trim()
    },
    stop
  }
}

/** Process 1 of the machine, as this one knows it. */
function leaderOf(child: ChildProcess): number | null {
  try {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')
    for (const pid of children) {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      if (/^NSpid:\s+\d+\s+1$/m.test(status) && /^Name:\s+systemd$/m.test(status)) return Number(pid)
    }
  } catch {
    // It has not come that far, or is over.
  }
  return null
}

function nspawn(shared: string): readonly string[] {
  return [
    `--directory=${debianFolder()}`,
    '--volatile=overlay',
    '--quiet',
    '--register=no',
    '--keep-unit',
    '--private-network',
    `--bind-ro=${shared}:/shared`
  ]
}

function run(command: string, args: readonly string[]): Promise<Done> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code
      if (typeof code === 'number') resolve({ code, stdout, stderr })
      else reject(error ?? new Error(`${command} did not end by itself`))
    })
  })
}
