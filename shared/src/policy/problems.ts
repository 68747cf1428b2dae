/**
 * What is wrong with a policy document before anybody has to live with it: names, values, and what values mean for each other. An error
 * refuses the document; a warning is for whoever wrote it. What another layer says is not known here, so no relation is an error that another
 * layer could mend.
 */
import { z } from 'zod'
import { messageOf } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import { policyField, policyFields, type PolicyDocument, type PolicyName } from './policy.ts'
import { checkUpstream } from './upstreams.ts'

export interface PolicyProblem {
  readonly severity: 'error' | 'warning'
  /** Empty: the whole document. Else a name, with what part of its value: `siteDefinitions[2].networks`. */
  readonly name: string
  readonly message: string
}

export interface PolicyReading {
  /** What fits, as values. */
  readonly document: PolicyDocument
  readonly problems: readonly PolicyProblem[]
}

/** @param given of a file, a request, the registry: anything */
export function readPolicy(given: unknown): PolicyReading {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const message = 'give an object with names of policy, like { "DODownloadMode": 1 }'
    return { document: {}, problems: [{ severity: 'error', name: '', message }] }
  }
  const values: Array<readonly [string, unknown]> = []
  const problems: PolicyProblem[] = []
  for (const [name, value] of Object.entries(given)) {
    const field = policyField(name)
    if (field === undefined) {
      problems.push({ severity: 'error', name, message: unknownName(name) })
      continue
    }
    const { success, data, error } = field.schema.safeParse(value)
    if (success) values.push([name, data])
    else problems.push(...misfits(name, value, error))
  }
  const document = Object.fromEntries(values) as PolicyDocument
  return { document, problems: [...problems, ...relationProblems(document)] }
}

export function policyProblems(given: unknown): readonly PolicyProblem[] {
  return readPolicy(given).problems
}

function unknownName(name: string): string {
  const meant = nearestName(
    name,
    policyFields.map(field => field.name)
  )
  return meant === null
    ? 'no such policy; docs/POLICY.md lists them'
    : `no such policy; did you mean ${meant}?`
}

function misfits(name: string, value: unknown, error: z.ZodError): PolicyProblem[] {
  const { form, isStructured } = policyField(name)!
  const parts = isStructured === true ? error.issues.filter(({ path }) => path.length > 0) : []
  if (parts.length === 0) {
    const shown = (JSON.stringify(value) ?? String(value)).slice(0, 80)
    return [{ severity: 'error', name, message: `${shown} does not fit; give ${form}` }]
  }
  return parts.map(({ path, message }) => ({
    severity: 'error',
    name: `${name}${z.core.toDotPath(path).replace(/^(?=\w)/, '.')}`,
    message
  }))
}

type Relation = (document: PolicyDocument) => ReadonlyArray<PolicyProblem | null>

const error = (name: PolicyName, message: string): PolicyProblem => ({ severity: 'error', name, message })
const warning = (name: PolicyName, message: string): PolicyProblem => ({ severity: 'warning', name, message })
const when = (holds: boolean, problem: PolicyProblem) => (holds ? problem : null)

function relationProblems(document: PolicyDocument): PolicyProblem[] {
  return relations.flatMap(relation => relation(document)).filter(problem => problem !== null)
}

