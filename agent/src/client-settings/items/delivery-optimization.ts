/**
 * Delivery Optimization asks the agent of its own machine as a cache host, on port 80, and goes on to the cache hosts that were named before, then to
 * Microsoft, by itself when it is not there. No other machine may offer itself (DOCacheHostSource 0: no search by DNS-SD, no DHCP option).
 */
import type { ServingAgent } from '../../ports.ts'
import { answersAt, windowsPolicies, type ItemRules, type Wanted } from '../item-rules.ts'
import { registry, type Values } from '../places.ts'
import { number, numberOf, text, textOf, type Stored } from '../stored.ts'

const key = `${windowsPolicies}\\DeliveryOptimization`
const mdmKey = 'HKLM\\SOFTWARE\\Microsoft\\PolicyManager\\current\\device\\DeliveryOptimization'
const host = '127.0.0.1'
const testFile = 'mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com'

export const deliveryOptimization: ItemRules = {
  item: 'delivery-optimization',
  level: 'machine',
  what: 'Windows Update, Store, Office and Intune ask the agent as their first cache host (DOCacheHost)',
  changed: { host: registry(key, 'DOCacheHost'), source: registry(key, 'DOCacheHostSource') },
  looked: { mdm: registry(mdmKey, 'DOCacheHost'), mdmSource: registry(mdmKey, 'DOCacheHostSource') },
  want: (now, agent) => ({
    values: new Map([
      ['host', text(withOurs(textOf(now.get('host') ?? null) ?? ''))],
      ['source', number(0)]
    ]),
    refusal: refusalOf(now, agent),
    notes: notesOf(now)
  }),
  checks: () => [
    answersAt(`http://${host}`),
    { url: `http://${host}/${testFile}`, proves: 'hope', what: "Microsoft's test file of a cache host" }
  ],
  withoutOurs(name, now, kept) {
    const before = kept[name]?.before ?? null
    const hosts = hostsOf(textOf(now) ?? '')
    if (name !== 'host' || !hosts.includes(host) || hostsOf(textOf(before) ?? '').includes(host))
      return undefined
    const others = hosts.filter(one => one !== host)
    return others.length === 0 ? before : text(others.join(','))
  }
}

/** Windows asks them in this order, one at a time. */
const withOurs = (list: string): string => [host, ...hostsOf(list).filter(one => one !== host)].join(',')

const hostsOf = (list: string): string[] =>
  list
    .split(',')
    .map(one => one.trim())
    .filter(one => one !== '')

function refusalOf(now: Values, { cacheHost }: ServingAgent): string | null {
  const mdm = textOf(now.get('mdm') ?? null)
  if (mdm !== null && hostsOf(mdm)[0] !== host)
    return `MDM (Intune) sets DOCacheHost to ${mdm || 'nothing'}: set it to ${withOurs(mdm)} there, and DOCacheHostSource to 0`
  if (sourceOf(now.get('mdmSource') ?? null) === 2)
    return (
      'MDM (Intune) sets DOCacheHostSource to 2, with which Windows takes its cache hosts from DHCP option 235 and ignores DOCacheHost: ' +
      'set it to 0 there'
    )
  if (!cacheHost.enabled)
    return (
      'the agent does not listen as a cache host: set cacheHost.enabled to true (STARLING_CACHE_HOST_ENABLED), restart the agent ' +
      'and apply again'
    )
  if (cacheHost.port !== 80)
    return `the cache host listens on port ${cacheHost.port}, and Delivery Optimization knows no other than 80: set cacheHost.port to 80`
  if (!['0.0.0.0', host].includes(cacheHost.host))
    return `the cache host listens on ${cacheHost.host} alone: set cacheHost.host to ${host} or 0.0.0.0`
  return null
}

/** MDM keeps numbers as such, and some as texts. */
const sourceOf = (stored: Stored): number | null =>
  numberOf(stored) ?? (stored === null ? null : Number(textOf(stored) ?? NaN))

/** Both values are where Group Policy writes, too. */
function notesOf(now: Values): Wanted['notes'] {
  const [source, others] = [
    sourceOf(now.get('source') ?? null),
    hostsOf(textOf(now.get('host') ?? null) ?? '').filter(one => one !== host)
  ]
  return [
    // With 1 a DOCacheHost goes before the option, with 2 the option before it.
    ...(source === 2 || (source === 1 && others.length === 0)
      ? [
          `Windows takes its cache hosts from DHCP option 235 now (DOCacheHostSource ${source}) and will not ask them any more: ` +
            "set the agent's own policy DOCacheHostSource to the same, and it asks them before the origin"
        ]
      : []),
    ...(others.length > 0
      ? [
          `Windows asks ${others.join(', ')} only when the agent cannot help: name the same in the agent's own policy DOCacheHost, and it ` +
            'asks there before the origin'
        ]
      : []),
    'a Group Policy or MDM that sets DOCacheHost later on wins; until one does, gpupdate leaves these values'
  ]
}
