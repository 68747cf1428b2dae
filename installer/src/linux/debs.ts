/**
 * The agent and the coordinator as packages for Debian and Ubuntu: Node's own binary, the bundle, a command, a hardened service,
 * settings, a manual page. What stands in the files is in installer/linux.
 */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { bundleProgram, readPackage, type Platform, type Program } from '../bundle.ts'
import type { Part } from '../third-party.ts'
import { house } from '../house.ts'
import { packDeb, type Compression } from './deb.ts'
import { helpOf, manualOf } from './manual.ts'
import { linuxPackages, type Architecture, type LinuxPackage } from './packages.ts'

export interface DebOptions {
  readonly architecture?: Architecture
  /** Everything of other people that a package carries, Node among it. */
  readonly thirdParties: (
    program: Program,
    platform: Platform,
    packages: readonly string[]
  ) => Promise<readonly Part[]>
  /** The workspace's, when not given. */
  readonly version?: string
  readonly compression?: Compression
  /** Node's folder, with bin/node. */
  readonly node?: string
}

export interface BuiltDeb {
  readonly name: string
  readonly file: string
  readonly thirdParties: readonly Part[]
}

/**
 * @param out where they are put, as `<name>_<version>_<architecture>.deb`
 * @throws Error when Node is not here for that architecture
 */
export async function buildDebs(out: string, options: DebOptions): Promise<readonly BuiltDeb[]> {
  await mkdir(out, { recursive: true })
  const built: BuiltDeb[] = []
  for (const about of linuxPackages) built.push(await buildDeb(about, out, options))
  return built
}

const platformOf: Record<Architecture, Platform> = { amd64: 'linux-x64', arm64: 'linux-arm64' }

