/** A configuration read and held against itself and this machine: what `starling run` begins with, and what `config check` tells. */
import { ofUpstream, problemOf, relationProblems } from './config-relations.ts'
import { readConfig, type ConfigReading, type ConfigSources, type SecretReader } from './config-sources.ts'
import { lookAround, type UpstreamRefusal } from './config-surroundings.ts'
import type { ConfigProblem, SourcedValue } from './ports.ts'
import { readCredentials } from './upstream-credentials.ts'

type Check = (sources: ConfigSources) => Promise<ConfigReading>

export async function readCheckedConfig(
  sources: ConfigSources,
  secrets: SecretReader,
  upstreamRefusal: UpstreamRefusal
): Promise<ConfigReading> {
  return await withoutFaultyPolicy(sources, async from => {
    const reading = await readConfig(from, secrets)
    const around = await lookAround(reading.dataFolder, upstreamRefusal)
    const { findings } = await readCredentials(reading.draft, path => secrets.readFile(path))
    const problems = [
      ...reading.problems,
      ...relationProblems(reading, around),
      ...findings.flatMap(finding => problemOf(reading, 'error', ofUpstream(finding)))
    ]
    return { ...reading, problems }
  })
}

/**
 * A value of the registry that makes no sense beside the others is passed over, like one that does not fit: half a time window, which Windows
 * itself would not mind, must not keep thousands of machines from starting.
 */
async function withoutFaultyPolicy(sources: ConfigSources, check: Check): Promise<ConfigReading> {
  const passedOver = new Map<string, ConfigProblem>()
  for (;;) {
    const isTaken = ({ place }: SourcedValue) => !passedOver.has(place)
    const reading = await check({
      ...sources,
      machine: async () => {
        const { values = [], users = [], problems = [] } = (await sources.machine?.()) ?? {}
        return { values: values.filter(isTaken), users: users.filter(isTaken), problems }
      }
    })
    const faults = reading.problems.filter(
      ({ severity, origin }) =>
        severity === 'error' &&
        (origin.kind === 'registry' || origin.kind === 'user') &&
        !passedOver.has(origin.name)
    )
    if (faults.length === 0) return { ...reading, problems: [...reading.problems, ...passedOver.values()] }
    for (const fault of faults)
      passedOver.set(fault.origin.name, {
        ...fault,
        severity: 'warning',
        message: `${fault.message}. It is passed over`
      })
  }
}
