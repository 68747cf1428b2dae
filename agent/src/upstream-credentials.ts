/** What is in the files that `upstream.servers` names with `credentialsFile`, and what is wrong with them. */
import { resolve } from 'node:path'
import { messageOf, StarlingError } from '@starling/shared/errors.ts'
import type { SecretReader } from './config-sources.ts'
import type { AgentConfig } from './config.ts'
import { partText, type UpstreamFinding } from '@starling/shared/policy/upstreams.ts'

interface Credentials {
  /** By name of the server: `user:password`, as its file holds it. */
  readonly found: ReadonlyMap<string, string>
  readonly findings: readonly UpstreamFinding[]
}

/** @throws StarlingError `bad-config` */
export async function upstreamCredentials(
  config: Pick<AgentConfig, 'upstream' | 'dataFolder'>,
  readFile: SecretReader['readFile']
): Promise<ReadonlyMap<string, string>> {
  const { found, findings } = await readCredentials(config, readFile)
  const [first] = findings
  if (first === undefined) return found
  throw new StarlingError('bad-config', `${first.setting}${partText(first.part)}: ${first.message}`)
}

export async function readCredentials(
  config: Pick<AgentConfig, 'upstream' | 'dataFolder'>,
  readFile: SecretReader['readFile']
): Promise<Credentials> {
  const found = new Map<string, string>()
  const findings: UpstreamFinding[] = []
  for (const [index, { name, credentialsFile }] of config.upstream.servers.entries()) {
    if (credentialsFile === undefined) continue
    try {
      found.set(name, await credentialsIn(resolve(config.dataFolder, credentialsFile), readFile))
    } catch (error) {
      findings.push({
        setting: 'upstream.servers',
        part: [index, 'credentialsFile'],
        message: messageOf(error)
      })
    }
  }
  return { found, findings }
}

/** @throws StarlingError `bad-config`, and those of reading secrets */
async function credentialsIn(file: string, readFile: SecretReader['readFile']): Promise<string> {
  const bytes = await readFile(file)
  if (bytes === null) throw new StarlingError('bad-config', `${file} is not there`)
  const text = new TextDecoder().decode(bytes).trim()
  if (/^[^:\s]+:[^\r\n]*$/.test(text)) return text
  throw new StarlingError('bad-config', `${file} does not hold one line with user:password`)
}
