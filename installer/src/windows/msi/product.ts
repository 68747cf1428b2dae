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
  /** How properties follow from others, in this order, once those from before are found again. */
  readonly follows: ReadonlyArray<{
    readonly property: string
    readonly value: string
    readonly when: string
  }>
  /** A fleet's keys lie in its data folder: no installation that fails may take them along. */
  readonly keepsAll: boolean
  /** Whether a machine joins with one. */
  readonly hasTicket: boolean
  /** Properties that turn the machine's clients to us, with the name for `starling configure --apply`. */
  readonly clients: ReadonlyArray<{
    readonly property: string
    readonly target: string
    /** The value by which that is seen, below HKEY_LOCAL_MACHINE, and the condition that it is ours: others turn clients to this machine, too. */
    readonly trace: { readonly key: string; readonly name: string; readonly isOurs: string }
  }>
}

/** A property of the command line that is remembered in the registry. */
export interface Setting {
  readonly property: string
  /** The variable of the program's environment that it becomes; null: the service host reads it. */
  readonly variable: string | null
  /** The value of the product's own key that the service host reads; null: it does not. */
  readonly hostValue: string | null
  /** Properties that it is made of: with one of them given, what is remembered does not count, or it would grow with each upgrade. */
  readonly madeOf?: readonly string[]
}

const policies = 'SOFTWARE\\Policies\\Microsoft\\Windows'
const proxyPortUsual = 17_831
/** Whether Windows' own policies count; as a number, or in the words that people write. */
const isHonoured =
  'FOUNDHONOUR="#1" OR FOUNDHONOUR="1" OR FOUNDHONOUR~="on" OR FOUNDHONOUR~="yes" OR FOUNDHONOUR~="true"'

/** Of both programs; the service host reads them. */
const common: readonly Setting[] = [
  { property: 'DATADIR', variable: null, hostValue: 'DataDir' },
  { property: 'NOFIREWALL', variable: null, hostValue: 'NoFirewall' }
]

/** An admin may have written a number; and somewhere the data must be. */
const commonFollows = (folder: string): Product['follows'] => [
  { property: 'NOFIREWALL', value: '1', when: 'NOFIREWALL="#1"' },
  { property: 'DATADIR', value: `[CommonAppDataFolder]${folder}`, when: 'NOT DATADIR' }
]

const variable = (property: string, name: string): Setting => ({ property, variable: name, hostValue: null })

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
    ...common,
    variable('COORDINATOR', 'STARLING_COORDINATOR_ADDRESSES'),
    variable('SITE', 'STARLING_SITE'),
    variable('UPSTREAM', 'STARLING_UPSTREAM_PROXIES'),
    // The host gives the folder its rights, and empties it in the end.
    variable('CACHEDIR', 'STARLING_POLICY_DO_MODIFY_CACHE_DRIVE'),
    variable('CACHESIZE', 'STARLING_CACHE_QUOTA'),
    variable('PROXYPORT', 'STARLING_PROXY_PORT'),
    variable('PAGEPORT', 'STARLING_PAGE_PORT'),
    variable('CACHEHOST', 'STARLING_CACHE_HOST_ENABLED'),
    variable('WSUS', 'STARLING_PROXY_WSUS')
  ],
  follows: [
    ...commonFollows('Starling'),
    // Where a removal finds the cache: policy beats what was given here, as it does for the service host (place.c).
    { property: 'CACHEPLACE', value: '[CACHEDIR]', when: 'CACHEDIR' },
    { property: 'CACHEPLACE', value: '[FOUNDMDMCACHE]', when: `FOUNDMDMCACHE AND (${isHonoured})` },
    { property: 'CACHEPLACE', value: '[FOUNDWINDOWSCACHE]', when: `FOUNDWINDOWSCACHE AND (${isHonoured})` },
    { property: 'CACHEPLACE', value: '[FOUNDPOLICYCACHE]', when: 'FOUNDPOLICYCACHE' },
    { property: 'OwnAddress', value: `http://localhost:${proxyPortUsual}`, when: 'NOT PROXYPORT' },
    { property: 'OwnAddress', value: 'http://localhost:[PROXYPORT]', when: 'PROXYPORT' },
    // Nobody can be pointed at a cache host that is off.
    { property: 'CACHEHOST', value: 'on', when: 'NOT Installed AND CONFIGUREDO="1" AND NOT CACHEHOST' }
  ],
  keepsAll: false,
  hasTicket: true,
  clients: [
    {
      property: 'CONFIGUREDO',
      target: 'delivery-optimization',
      trace: {
        key: `${policies}\\DeliveryOptimization`,
        name: 'DOCacheHost',
        // Alone, or before those that were named already.
        isOurs: 'FOUNDCONFIGUREDO="127.0.0.1" OR FOUNDCONFIGUREDO<<"127.0.0.1,"'
      }
    },
    {
      property: 'CONFIGUREWSUS',
      target: 'wsus',
      trace: {
        key: `${policies}\\WindowsUpdate`,
        name: 'UpdateServiceUrlAlternate',
        // ConfigMgr has one on this machine as well, on another port.
        isOurs: 'FOUNDCONFIGUREWSUS=OwnAddress'
      }
    },
    {
      property: 'CONFIGUREPROXY',
      target: 'winhttp',
      trace: {
        key: 'SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Internet Settings\\Connections',
        name: 'WinHttpSettings',
        // Bytes are found as hexadecimal digits, into which no condition can turn another port; and what else is on 127.0.0.1 is somebody else's.
        isOurs: `NOT PROXYPORT AND FOUNDCONFIGUREPROXY><"${Buffer.from(`127.0.0.1:${proxyPortUsual}`).toString('hex').toUpperCase()}"`
      }
    }
  ]
}

export const coordinatorProduct: Product = {
  program: 'coordinator',
  name: 'Starling Coordinator',
  folder: 'Starling Coordinator',
  description: 'Says who belongs to a fleet of Starling agents, what they are to do, and how they are.',
  upgradeCode: '{D35C7A77-3D77-431E-AA2C-69041FC3B2F5}',
  service: { name: 'StarlingCoordinator', displayName: 'Starling Coordinator' },
  file: 'starling-coordinator',
  command: 'starling-coordinator',
  settings: [
    ...common,
    { property: 'ARGUMENTS', variable: null, hostValue: 'Arguments', madeOf: ['LISTEN', 'SITE'] }
  ],
  follows: [
    ...commonFollows('Starling Coordinator'),
    { property: 'ARGUMENTS', value: '[ARGUMENTS] --listen [LISTEN]', when: 'LISTEN AND NOT Installed' },
    { property: 'ARGUMENTS', value: '[ARGUMENTS] --site [SITE]', when: 'SITE AND NOT Installed' }
  ],
  keepsAll: true,
  hasTicket: false,
  clients: []
}
