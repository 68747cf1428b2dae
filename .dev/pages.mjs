// Builds the two pages with Vite into <program>/dist/page when their sources have changed; otherwise returns in
// milliseconds. .dev/setup.mjs runs it, so that every script and every test has them. Vite wants the pinned Node, which
// stands in node_modules.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const programs = ['agent', 'coordinator']
/** What a page is made of, beside its own folder. */
const common = [
  'shared/web',
  'shared/src',
  'coordinator/src/client.ts',
  '.dev/pages.mjs',
  '.dev/vite.config.mjs'
]

const filesIn = path =>
  statSync(path).isFile()
    ? [path]
    : readdirSync(path, { recursive: true, withFileTypes: true })
        .filter(entry => entry.isFile() && !entry.name.includes('.test.'))
        // Node before 20.12 calls it `path`.
        .map(entry => join(entry.parentPath ?? entry.path, entry.name))
        .sort()

export const buildPages = house => {
  for (const program of programs) {
    const dist = join(house, program, 'dist', 'page')
    const stampFile = join(dist, '.stamp')
    const hash = createHash('sha256').update(readFileSync(join(house, 'pnpm-lock.yaml')))
    for (const path of [...common, `${program}/src/page/web`]) {
      for (const file of filesIn(join(house, path)))
        hash.update(`\0${file.slice(house.length)}\0`).update(readFileSync(file))
    }
    const stamp = hash.digest('hex')
    if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) continue
    console.error(`setup: building the ${program}'s page (about 2 s)`)
    const fresh = join(house, program, 'dist', `page.${process.pid}`)
    const vite = join(house, 'node_modules', 'vite', 'bin', 'vite.js')
    const node = join(house, 'node_modules', '.bin', process.platform === 'win32' ? 'node.exe' : 'node')
    const { status } = spawnSync(
      existsSync(node) ? node : process.execPath,
      [
        vite,
        'build',
        join(program, 'src', 'page', 'web'),
        '--config',
        '.dev/vite.config.mjs',
        '--outDir',
        fresh,
        '--logLevel',
        'warn'
      ],
      { cwd: house, stdio: ['ignore', 2, 2] }
    )
    if (status !== 0) throw new Error(`the ${program}'s page could not be built; the lines above say why`)
    for (const file of filesIn(fresh)) {
      const bytes = readFileSync(file)
      const packed = gzipSync(bytes, { level: 9 })
      if (packed.length < 0.9 * bytes.length) writeFileSync(`${file}.gz`, packed)
    }
    writeFileSync(join(fresh, '.stamp'), stamp)
    // Two that build at once: each moves its own, and the last one stays.
    const old = `${fresh}.old`
    if (existsSync(dist)) renameSync(dist, old)
    renameSync(fresh, dist)
    rmSync(old, { recursive: true, force: true })
  }
}
