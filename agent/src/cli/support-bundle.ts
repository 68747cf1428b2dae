/** `starling support-bundle`: a zip for whoever helps, without secrets and, unless asked for, without names of what was downloaded. */
import { writeFile } from 'node:fs/promises'
import { StarlingError, codeOf } from '@starling/shared/errors.ts'
import { requireAgent } from './api.ts'
import { formatBytes } from './format.ts'
import type { CommandTools } from './services.ts'

export async function saveSupportBundle(
  options: { readonly dataFolder: string; readonly json: boolean; readonly names: boolean },
  file: string,
  { terminal }: CommandTools
): Promise<void> {
  const api = await requireAgent(options.dataFolder)
  const bundle = await api.readBytes(`/api/v1/support-bundle${options.names ? '?names=1' : ''}`)
  try {
    // It holds no secrets, but whose machine this is need not be everybody's business here either.
    await writeFile(file, bundle, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause
    throw new StarlingError('file-exists', `${file} is there already: name another, or remove it`, { cause })
  }
  terminal.print(
    options.json
      ? JSON.stringify({ file, bytes: bundle.length })
      : `${file} (${formatBytes(bundle.length)}): status, health, configuration without secrets, policy with sources, the last log lines. Look into it before you give it away.`
  )
}
