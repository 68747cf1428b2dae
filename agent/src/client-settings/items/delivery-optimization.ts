/**
 * Delivery Optimization asks the agent of its own machine as a cache host, on port 80, and goes to Microsoft by itself when it is not
 * there. No other machine may offer itself (DOCacheHostSource 0: no search by DNS-SD).
 */
import type { ServingAgent } from '../../ports.ts'
import { answersAt, windowsPolicies, type ItemRules, type Wanted } from '../item-rules.ts'
import { registry, type Values } from '../places.ts'
import { number, text, textOf } from '../stored.ts'

const key = `${windowsPolicies}\\DeliveryOptimization`
const mdmKey = 'HKLM\\SOFTWARE\\Microsoft\\PolicyManager\\current\\device\\DeliveryOptimization'
const host = '127.0.0.1'
const testFile = 'mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com'

export const deliveryOptimization: ItemRules = {
  item: 'delivery-optimization',
  level: 'machine',
  what: 'Windows Update, Store, Office and Intune ask the agent as their cache host (DOCacheHost)',
  changed: { host: registry(key, 'DOCacheHost'), source: registry(key, 'DOCacheHostSource') },
  looked: { mdm: registry(mdmKey, 'DOCacheHost') },
  want: (now, agent) => ({
    values: new Map([
      ['host', text(host)],
      ['source', number(0)]
    ]),
    refusal: refusalOf(now, agent),
    notes: notesOf()
  }),
  checks: () => [
    answersAt(`http://${host}`),
    { url: `http://${host}/${testFile}`, proves: 'hope', what: "Microsoft's test file of a cache host" }
  ]
}

function refusalOf(now: Values, { cacheHost }: ServingAgent): string | null {
  const mdm = textOf(now.get('mdm') ?? null)
  if (mdm !== null && mdm.trim() !== host)
    return `MDM (Intune) sets DOCacheHost to ${mdm || 'nothing'}: set it to ${host} there, and DOCacheHostSource to 0`
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

/** Both values are where Group Policy writes, too. */
function notesOf(): Wanted['notes'] {
  return [
    'a Group Policy or MDM that sets DOCacheHost later on wins; until one does, gpupdate leaves these values'
  ]
}
