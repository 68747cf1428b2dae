/** nginx as a cache, and as an origin that costs next to nothing: one file, from the disk straight to the socket. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { House } from '../../e2e/harness.ts'
import { freePort, untilListening } from '../../e2e/listening.ts'

/** @returns its URL. It serves what the origin has by path, in slices that are cached by themselves. */
export async function startNginxCache(house: House, program: string, originUrl: string): Promise<string> {
  const folder = house.folder('nginx')
  const port = await freePort()
  const config = writeConfig(folder, [
    'worker_processes auto;',
    ...rest(folder, [
      `proxy_cache_path ${folder}/cache levels=1:2 keys_zone=all:16m max_size=8g inactive=1d use_temp_path=off;`,
      `upstream origin { server ${new URL(originUrl).host}; keepalive 16; }`,
      `server { listen 127.0.0.1:${port};`,
      '  location / {',
      '    slice 1m; proxy_cache all; proxy_cache_key $uri$slice_range; proxy_cache_valid 200 206 1h;',
      '    proxy_set_header Range $slice_range; proxy_http_version 1.1; proxy_set_header Connection "";',
      '    add_header X-Cache-Status $upstream_cache_status;',
      '    proxy_pass http://origin;',
      '  }',
      '}'
    ])
  ])
  const nginx = house.beginOther('nginx', program, ['-p', folder, '-e', 'stderr', '-c', config])
  takeWorkersAlong(nginx.pid)
  await untilListening(nginx, port)
  return `http://127.0.0.1:${port}`
}

/** Arguments for an origin that serves the files of `root`. One process, so that whoever kills it kills all of it. */
export function nginxOriginArgs(folder: string, address: string, root: string): string[] {
  const config = writeConfig(folder, [
    'master_process off;',
    ...rest(folder, [
      `server { listen ${address};`,
      '  add_header Cache-Control "public, max-age=3600";',
      `  root ${root};`,
      '}'
    ])
  ])
  return ['-p', folder, '-e', 'stderr', '-c', config]
}

function writeConfig(folder: string, lines: readonly string[]): string {
  const config = join(folder, 'nginx.conf')
  // Started as root it would read the house's folders as another user.
  const user = process.getuid?.() === 0 ? ['user root;'] : []
  writeFileSync(config, `${['daemon off;', `pid ${folder}/pid;`, ...user, ...lines].join('\n')}\n`)
  return config
}

/** Without tcp_nopush: with it an answer made of a slice ends 40 ms late, and nginx came to 380 small ones a second instead of 12,900. */
function rest(folder: string, http: readonly string[]): string[] {
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(kind => {
    mkdirSync(join(folder, kind))
    return `${kind}_temp_path ${folder}/${kind};`
  })
  return [
    'events { worker_connections 1024; }',
    'http {',
    ...temps,
    'access_log off; sendfile on; keepalive_requests 1000000;',
    'default_type application/octet-stream;',
    ...http,
    '}'
  ]
}

/** When this process ends early the master is killed, and its workers would live on. */
function takeWorkersAlong(master: number): void {
  process.prependListener('exit', () => {
    try {
      const workers = readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').trim().split(' ')
      for (const pid of workers) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It has ended, as it should have.
    }
  })
}
