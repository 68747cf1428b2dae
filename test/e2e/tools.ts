/**
 * Package managers as people have them, run to their end in a folder of their own: nothing of this machine's caches, settings and
 * proxies is seen by them, and nothing is left behind there.
 */
import { execFile, spawnSync } from 'node:child_process'
import { minuteMs, type Millis } from '@starling/shared/units.ts'

export const goInstall = 'apt-get install -y --no-install-recommends golang-go'

/** On a loaded machine npm alone takes some seconds to begin. */
const toolMs: Millis = 2 * minuteMs

export interface ToolEnd {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export function hasGo(): boolean {
  return spawnSync('go', ['version']).status === 0
}

/** @param home its caches are below it; another one is another machine */
export function runGo(home: string, cwd: string, proxy: string, args: readonly string[]): Promise<ToolEnd> {
  return run('go', args, cwd, {
    HOME: home,
    GOPATH: `${home}/go`,
    GOCACHE: `${home}/go-build`,
    GOENV: 'off',
    // A checksum database cannot know modules that were made a moment ago; go.sum does.
    GONOSUMDB: '*',
    // The cache of modules is not read-only, so that it can be removed.
    GOFLAGS: '-mod=mod -modcacherw',
    GOPROXY: proxy
  })
}

export function runNpm(
  home: string,
  cwd: string,
  registry: string,
  args: readonly string[]
): Promise<ToolEnd> {
  const options = ['--registry', registry, '--cache', `${home}/npm`, '--userconfig', `${home}/npmrc`]
  return run('npm', [...args, ...options, '--ignore-scripts', '--no-update-notifier', '--no-fund'], cwd, {
    HOME: home
  })
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>
): Promise<ToolEnd> {
  const { PATH } = process.env
  return new Promise((resolve, reject) => {
    const options = { cwd, env: { PATH, ...env }, timeout: toolMs, killSignal: 'SIGKILL' as const }
    execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code
      if (typeof code === 'number') resolve({ code, stdout, stderr })
      else reject(error ?? new Error(`${command} did not end by itself`))
    })
  })
}
