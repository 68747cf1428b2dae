/**
 * Builds the service host with mingw-w64: a program of Windows' own libraries only, the same bytes from the same input.
 * What each command does stands in installer/windows/host.
 */
import { execFile, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StarlingError, codeOf } from '@starling/shared/errors.ts'
import { readPackage } from '../bundle.ts'
import { house } from '../house.ts'

const execute = promisify(execFile)

export const hostFile = 'starling-service.exe'
export const mingwInstall =
  'apt-get install -y --no-install-recommends gcc-mingw-w64-x86-64 binutils-mingw-w64-x86-64'

const tools = 'x86_64-w64-mingw32'
const sources = join(house, 'installer', 'windows', 'host')

const words = (text: string): readonly string[] => text.split(' ')

const compilerFlags = [
  ...words('-std=gnu11 -O2 -Wall -Wextra -Werror -municode -fstack-protector-strong'),
  // Windows 10: what Node 26 needs anyway.
  ...words('-D_WIN32_WINNT=0x0A00 -DUNICODE -D_UNICODE -DWIN32_LEAN_AND_MEAN -D__USE_MINGW_ANSI_STDIO=0')
]
const linkerFlags = words(
  '-static -s -Wl,--no-insert-timestamp,--dynamicbase,--nxcompat,--high-entropy-va -lole32 -loleaut32 -ladvapi32 -lbcrypt -lntdll'
)

export function hasMingw(): boolean {
  return spawnSync(`${tools}-gcc`, ['--version']).status === 0
}

/** @param folder gets starling-service.exe. @returns its path. @throws StarlingError `host-not-built` with the compiler's words */
export async function buildHost(folder: string): Promise<string> {
  const { version } = await readPackage(join(house, 'installer'))
  const draft = await mkdtemp(join(tmpdir(), 'starling-host-'))
  const program = join(folder, hostFile)
  try {
    await mkdir(folder, { recursive: true })
    await tool('windmc', ['-h', draft, '-r', draft, join(sources, 'messages.mc')])
    const numbers = [...version.split(/[.+-]/).slice(0, 3).map(Number), 0].join(',')
    const resources = ['messages.rc', 'host.rc'].map(file => ({
      from: join(file === 'host.rc' ? sources : draft, file),
      to: join(draft, file.replace('.rc', '.res.o'))
    }))
    for (const { from, to } of resources) {
      const names = [`-DHOST_VERSION_NUMBERS=${numbers}`, `-DHOST_VERSION_TEXT=\\"${version}\\"`]
      await tool('windres', [...names, '-I', sources, '-I', draft, '-O', 'coff', from, to])
    }
    const files = (await readdir(sources)).filter(file => file.endsWith('.c')).sort()
    const folders = [`-I${draft}`, `-ffile-prefix-map=${sources}=host`, `-ffile-prefix-map=${draft}=host`]
    const inputs = [...files.map(file => join(sources, file)), ...resources.map(({ to }) => to)]
    await tool('gcc', [...compilerFlags, ...folders, ...inputs, '-o', program, ...linkerFlags])
    return program
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

async function tool(name: string, args: readonly string[]): Promise<void> {
  try {
    await execute(`${tools}-${name}`, [...args], {
      env: { ...process.env, SOURCE_DATE_EPOCH: '0', LC_ALL: 'C.UTF-8' }
    })
  } catch (cause) {
    const said =
      codeOf(cause) === 'ENOENT'
        ? `it is not here: ${mingwInstall}`
        : String((cause as { stderr?: unknown }).stderr)
    throw new StarlingError('host-not-built', `${tools}-${name} cannot build the service host: ${said}`, {
      cause
    })
  }
}
