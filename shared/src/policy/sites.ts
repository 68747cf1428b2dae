/**
 * Which site a machine is at: the first definition that fits decides. A definition names networks, sites of Active Directory and DNS
 * suffixes; one of them is enough, since a laptop off the domain knows its subnet and one behind NAT its suffix.
 */
import { z } from 'zod'
import { isSiteId, type SiteId } from '../ids.ts'
import { isNetwork } from './access.ts'
import { objectsField } from './fields.ts'
import type { HostFacts } from './host-facts.ts'
import { contains, networkFrom, type Network } from './networks.ts'

export interface SiteDefinition {
  readonly id: SiteId
  /** `10.1.0.0/16`: one of the machine's own addresses is in one of them. */
  readonly networks?: readonly string[]
  readonly adSites?: readonly string[]
  /** `berlin.corp.example` is also all below it. */
  readonly dnsSuffixes?: readonly string[]
}

/** Branch offices of a large company; each definition is tried whenever the machine changes its network. */
const definitionsMax = 2000
const listMax = 256

const names = z.array(z.string().min(1).max(253)).min(1).max(listMax).readonly().exactOptional()
const definition = z
  .strictObject({
    id: z.string().refine(isSiteId, { error: 'give 1 to 64 letters, digits, dots, dashes or underscores' }),
    networks: z
      .array(z.string().refine(isNetwork, { error: 'give addresses or networks like 10.1.0.0/16' }))
      .min(1)
      .max(listMax)
      .readonly()
      .exactOptional(),
    adSites: names,
    dnsSuffixes: names
  })
  .refine(({ networks, adSites, dnsSuffixes }) => [networks, adSites, dnsSuffixes].some(one => one), {
    error: 'fits no machine: give networks, adSites or dnsSuffixes'
  })

export const siteDefinitionsField = objectsField<SiteDefinition>(
  z.array(definition).max(definitionsMax),
  { word: 'json', form: 'a list of objects, like [{ "id": "north", "networks": ["10.1.0.0/16"] }]' },
  {
    what: 'Which machines are at which site, by network, site of Active Directory or DNS suffix; the first that fits decides. A site that was named for this agent counts before',
    why: 'None: one office is one site, and a ticket can name the site of a machine that does not move'
  }
)

/** Read once a definition, not once an agent: a coordinator asks for each of thousands. */
const networksRead = new WeakMap<SiteDefinition, ReadonlyMap<string, Network>>()

/** The first network of the definition that one of the addresses is in. */
function networkIn(definition: SiteDefinition, addresses: readonly Network[]): string | undefined {
  const { networks } = definition
  if (networks === undefined) return undefined
  const read =
    networksRead.get(definition) ?? new Map(networks.map(text => [text, networkFrom(text)!] as const))
  networksRead.set(definition, read)
  for (const [text, network] of read) if (addresses.some(address => contains(network, address))) return text
  return undefined
}

/** @returns the definition that fits, and by what; null: none does */
export function siteOf(
  definitions: readonly SiteDefinition[],
  host: Pick<HostFacts, 'subnets' | 'adSite' | 'dnsSuffix'>
): { readonly id: SiteId; readonly why: string } | null {
  const own = host.subnets.flatMap(subnet => networkFrom(subnet) ?? [])
  const suffix = host.dnsSuffix?.toLowerCase().replace(/\.$/, '')
  for (const one of definitions) {
    const { id, adSites = [], dnsSuffixes = [] } = one
    const network = own.length === 0 ? undefined : networkIn(one, own)
    if (network !== undefined) return { id, why: `an address of this machine is in ${network}` }
    if (adSites.some(name => name.toLowerCase() === host.adSite?.toLowerCase()))
      return { id, why: `Active Directory has this machine at ${host.adSite}` }
    const end = dnsSuffixes.find(name => `.${suffix}`.endsWith(`.${name.toLowerCase()}`))
    if (suffix !== undefined && end !== undefined)
      return { id, why: `the DNS suffix ${host.dnsSuffix} ends in ${end}` }
  }
  return null
}
