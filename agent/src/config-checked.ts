/** A configuration read and held against itself and this machine: what `starling run` begins with, and what `config check` tells. */
import { ofUpstream, problemOf, relationProblems } from './config-relations.ts'
import { readConfig, type ConfigReading, type ConfigSources, type SecretReader } from './config-sources.ts'
import { lookAround, type UpstreamRefusal } from './config-surroundings.ts'
import { readCredentials } from './upstream-credentials.ts'

export async function readCheckedConfig(
  sources: ConfigSources,
  secrets: SecretReader,
  upstreamRefusal: UpstreamRefusal
): Promise<ConfigReading> {
  const reading = await readConfig(sources, secrets)
  const around = await lookAround(reading.dataFolder, upstreamRefusal)
  const { findings } = await readCredentials(reading.draft, path => secrets.readFile(path))
  const problems = [
    ...reading.problems,
    ...relationProblems(reading, around),
    ...findings.flatMap(finding => problemOf(reading, 'error', ofUpstream(finding)))
  ]
  return { ...reading, problems }
}