const relations: readonly Relation[] = [
  document => window(document, 'Foreground'),
  document => window(document, 'Background'),
  ({ DODownloadMode, DOGroupId, DOGroupIdSource }) => [
    ...groupNames.map(name => {
      const isSet = (name === 'DOGroupId' ? DOGroupId : DOGroupIdSource) ?? 0
      const message =
        DODownloadMode === undefined
          ? 'means something only with DODownloadMode 2, which is not said here'
          : `means nothing with DODownloadMode ${DODownloadMode}: give 2, or leave it out`
      return when(isSet !== 0 && DODownloadMode !== 2, warning(name, message))
    }),
    when(
      typeof DOGroupId === 'string' && (DOGroupIdSource ?? 0) !== 0,
      warning('DOGroupIdSource', 'is not asked where DOGroupId is given')
    )
  ],
  document =>
    policyFields.map(({ name, insteadUse }) => {
      if (insteadUse === undefined || !Object.hasOwn(document, name)) return null
      const newer = insteadUse.split(' and ').filter(other => Object.hasOwn(document, other))
      return newer.length === 0
        ? warning(name, `is an old name: write ${insteadUse} instead`)
        : warning(name, `is an old name beside ${newer.join(' and ')}: the smaller limit holds; take it out`)
    }),
  ({ DOAbsoluteMaxCacheSize, DOMaxCacheSize, cacheQuotaBytes }) => [
    when(
      typeof DOAbsoluteMaxCacheSize === 'number' && typeof DOMaxCacheSize === 'number',
      warning('DOMaxCacheSize', 'means nothing beside DOAbsoluteMaxCacheSize: keep one of the two')
    ),
    when(
      (DOAbsoluteMaxCacheSize ?? DOMaxCacheSize ?? null) !== null && cacheQuotaBytes !== undefined,
      warning(
        'cacheQuotaBytes',
        'means nothing beside DOAbsoluteMaxCacheSize or DOMaxCacheSize: keep one of them'
      )
    )
  ],
  document =>
    httpDelays.map(name =>
      when(
        (document[name] ?? 0) >= clientPatienceS,
        warning(name, `Windows turns away from a cache host that sends nothing for ${clientPatienceS} s`)
      )
    ),
  document =>
    cacheHostDelays.map(name =>
      when(
        typeof document[name] === 'number' &&
          document.DOCacheHost?.length === 0 &&
          (document.DOCacheHostSource ?? 0) === 0,
        warning(name, 'means nothing without a cache host: name one in DOCacheHost')
      )
    ),
  ({ DOCacheHost = [], DOCacheHostSource }) => [
    when(
      DOCacheHost.length > 0 && DOCacheHostSource === 2,
      warning('DOCacheHost', 'is not asked with DOCacheHostSource 2, unless DHCP option 235 makes no sense')
    )
  ],
  ({ interceptEnabled, interceptHosts }) => [
    when(
      interceptEnabled === true && interceptHosts?.length === 0,
      warning('interceptEnabled', 'is on, but for no host: list hosts in interceptHosts, or turn it off')
    )
  ],
  ({ upstreamServers: servers, upstreamRules: rules }) => {
    if (servers === undefined || rules === undefined) return []
    try {
      checkUpstream({ proxies: [], servers, rules })
      return []
    } catch (thrown) {
      return [error('upstreamRules', messageOf(thrown).replace(/^upstream\./, ''))]
    }
  },
  ({ siteDefinitions = [] }) => {
    const all = siteDefinitions.flatMap(({ id, networks = [] }) => networks.map(network => ({ id, network })))
    return all.map(({ id, network }, index) => {
      const first = all.findIndex(other => other.network === network)
      return when(
        first < index,
        warning(
          'siteDefinitions',
          `${network} of ${id} stands at ${all[first]!.id} already, which decides: take one out`
        )
      )
    })
  }
]

const groupNames = ['DOGroupId', 'DOGroupIdSource'] as const
const httpDelays = ['DODelayForegroundDownloadFromHttp', 'DODelayBackgroundDownloadFromHttp'] as const
const cacheHostDelays = [
  'DODelayCacheServerFallbackForeground',
  'DODelayCacheServerFallbackBackground'
] as const
/** Microsoft's client-lite gives a cache host up when it sends less than 4000 bytes a second for so long. */
const clientPatienceS = 20

function window(document: PolicyDocument, kind: 'Foreground' | 'Background'): Array<PolicyProblem | null> {
  const name = `DOSetHoursToLimit${kind}DownloadBandwidth` as const
  const hours = `hoursToLimit${kind}Download` as const
  const isOn = document[name] === 1
  const has = (part: 'From' | 'To' | 'In' | 'Out') => (document[`${name}${part}`] ?? null) !== null
  const given = (['From', 'To', 'In', 'Out'] as const).filter(has)
  const missing = (['From', 'To'] as const).filter(part => !has(part))
  return [
    when(
      missing.length === 1 && (isOn || given.length > 0),
      error(
        `${name}${missing[0] ?? 'From'}`,
        `the window has only one of its ends: give ${name}From and ${name}To`
      )
    ),
    when(
      isOn && missing.length === 2,
      error(name, `is 1, but the window has no hours: give ${name}From and ${name}To`)
    ),
    when(
      document[name] === 0 && given.length > 0,
      warning(name, `is 0, so ${name}${given.join(`, ${name}`)} mean nothing`)
    ),
    when(
      isOn && !has('In') && !has('Out'),
      warning(name, `limits nothing: give ${name}In or ${name}Out, in percent of the line`)
    ),
    when(
      isOn && (document[hours]?.length ?? 0) > 0,
      warning(name, `comes after ${hours}: where those hours fit, this window is not looked at`)
    )
  ]
}
