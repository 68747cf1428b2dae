// Checks the types of the whole house: everything as seen from Node, then the pure rooms without Node.
// A small loop and not project references, because those want to emit declarations.
// All projects run, so that one failing does not hide the others.

import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'

const projects = [
  '.',
  'shared/src',
  'agent/src/core',
  'coordinator/src/core',
  'shared/web',
  'agent/src/page/web',
  'coordinator/src/page/web'
]
const tsc = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace('package.json', 'bin/tsc')

const failed = projects.filter(project => {
  const run = spawnSync(process.execPath, [tsc, '--project', project, '--pretty'], { stdio: 'inherit' })
  return run.status !== 0
})
for (const project of failed) console.error(`types: errors in ${project}`)
process.exit(failed.length > 0 ? 1 : 0)
