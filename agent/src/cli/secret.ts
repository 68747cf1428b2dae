/** `starling secret create`: a fleet secret, for agents that shall share without a coordinator. */
import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import { filesIn } from '../config.ts'
import type { CommandTools } from './services.ts'

/** To the data folder, so that this machine uses it from now on; to FILE; or, with `-`, to stdout alone. */
export async function createSecret(
  { dataFolder, file }: { readonly dataFolder: string; readonly file: string | null },
  { services, terminal }: CommandTools
): Promise<void> {
  const secret = services.secrets.create()
  if (file === '-') return terminal.print(secret)
  const target = file === null ? filesIn(dataFolder).fleetSecret : resolve(file)
  await mkdir(dirname(target), { recursive: true, mode: 0o700 })
  if (!(await services.secrets.createFile(target, `${secret}\n`))) {
    throw new StarlingError(
      'secret-exists',
      `${target} exists already and is left as it is: other agents may use it. To make a new one, move it away first`
    )
  }
  terminal.print(target)
  terminal.note(
    'Copy this file to the data folder of every agent of the fleet, by a way that nobody reads along. Whoever has it is a member.'
  )
}
