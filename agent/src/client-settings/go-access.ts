/**
 * Settings that the go command keeps for its user. They are read from its file, because `go env` tells what comes of file, environment
 * and defaults together, and written by the go command, which knows how.
 */
import { readFile } from 'node:fs/promises'
import { accessSync, constants } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { StarlingError, codeOf } from '@starling/shared/errors.ts'
import { secondMs, type Millis } from '@starling/shared/units.ts'
import type { ProgramRun } from '../run-program.ts'
import { text, textOf, type Stored } from './stored.ts'

export interface GoAccess {
  /** @throws StarlingError `no-go` */
  read(name: string): Promise<Stored>
  write(name: string, value: Stored): Promise<void>
}

/** A cold disk and a scanner of viruses take their time. */
const runMs: Millis = 30 * secondMs

export function createGoAccess(run: ProgramRun, program: string | null): GoAccess {
  async function go(args: readonly string[]): Promise<string> {
    if (program === null)
      throw new StarlingError('no-go', 'there is no go command in PATH, so it has no settings to be changed')
    const { exitCode, output } = await run(program, ['env', ...args], runMs)
    if (exitCode === 0) return output.trim()
    throw new StarlingError('go-failed', `\`go env ${args.join(' ')}\` failed: try it yourself to see why`)
  }

  async function settings(): Promise<ReadonlyMap<string, string>> {
    const file = await go(['GOENV'])
    if (!isAbsolute(file))
      throw new StarlingError(
        'no-go',
        `the go command keeps no settings here (GOENV is ${file || 'empty'}): set GOPROXY in the environment instead`
      )
    const content = await readFile(file, 'utf8').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return ''
      throw error
    })
    return new Map(
      content.split(/\r?\n/).flatMap(line => {
        const [, name, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? []
        return name === undefined || value === undefined ? [] : [[name, value] as const]
      })
    )
  }

  return {
    async read(name) {
      const value = (await settings()).get(name)
      return value === undefined ? null : text(value)
    },
    async write(name, value) {
      await go(value === null ? ['-u', name] : ['-w', `${name}=${textOf(value) ?? ''}`])
    }
  }
}

/** By its place: no program of that name in the current folder is ever started. */
export function goProgram(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform
): string | null {
  const name = platform === 'win32' ? 'go.exe' : 'go'
  const path = env['PATH'] ?? env['Path'] ?? ''
  const folders = path.split(delimiter).filter(folder => isAbsolute(folder))
  return folders.map(folder => join(folder, name)).find(isProgram) ?? null
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
