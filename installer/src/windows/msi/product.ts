/** What differs between the two programs that have an MSI. */
import type { Program } from '../../bundle.ts'
import type { Guid } from './ids.ts'

export interface Product {
  readonly program: Program
  /** As Windows lists it, and its folder below Program Files and ProgramData. */
  readonly name: string
  readonly folder: string
  readonly description: string
  /** The same for all versions: by it an upgrade finds what it replaces. */
  readonly upgradeCode: Guid
  readonly service: { readonly name: string; readonly displayName: string }
  /** The file that is installed, without `.msi`. */
  readonly file: string
  /** The command that people type. */
  readonly command: string
  readonly settings: readonly Setting[]
  /** `starling configure` and the ticket are the agent's; the firewall is open for either. */
  readonly hasTicket: boolean
  /** Properties that turn the machine's clients to us, with the name for `starling configure --apply`. */
  readonly clients: ReadonlyArray<{ readonly property: string; readonly target: string }>
}

/** A property of the command line that is remembered in the registry, where the service takes its environment from. */
export interface Setting {
  readonly property: string
  readonly variable: string
  /** A value of the product's own key that says the same, for the service host. */
  readonly hostValue?: string
  /** For docs/DEPLOY.md. */
  readonly meaning: string
}

/** Below HKEY_LOCAL_MACHINE. */
export const productKey = (product: Product): string => `SOFTWARE\\${product.folder}`
/** Where the service finds its environment. */
export const environmentKey = (product: Product): string => `${productKey(product)}\\Environment`

export const manufacturer = 'Starling'

export const agentProduct: Product = {
  program: 'agent',
  name: 'Starling Agent',
  folder: 'Starling',
  description: 'Gets updates once for a site and shares them with its other machines.',
  upgradeCode: '{1D162B59-4342-4F0B-A6F1-C5F1362BD96C}',
  service: { name: 'Starling', displayName: 'Starling Agent' },
  file: 'starling',
  command: 'starling',
  settings: [
    {
      property: 'COORDINATOR',
      variable: 'STARLING_COORDINATOR_ADDRESSES',
      meaning: 'Where the coordinator is, when that is not in the ticket'
    },
    { property: 'SITE', variable: 'STARLING_SITE', meaning: 'The site, when no membership says it' },
    {
      property: 'UPSTREAM',
      variable: 'STARLING_UPSTREAM_PROXIES',
      meaning: 'Proxies between the agent and the origins, tried in order'
    },
    {
      property: 'CACHEDIR',
      variable: 'STARLING_POLICY_DO_MODIFY_CACHE_DRIVE',
      // The host gives the folder its rights, and empties it in the end.
      hostValue: 'CacheDir',
      meaning: 'Drive or folder of the cache, else below ProgramData'
    },
    { property: 'CACHESIZE', variable: 'STARLING_CACHE_QUOTA', meaning: 'The most that the cache may use' },
    { property: 'PROXYPORT', variable: 'STARLING_PROXY_PORT', meaning: 'Port of the proxy' },
    { property: 'PAGEPORT', variable: 'STARLING_PAGE_PORT', meaning: 'Port of the local page and API' }
  ],
  hasTicket: true,
  clients: [
    { property: 'CONFIGUREDO', target: 'delivery-optimization' },
    { property: 'CONFIGUREWSUS', target: 'wsus' },
    { property: 'CONFIGUREPROXY', target: 'winhttp' }
  ]
}

export const coordinatorProduct: Product = {
  program: 'coordinator',
  name: 'Starling Coordinator',
  folder: 'Starling Coordinator',
  description: 'Knows the fleet of Starling agents, what they should do and how they are.',
  upgradeCode: '{6C0C5C0E-6F0A-4D56-9D0B-7C1D4B0B3E58}',
  service: { name: 'StarlingCoordinator', displayName: 'Starling Coordinator' },
  file: 'starling-coordinator',
  command: 'starling-coordinator',
  settings: [
    {
      property: 'OPTIONS',
      variable: 'STARLING_COORDINATOR_OPTIONS',
      hostValue: 'Arguments',
      meaning: 'Options of `starling-coordinator run`, like "--site berlin --advertise updates.example:17833"'
    }
  ],
  hasTicket: false,
  clients: []
}
