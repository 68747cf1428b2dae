/**
 * The state of a machine as heartbeats tell it: flat, under the names of HostFacts, so that it is shown, compared and told again only where it
 * has changed. Lists become a text with commas in it, as many of their items as there is room for; what is not told is not known. Both
 * ways are here, because the coordinator's dry run decides by what it reads back.
 */
import type { HostFact } from '../heartbeat-report.ts'
import { unknownHost, type HostFacts } from './host-facts.ts'

/** As long as a fact may be. */
const textLengthMax = 256

export function hostTold({ adapters, subnets, dhcp, ...plain }: HostFacts): Record<string, HostFact> {
  return {
    ...plain,
    adapters: textOf(adapters),
    subnets: textOf(subnets),
    dhcpGroupId: dhcp.groupId,
    dhcpCacheHosts: dhcp.cacheHosts?.slice(0, textLengthMax) ?? null
  }
}

/** @param told with whatever else is told of a machine */
export function hostFactsOf(told: Readonly<Record<string, HostFact>>): HostFacts {
  const plain = Object.entries(unknownHost).flatMap(([name, unknown]) => {
    const value = told[name]
    const isOne = value !== undefined && (unknown === null || typeof value === typeof unknown)
    return isOne ? [[name, value] as const] : []
  })
  return {
    ...unknownHost,
    ...(Object.fromEntries(plain) as Partial<HostFacts>),
    adapters: listIn(told['adapters']),
    subnets: listIn(told['subnets']),
    dhcp: { groupId: textIn(told['dhcpGroupId']), cacheHosts: textIn(told['dhcpCacheHosts']) }
  }
}

/** As a fact of a heartbeat. */
export function textOf(list: readonly string[]): string {
  let text = ''
  for (const item of list) {
    // An adapter's name may have commas in it; who looks for a word in it does not miss them.
    const longer = `${text}${text === '' ? '' : ','}${item.replaceAll(',', ' ')}`
    if (longer.length <= textLengthMax) text = longer
  }
  return text
}

/** The items of such a text. */
export function listIn(told: HostFact | undefined): readonly string[] {
  return typeof told === 'string' && told !== '' ? told.split(',') : []
}

function textIn(told: HostFact | undefined): string | null {
  return typeof told === 'string' ? told : null
}
