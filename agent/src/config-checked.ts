/** A configuration read and held against itself and this machine: what `starling run` begins with, and what `config check` tells. */
import { relationProblems } from './config-relations.ts'
import { readConfig, type ConfigReading, type ConfigSources, type SecretReader } from './config-sources.ts'
import { lookAround, type UpstreamRefusal } from './config-surroundings.ts'

export async function readCheckedConfig(
  sources: ConfigSources,
  secrets: SecretReader,
  upstreamRefusal: UpstreamRefusal
): Promise<ConfigReading> {
  const reading = await readConfig(sources, secrets)
  const around = await lookAround(reading.dataFolder, upstreamRefusal)
  return { ...reading, problems: [...reading.problems, ...relationProblems(reading, around)] }
}
