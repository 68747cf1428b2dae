import { resolve } from 'node:path'
import { StarlingError } from '@starling/shared/errors.ts'
import type { SecretReader } from './config-sources.ts'
import type { AgentConfig } from './config.ts'

/**
 * By name of the server: `user:password`, as its file holds it.
 * @throws StarlingError `bad-config`, and those of reading secrets
 */
export async function upstreamCredentials(
  config: AgentConfig,
  readFile: SecretReader['readFile']
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const [index, { name, credentialsFile }] of config.upstream.servers.entries()) {
    if (credentialsFile === undefined) continue
    const file = resolve(config.dataFolder, credentialsFile)
    const bytes = await readFile(file)
    const text = bytes === null ? null : new TextDecoder().decode(bytes).trim()
    if (text === null || !/^[^:\s]+:[^\r\n]*$/.test(text)) {
      const what = text === null ? 'is not there' : 'does not hold one line with user:password'
      throw new StarlingError('bad-config', `upstream.servers[${index}].credentialsFile: ${file} ${what}`)
    }
    found.set(name, text)
  }
  return found
}
