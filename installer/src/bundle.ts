/**
 * A program and all that it imports as one file, with what it reads beside it: what every package of ours carries. Kept readable
 * (nothing is minified), so that a stack trace of an endpoint says something and an auditor can read what runs.
 *
 * ```
 * main.mjs            the program
 * sqlite-thread.mjs   the coordinator's second thread
 * classic-level.node  LevelDB, for one platform
 * agent/package.json, agent/dist/page/...
 * ```
 */
import { copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, sep } from 'node:path'
import { rolldown, type Plugin } from 'rolldown'
import { house } from './house.ts'

export type Program = 'agent' | 'coordinator'
/** As Node says it. */
export type Platform = 'win32-x64' | 'linux-x64' | 'linux-arm64'

export interface Bundle {
  readonly folder: string
  /** Folders of the packages whose code is in it, sorted; two versions of one package are two folders. */
  readonly packages: readonly string[]
}

/** The coordinator has a gateway in it, which is an agent. */
const partsOf = { agent: ['agent'], coordinator: ['agent', 'coordinator'] } as const

const threadsOf = { agent: [], coordinator: ['src/store/sqlite-thread.ts'] } as const

/** @param folder is made anew. @throws Error when a file that the code needs is not where it was */
export async function bundleProgram(program: Program, platform: Platform, folder: string): Promise<Bundle> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const modules = new Set<string>()
  for (const entry of ['src/main.ts', ...threadsOf[program]]) {
    for (const id of await bundleFile(join(house, program, entry), folder)) modules.add(id)
  }
  for (const part of partsOf[program]) {
    const { name, version, license } = await readPackage(join(house, part))
    await mkdir(join(folder, part), { recursive: true })
    await writeFile(
      join(folder, part, 'package.json'),
      `${JSON.stringify({ name, version, license, private: true, type: 'module' }, null, 2)}\n`
    )
    await cp(join(house, part, 'dist', 'page'), join(folder, part, 'dist', 'page'), {
      recursive: true,
      filter: source => !source.endsWith('.stamp')
    })
  }
  const level = levelFolder()
  await copyFile(join(level, 'prebuilds', platform, levelBinary[platform]), join(folder, levelFile))
  const packages = [...new Set([level, ...[...modules].flatMap(packageOf)])].sort()
  return { folder, packages }
}

export async function readPackage(
  folder: string
): Promise<{ readonly name: string; readonly version: string; readonly license: string }> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    name: string
    version: string
    license: string
  }
}

/** @returns the files that went into it */
async function bundleFile(entry: string, folder: string): Promise<readonly string[]> {
  const build = await rolldown({
    input: entry,
    platform: 'node',
    // Only a client of PostgreSQL that we do not use would want it.
    external: ['pg-native'],
    plugins: [placesInBundle(), levelBesideBundle()],
    onLog(level, log, handler) {
      if (log.code === 'UNRESOLVED_IMPORT') throw new Error(log.message)
      // That a package's directive or annotation has no meaning here is for its authors.
      if (level !== 'warn') handler(level, log)
    }
  })
  try {
    const { output } = await build.generate({
      format: 'esm',
      entryFileNames: '[name].mjs',
      // Lazy imports as chunks would be fifty files with names that change. In one file, too, a module is evaluated only when it is wanted.
      codeSplitting: false,
      comments: { legal: true },
      keepNames: true
    })
    const [chunk, ...others] = output
    if (others.length > 0) throw new Error(`${entry} became ${output.length} files, and one is expected`)
    await writeFile(join(folder, chunk.fileName), oneBytePerCharacter(chunk.code))
    return Object.keys(chunk.modules)
  } finally {
    await build.close()
  }
}

/** What a module says of places relative to itself, said of the bundle. */
function placesInBundle(): Plugin {
  const changes: ReadonlyArray<readonly [path: string, from: string, to: string]> = [
    ...(['agent', 'coordinator'] as const).map(
      part => [`${part}/src/program-folder.ts`, `new URL('../', `, `new URL('./${part}/', `] as const
    ),
    ['coordinator/src/store/sqlite-file.ts', './sqlite-thread.ts', './sqlite-thread.mjs']
  ]
  return {
    name: 'places-in-bundle',
    transform(code, id) {
      const change = changes.find(([path]) => id === join(house, path))
      if (change === undefined) return null
      const [path, from, to] = change
      if (!code.includes(from))
        throw new Error(`${path} has no ${from} any more: say in bundle.ts what it has`)
      return { code: code.replaceAll(from, to), map: null }
    }
  }
}

/**
 * A source is kept for as long as the program runs, and one character beyond ASCII makes Node keep two bytes of each: 6 MiB of an
 * idle agent. Outside of texts and patterns, which may have them escaped, there are none.
 */
const oneBytePerCharacter = (code: string): string =>
  code.replace(/[^\0-\x7f]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

const levelFile = 'classic-level.node'

const levelBinary: Record<Platform, string> = {
  'win32-x64': 'classic-level.node',
  'linux-x64': 'classic-level.node',
  'linux-arm64': 'classic-level.armv8.node'
}

/** classic-level looks for its binary through folders; here its place is known. */
function levelBesideBundle(): Plugin {
  const addon = '\0classic-level.node'
  return {
    name: 'level-beside-bundle',
    resolveId(source, importer) {
      if (source === addon) return addon
      return source === './binding' && importer?.includes(`${sep}classic-level${sep}`) === true
        ? `${addon}.cjs`
        : null
    },
    load(id) {
      if (id === `${addon}.cjs`) return `module.exports = require(${JSON.stringify(addon)}).addon`
      if (id !== addon) return null
      return `import { createRequire } from 'node:module'\nexport const addon = createRequire(import.meta.url)('./${levelFile}')`
    }
  }
}

function levelFolder(): string {
  const find = createRequire(join(house, 'agent', 'package.json'))
  return join(find.resolve('classic-level'), '..')
}

/** The package's folder that a module lies in; none for ours and for what the bundler adds. */
function packageOf(id: string): readonly string[] {
  const parts = id.split(`${sep}node_modules${sep}`)
  if (parts.length < 2 || id.startsWith('\0')) return []
  const below = parts.at(-1)!.split(sep)
  const name = below.slice(0, below[0]!.startsWith('@') ? 2 : 1)
  return [[...parts.slice(0, -1), name.join(sep)].join(`${sep}node_modules${sep}`)]
}
