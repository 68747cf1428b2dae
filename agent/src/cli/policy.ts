/** `starling policy show`: each value of policy with where it comes from, the machine's state, and what follows from the two. */
import type { Effective } from '@starling/shared/policy/effective.ts'
import type { HostFacts } from '@starling/shared/policy/host-facts.ts'
import { policyField } from '@starling/shared/policy/policy.ts'
import { millisToText } from '@starling/shared/policy/quantities.ts'
import { originText } from '../config-problem.ts'
import type { PolicyView } from '../ports.ts'
import { requireAgent } from './api.ts'
import { formatBytes, safeText, table } from './format.ts'
import type { CommandTools } from './services.ts'

export interface PolicyOptions {
  readonly dataFolder: string
  readonly json: boolean
  /** The defaults as well. */
  readonly all: boolean
}

/** @throws StarlingError `no-agent` */
export async function showPolicy(
  { dataFolder, json, all }: PolicyOptions,
  { terminal }: CommandTools
): Promise<void> {
  const api = await requireAgent(dataFolder)
  const view = (await api.read('/api/v1/policy')) as PolicyView
  if (json) return terminal.print(JSON.stringify(view))
  for (const line of policyLines(view, all)) terminal.print(line)
}

export function policyLines(
  { values, host, measured, effective }: PolicyView,
  all: boolean
): readonly string[] {
  const shown = values.filter(({ origin, waiting }) => all || origin.kind !== 'default' || waiting !== null)
  const set =
    shown.length === 0
      ? 'nothing is set: the defaults are in force, `starling policy show --all` lists them'
      : table(
          ['POLICY', 'VALUE', 'FROM'],
          shown.flatMap(({ name, value, origin, waiting }) => [
            rowOf(name, value, originText(origin)),
            ...(waiting === null
              ? []
              : [rowOf(name, waiting.value, `${originText(waiting.origin)}, waiting: restart`)])
          ])
        )
  return [
    set,
    '\nThis machine:',
    ...hostLines(host),
    `  given to other sites this month: ${formatBytes(measured.farUploadBytesThisMonth)}`,
    `  WAN line: ${measured.wanBytesPerSecond === null ? 'not measured yet' : rateText(measured.wanBytesPerSecond)}`,
    '\nWhat follows:',
    ...consequences(effective).map(line => `  ${line}`)
  ]
}

function rowOf(name: string, value: unknown, from: string): string[] {
  return [name, safeText(valueText(name, value)), safeText(from)]
}

function hostLines(host: HostFacts): string[] {
  const known = (bytes: number | null) => (bytes === null ? 'unknown' : formatBytes(bytes))
  const percent = host.batteryPercent === null ? '' : ` (${host.batteryPercent} %)`
  const rows: Array<readonly [string, string]> = [
    ['memory', known(host.ramBytes)],
    ["cache's drive", `${known(host.diskBytes)}, ${known(host.diskFreeBytes)} free`],
    ['power', host.onBattery ? `battery${percent}` : `mains${percent}`],
    [
      'connection',
      [
        host.wifi ? 'Wi-Fi' : 'no Wi-Fi',
        host.metered ? 'metered' : 'not metered',
        host.vpn ? 'VPN' : 'no VPN'
      ].join(', ')
    ],
    ['adapters', host.adapters.join(', ')],
    ['addresses', host.subnets.join(', ')],
    ['AD site', host.adSite ?? ''],
    ['domain', host.domainSid ?? ''],
    ['DNS suffix', host.dnsSuffix ?? ''],
    ['Entra tenant', host.tenantId ?? ''],
    ['DHCP 234, 235', [host.dhcp.groupId, host.dhcp.cacheHosts].filter(text => text !== null).join(', ')]
  ]
  return rows.filter(([, text]) => text !== '').map(([name, text]) => `  ${name}: ${safeText(text)}`)
}

/** In sentences, the noes first with their reasons: "why does it not share" is what is asked. */
export function consequences({ peering, peers, upload, uploadToOtherSites, ...rest }: Effective): string[] {
  const { cache, cacheHosts, core, keeps, rates, site } = rest
  const within = { all: '', subnet: ', in its own subnets', link: ', heard by multicast' }[peers.within]
  const whom = peers.scope === 'group' ? `its group ${peers.group}` : `site ${site.id} (${site.why})`
  const lines = [
    peering.allowed ? `shares with ${whom}${within}` : `does not share: ${peering.why}`,
    upload.allowed ? 'uploads' : `does not upload: ${upload.why}`
  ]
  if (upload.allowed && !uploadToOtherSites.allowed)
    lines.push(`does not upload to other sites: ${uploadToOtherSites.why}`)
  if (!keeps) lines.push('keeps nothing of what passes through')
  const quota = cache.quotaBytes === null ? 'all' : `up to ${formatBytes(cache.quotaBytes)}`
  const age = cache.ageMsMax === null ? '' : `, each for ${millisToText(cache.ageMsMax)}`
  lines.push(`caches ${quota} of its drive, of which ${formatBytes(cache.floorBytes)} stay free${age}`)
  if (cache.contentBytesMin > 0) lines.push(`shares no content below ${formatBytes(cache.contentBytesMin)}`)
  if (cacheHosts.hosts.length > 0)
    lines.push(`asks cache hosts first: ${cacheHosts.hosts.join(', ')} (${cacheHosts.why})`)
  const limits = [
    ['over the WAN', rates.all],
    ['over the WAN in the foreground', rates.foreground],
    ['over the WAN in the background', rates.background],
    ['from peers', core.maxLanDownloadBytesPerSecond],
    ['to peers', core.maxLanUploadBytesPerSecond]
  ] as const
  for (const [what, rate] of limits)
    if (rate !== null && rate !== 0) lines.push(`at most ${rateText(rate)} ${what}`)
  return lines
}

const rateText = (rate: number) => `${formatBytes(rate)}/s`

function valueText(name: string, value: unknown): string {
  const field = policyField(name)
  if (value === null || field === undefined) return '-'
  const text = field.isStructured === true ? JSON.stringify(value) : field.write(value)
  const code = field.codes?.[Number(value)]
  if (text === '') return '-'
  return code === undefined
    ? field.unit === undefined
      ? text
      : `${text} ${field.unit}`
    : `${text} (${code})`
}
