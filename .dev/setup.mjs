// Makes a fresh clone ready, so that `npm start` and `npm test` are all that one has to know.
// Every script of package.json runs it first: it installs what the lock file says when something is
// missing or has changed, and otherwise returns at once. Runs on any Node from 20 on; what comes after
// it in a script runs on the pinned Node, which the install puts first on the script's PATH. That is why
// the scripts say `(node .dev/setup.mjs) && node ...`: sh remembers where it found a command, and only
// the parentheses, which cmd.exe knows too, keep it from looking for the second `node` in the old place.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildPages } from './pages.mjs'

const house = fileURLToPath(new URL('..', import.meta.url))
const stampFile = join(house, 'node_modules', '.starling-setup')
const installInputs = [
  'package.json',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  '.dev/pnpmfile.cjs',
  ...['shared', 'agent', 'coordinator', 'installer', 'test'].map(folder => `${folder}/package.json`)
]

const stamp = () => {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`)
  for (const file of installInputs) hash.update(`\0${file}\0`).update(readFileSync(join(house, file)))
  return hash.digest('hex')
}

const isReady = () => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp()

const fail = message => {
  console.error(`\nsetup: ${message}`)
  process.exit(1)
}

const install = () => {
  const { packageManager } = JSON.parse(readFileSync(join(house, 'package.json'), 'utf8'))
  console.error(`setup: installing what pnpm-lock.yaml says, with ${packageManager} (about 20 s, once)`)
  rmSync(stampFile, { force: true })
  // One line for a shell, because on Windows npx is a batch file, which only a shell can start.
  // Our stdout belongs to the command that comes next, so all of this goes to stderr.
  const { status } = spawnSync(`npx -y ${packageManager} install --frozen-lockfile --reporter append-only`, {
    cwd: house,
    shell: true,
    stdio: ['ignore', 2, 2]
  })
  if (status !== 0) {
    fail(
      'the install failed; the lines above say why.\n' +
        '  - No way to the npm registry? This step needs it once. Behind a proxy, set HTTPS_PROXY; for a mirror,\n' +
        '    `npm config set registry <url>`. Without any network, copy node_modules from a machine with the same\n' +
        '    system and the same commit.\n' +
        '  - The lock file is not up to date? After a change to a package.json run\n' +
        `    \`npx ${packageManager} install\` and commit pnpm-lock.yaml.\n` +
        '  - A file is in use, or something else is odd? Stop what runs from here, delete node_modules, try again.'
    )
  }
  requireNode()
  mkdirSync(join(house, 'node_modules'), { recursive: true })
  writeFileSync(stampFile, stamp())
}

/** Some systems (Windows on ARM, Alpine) have no Node package of ours; theirs must then be new enough. */
const requireNode = () => {
  const bin = join(house, 'node_modules', '.bin')
  const brought = ['node', 'node.exe', 'node.cmd'].some(name => existsSync(join(bin, name)))
  if (brought || Number.parseInt(process.versions.node) >= 26) return
  fail(
    `no Node 26 comes with the install for ${process.platform}-${process.arch}, and yours is ` +
      `${process.version}. Install Node 26 (https://nodejs.org) and run this again.`
  )
}

if (!isReady()) install()
try {
  buildPages(house)
} catch (error) {
  fail(error.message)
}
