/**
 * What was there before us. The data folder (DATADIR, a setting) is made by the host's `configure`, with its rights; Windows Installer
 * must not make it: until it had its rights, anybody could put files into it. An installation that fails takes away only a folder
 * that came with it: what an admin has put there beforehand (config.json, keys), or an earlier installation has left, stays.
 */
import { setProperty, type Action } from './custom-action.ts'
import { productKey, type Product } from './product.ts'
import { localMachine, rawIn64bit } from './settings.ts'
import type { Tables } from './tables.ts'

/** msidbLocatorTypeDirectory, msidbLocatorType64bit: found is a folder that is there, not the value itself. */
const directoryIn64bit = 0 + 16

const hasCache = (product: Product): boolean => product.settings.some(it => it.property === 'CACHEDIR')

const cachePolicy = 'DOModifyCacheDrive'
/** Who may say where the cache lies, and whether Windows' own may. */
const cachePolicies = [
  ['FOUNDPOLICYCACHE', 'SOFTWARE\\Policies\\Starling', cachePolicy],
  ['FOUNDHONOUR', 'SOFTWARE\\Policies\\Starling', 'honourDeliveryOptimizationPolicies'],
  ['FOUNDWINDOWSCACHE', 'SOFTWARE\\Policies\\Microsoft\\Windows\\DeliveryOptimization', cachePolicy],
  ['FOUNDMDMCACHE', 'SOFTWARE\\Microsoft\\PolicyManager\\current\\device\\DeliveryOptimization', cachePolicy]
] as const

/** Properties that the search sets. */
const searchedFolders = (product: Product): readonly string[] => [
  'OLDDATA',
  'OLDNAMEDDATA',
  ...(hasCache(product)
    ? ['OLDCACHE', 'OLDCACHEONDRIVE', ...cachePolicies.map(([property]) => property)]
    : [])
]

/** In the words of Windows Installer's conditions. */
export const isNew = { data: 'NOT OLDDATA AND NOT OLDNAMEDDATA', cache: 'NewCache' } as const

/** A cache in a folder that was named before is not ours to judge; nor one where the search sees something else than the agent: a variable. */
const isNewCache = [
  'NOT Installed AND CACHEDIR><":"',
  ...['%', '/'].map(part => `NOT (CACHEDIR><"${part}")`),
  ...['FOUNDCACHEDIR', 'FOUNDPOLICYCACHE', 'FOUNDWINDOWSCACHE', 'FOUNDMDMCACHE'].map(it => `NOT ${it}`),
  'NOT OLDCACHE AND NOT OLDCACHEONDRIVE'
].join(' AND ')

/**
 * Where the search looks: its table can say only one place, and it runs before DATADIR has its default. What is given to a repair is
 * not looked at, or any user could send SYSTEM to a server of his.
 */
export function dataFolderActions(product: Product): readonly Action[] {
  const isGiven = (property: string): string => `${property} AND NOT Installed`
  const usual = `[CommonAppDataFolder]${product.folder}`
  const look = (property: string, given: string, at: number): readonly Action[] => [
    { ...setProperty(property, usual, { at, when: `NOT (${isGiven(given)})` }), name: `LookAtUsual${given}` },
    { ...setProperty(property, `[${given}]`, { at: at + 1, when: isGiven(given) }), name: `LookAt${given}` }
  ]
  return [
    ...look('LOOKEDDATADIR', 'DATADIR', 41),
    ...(hasCache(product)
      ? [
          ...look('LOOKEDCACHEDIR', 'CACHEDIR', 43),
          setProperty('NewCache', '1', { at: 90, when: isNewCache })
        ]
      : [])
  ]
}

export function dataFolderTables(product: Product): Tables {
  return {
    AppSearch: searchedFolders(product).map(it => ({ Property: it, Signature_: it })),
    RegLocator: [
      {
        Signature_: 'OLDNAMEDDATA',
        Root: localMachine,
        Key: productKey(product),
        Name: 'DataDir',
        Type: directoryIn64bit
      },
      ...(hasCache(product)
        ? cachePolicies.map(([Signature_, Key, Name]) => ({
            Signature_,
            Root: localMachine,
            Key,
            Name,
            Type: rawIn64bit
          }))
        : [])
    ],
    DrLocator: [
      { Signature_: 'OLDDATA', Path: '[LOOKEDDATADIR]', Depth: 0 },
      // Of a drive it is the folder Starling on it.
      ...(hasCache(product)
        ? [
            { Signature_: 'OLDCACHE', Path: '[LOOKEDCACHEDIR]\\content', Depth: 0 },
            { Signature_: 'OLDCACHEONDRIVE', Path: '[LOOKEDCACHEDIR]\\Starling\\content', Depth: 0 }
          ]
        : [])
    ]
  }
}
