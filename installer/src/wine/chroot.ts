/**
 * A Debian 13 with Wine 10 in a folder, because Debian 12's Wine 8 cannot run Node 26. It is made once (a minute and a half,
 * 1.3 GB) and then only read: what a test writes lies in its own prefix. The mirror is the one that this machine's apt uses.
 */
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StarlingError } from '@starling/shared/errors.ts'
import { minuteMs, type Millis } from '@starling/shared/units.ts'

const execute = promisify(execFile)

/** With what Wine runs programs of 64 bits; those of 32 would double it. */
const packages = ['wine', 'wine64'] as const
const suite = 'trixie'
/** Beyond it a mirror has stopped answering. */
const makingMs: Millis = 15 * minuteMs

export function wineFolder(): string {
  return process.env.STARLING_WINE_CHROOT ?? join(homedir(), '.cache', 'starling', 'wine')
}

/** What this machine lacks for running Windows programs, as a sentence that says what to do; null when it has all. */
export function whyNoWine(): string | null {
  if (process.platform !== 'linux') return 'only Linux has the namespaces that Wine is run in: use Debian'
  if (process.arch !== 'x64') return 'Wine runs x64 programs on x64 only: use such a machine'
  if (process.getuid?.() !== 0) return 'only root may chroot and mount: run this as root'
  if (!isMade() && !existsSync('/usr/sbin/debootstrap'))
    return 'Wine comes in a Debian 13 chroot: apt-get install -y --no-install-recommends debootstrap'
  return null
}

const isMade = (): boolean => existsSync(join(wineFolder(), 'usr/lib/wine/wine64'))

/** @returns its folder, made now if there was none. @throws StarlingError `no-wine` */
export async function wineChroot(): Promise<string> {
  const folder = wineFolder()
  if (isMade()) return folder
  const whyNot = whyNoWine()
  if (whyNot !== null) throw new StarlingError('no-wine', whyNot)
  const draft = `${folder}.draft`
  await mkdir(join(folder, '..'), { recursive: true })
  // Two test runs may want it at the same moment; who waited finds it made.
  await locked(`${folder}.lock`, async () => {
    if (isMade()) return
    await rm(draft, { recursive: true, force: true })
    const { mirror, proxy } = await aptMirror()
    try {
      await execute(
        'debootstrap',
        ['--variant=minbase', `--include=${packages.join(',')}`, suite, draft, mirror],
        {
          timeout: makingMs,
          maxBuffer: 64 * 1024 * 1024,
          env: { ...process.env, ...(proxy === null ? {} : { http_proxy: proxy }) }
        }
      )
    } catch (cause) {
      throw new StarlingError(
        'no-wine',
        `debootstrap could not make a Debian 13 from ${mirror}: read ${draft}/debootstrap/debootstrap.log, and see that apt-get update works here`,
        { cause }
      )
    }
    await rm(join(draft, 'var/cache/apt/archives'), { recursive: true, force: true })
    await rm(folder, { recursive: true, force: true })
    await rename(draft, folder)
  })
  return folder
}

/** Where apt gets Debian's main part from, and through which proxy. */
async function aptMirror(): Promise<{ readonly mirror: string; readonly proxy: string | null }> {
  const { stdout } = await execute('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI) $(ORIGIN) $(LABEL)',
    'Created-By: Packages'
  ])
  const mirror = stdout
    .split('\n')
    .map(line => line.split(' '))
    .find(([, origin, label]) => origin === 'Debian' && label === 'Debian')?.[0]
  if (mirror === undefined)
    throw new StarlingError('no-wine', "apt knows no mirror of Debian's main part: run apt-get update first")
  const { stdout: proxy } = await execute('apt-config', ['shell', 'proxy', 'Acquire::http::Proxy'])
  return { mirror, proxy: /^proxy='(.+)'$/m.exec(proxy)?.[1] ?? null }
}

/** The kernel lets the lock go when the holder ends, however it ends. */
async function locked(file: string, work: () => Promise<void>): Promise<void> {
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise(resolve => holder.once('exit', resolve))
  try {
    await new Promise((resolve, reject) => {
      holder.once('error', reject)
      holder.once('exit', reject)
      holder.stdout.once('data', resolve)
    })
    await work()
  } finally {
    holder.stdin.end()
    await ended
  }
}
