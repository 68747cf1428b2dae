// `npm start` shows the demo; `npm start -- agent ...` and `npm start -- coordinator ...` are the two
// programs, as their own command lines. The program runs in this very process: signals, exit code and
// terminal are its own. (So `import.meta.main` is false in it: an entry file just starts.)

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const programs = { agent: 'agent/src/main.ts', coordinator: 'coordinator/src/main.ts' }

// `pnpm start -- agent` hands on the `--`, npm does not.
const words = process.argv.slice(2)
if (words[0] === '--') words.shift()

const program = Object.hasOwn(programs, words[0]) ? programs[words.shift()] : 'test/demo/demo.ts'
const file = resolve(import.meta.dirname, '..', program)
process.argv.splice(1, Infinity, file, ...words)
await import(pathToFileURL(file).href)