async function buildDeb(about: LinuxPackage, out: string, options: DebOptions): Promise<BuiltDeb> {
  const { architecture = 'amd64', compression = 'small' } = options
  const version = options.version ?? (await readPackage(join(house, about.program))).version
  const node = options.node ?? nodeFolder(platformOf[architecture])
  const root = await mkdtemp(join(tmpdir(), 'starling-deb-'))
  const at = async (path: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true })
    return join(root, path)
  }
  const write = async (path: string, content: string | Uint8Array) => writeFile(await at(path), content)
  try {
    const { name } = about
    const lib = `/usr/lib/${name}`
    const doc = `/usr/share/doc/${name}`
    const { packages } = await bundleProgram(about.program, platformOf[architecture], await at(`${lib}/app`))
    await copyFile(join(node, 'bin', 'node'), await at(`${lib}/node`))
    await write(`/usr/bin/${name}`, await filled('program.sh', about))
    await write(`/usr/lib/systemd/system/${name}.service`, await filled('program.service', about))
    await write(`/etc/default/${name}`, await filled(`${name}.default`, about))
    await write(`${doc}/examples/cache-host.conf`, await filled('cache-host.conf', about))
    const thirdParties = await options.thirdParties(about.program, platformOf[architecture], packages)
    await write(`${doc}/copyright`, copyright(about, thirdParties))
    await write(`${doc}/changelog.gz`, zipped(debianChangelog(about, version)))
    await write(`${doc}/CHANGELOG.md.gz`, zipped(await readFile(join(house, 'CHANGELOG.md'), 'utf8')))
    await write(`/usr/share/man/man8/${name}.8.gz`, zipped(await manualOf(about, version, helpOf(about))))
    await write(`/usr/share/lintian/overrides/${name}`, await filled('lintian-overrides', about))
    const file = join(out, `${name}_${version}_${architecture}.deb`)
    await packDeb(
      root,
      {
        control: controlOf(about, version, architecture),
        scripts: {
          postinst: await filled('postinst', about),
          prerm: await filled('prerm', about),
          postrm: await filled('postrm', about)
        },
        settings: [`/etc/default/${name}`],
        closed: [`/etc/default/${name}`],
        programs: [`/usr/bin/${name}`, `${lib}/node`]
      },
      { file, compression, date: sourceDate() }
    )
    return { name, file, thirdParties }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

const maintainer = 'Starling maintainers <maintainers@starling.invalid>'

/** What Node and classic-level were linked with: their makers built them for older systems than any we name. */
const depends = [
  'adduser',
  'init-system-helpers (>= 1.54~)',
  'libatomic1',
  'libc6 (>= 2.28)',
  'libgcc-s1',
  'libstdc++6 (>= 5.2)'
]

function controlOf(
  about: LinuxPackage,
  version: string,
  architecture: Architecture
): ReadonlyArray<readonly [string, string]> {
  return [
    ['Package', about.name],
    ['Version', version],
    ['Architecture', architecture],
    ['Maintainer', maintainer],
    ['Section', 'net'],
    ['Priority', 'optional'],
    ['Depends', depends.join(', ')],
    ['Recommends', 'ca-certificates'],
    [
      'Description',
      [`delivery of files over the WAN once per site (${about.program})`, ...about.description].join('\n ')
    ]
  ]
}

/** Each text once, under the names of those whose it is. */
function copyright(about: LinuxPackage, thirdParties: readonly Part[]): string {
  const ours = `${about.title}

Copyright 2026 the authors of Starling. Licensed under the Apache License, Version 2.0, whose text is in
/usr/share/common-licenses/Apache-2.0.

/usr/lib/${about.name}/node is Node.js as its makers built it. /usr/lib/${about.name}/app holds our code and that of other
packages. Their licences follow.
`
  const theirs = [...Map.groupBy(thirdParties, ({ text }) => text.trim())].map(
    ([text, of]) =>
      `${of.map(({ name, version, licence }) => `${name} ${version} (${licence})`).join('\n')}\n\n${text}\n`
  )
  return [ours, ...theirs].join(`\n${'-'.repeat(80)}\n`)
}

/** Debian's own form, which says where ours is. */
function debianChangelog({ name }: LinuxPackage, version: string): string {
  const date = sourceDate().toUTCString().replace('GMT', '+0000')
  return `${name} (${version}) stable; urgency=medium\n\n  * /usr/share/doc/${name}/CHANGELOG.md.gz says what is new.\n\n -- ${maintainer}  ${date}\n`
}

/** npm brings the Node of this machine; that of another comes by `pnpm install --cpu arm64`. */
function nodeFolder(platform: Platform): string {
  const folder = join(house, 'node_modules', `node-${platform}`)
  if (!existsSync(join(folder, 'bin', 'node')))
    throw new Error(
      `there is no Node for ${platform} here: unpack "npm pack node-${platform}" with the version of package.json, and give its folder`
    )
  return folder
}

async function filled(name: string, about: LinuxPackage): Promise<string> {
  const values: Readonly<Record<string, string>> = {
    NAME: about.name,
    TITLE: about.title,
    DATA: about.dataVariable,
    OPTIONS: about.options,
    RELOAD: about.reloads
      ? `ExecReload=/usr/lib/${about.name}/node /usr/lib/${about.name}/app/main.mjs config reload`
      : ''
  }
  const template = await readFile(join(house, 'installer', 'linux', name), 'utf8')
  return template
    .replaceAll(/ ?@([A-Z]+)@$|@([A-Z]+)@/gm, (found, last?: string, inner?: string) => {
      const value = values[last ?? inner ?? '']
      if (value === undefined)
        throw new Error(`installer/linux/${name} has a ${found.trim()}, which nobody fills`)
      return found.startsWith(' ') && value !== '' ? ` ${value}` : value
    })
    .replaceAll(/\n{3,}/g, '\n\n')
}

const zipped = (text: string): Uint8Array => gzipSync(text, { level: 9 })

/** The day from which on files of a package are dated, unless SOURCE_DATE_EPOCH says another. */
function sourceDate(): Date {
  const given = process.env['SOURCE_DATE_EPOCH']
  return given === undefined ? new Date('2026-01-01T00:00:00Z') : new Date(Number(given) * 1000)
}
