/** Client settings of the machine that we run on, with its own programs and files. */
import { mkdir, readFile } from 'node:fs/promises'
import { homedir, userInfo } from 'node:os'
import { dirname, join, win32 } from 'node:path'
import { filesIn } from '../config.ts'
import type { ClientSettingsPort } from '../ports.ts'
import { userHives } from '../registry.ts'
import { runProgram, systemProgram } from '../run-program.ts'
import { askOverHttp } from './checks.ts'
import { createClientSettings } from './client-settings.ts'
import { createGoAccess, goProgram } from './go-access.ts'
import { groupPolicyFrom, type GroupPolicy } from './group-policy.ts'
import { createJournalFile, type FileAccess } from './journal.ts'
import { createPlaceAccess } from './place-access.ts'
import { createRegistryAccess } from './registry-access.ts'

export function clientSettingsOf(dataFolder: string, files: FileAccess): ClientSettingsPort {
  const { env, platform } = process
  const own = join(ownFolder(env, platform), 'client-settings.json')
  const program = (name: string): string => systemProgram(name, env['SystemRoot'])
  return createClientSettings({
    platform,
    user: userInfo().username,
    places: createPlaceAccess({
      run: runProgram,
      registry: createRegistryAccess(runProgram, program('reg.exe')),
      go: createGoAccess(runProgram, goOfUser(env, platform)),
      env,
      program
    }),
    journals: {
      machine: createJournalFile(filesIn(dataFolder).clientSettings, files),
      user: createJournalFile(own, {
        ...files,
        async create(path, text) {
          await mkdir(dirname(path), { recursive: true, mode: 0o700 })
          return files.create(path, text)
        }
      })
    },
    groupPolicy: () => readGroupPolicy(env),
    userHives: () => userHives(runProgram, program('reg.exe')),
    ask: askOverHttp
  })
}

/** Of the user who asks, for what outlives a session: https://specifications.freedesktop.org/basedir-spec/latest/ */
function ownFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  if (platform === 'win32')
    return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'Starling')
  return join(env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state'), 'starling')
}

/** The system's own account has no go: what lies on a machine's PATH may be anybody's, and an MSI puts back settings as that account. */
function goOfUser(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string | null {
  return platform === 'win32' && userInfo().username === 'SYSTEM' ? null : goProgram(env, platform)
}

/** What cannot be read says nothing: a user sees what is set for the machine in the registry all the same. */
async function readGroupPolicy(env: NodeJS.ProcessEnv): Promise<GroupPolicy> {
  const policies = await Promise.all(
    [
      { hive: 'HKLM', folder: env['ProgramData'] },
      { hive: 'HKCU', folder: env['USERPROFILE'] }
    ].map(async ({ hive, folder }) => {
      const file =
        folder === undefined ? null : await readFile(win32.join(folder, 'ntuser.pol')).catch(() => null)
      return file === null ? [] : [groupPolicyFrom(file, hive)]
    })
  )
  const found = policies.flat()
  return {
    at(place) {
      for (const policy of found) {
        const value = policy.at(place)
        if (value !== undefined) return value
      }
      return undefined
    }
  }
}
