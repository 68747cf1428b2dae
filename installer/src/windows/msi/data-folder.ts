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

/** Properties that the search sets. */
export const searchedFolders = (product: Product): readonly string[] => [
  'OLDDATA',
  'OLDNAMEDDATA',
  ...(hasCache(product) ? ['OLDCACHE', 'FOUNDPOLICYCACHE'] : [])
]

/** In the words of Windows Installer's conditions; a cache in a folder that was named before is not ours to judge. */
export const isNew = {
  data: 'NOT OLDDATA AND NOT OLDNAMEDDATA',
  cache: 'CACHEDIR AND NOT FOUNDCACHEDIR AND NOT FOUNDPOLICYCACHE AND NOT OLDCACHE'
} as const

/** Where the search looks: its table can say only one place, and it runs before DATADIR has its default. */
export function dataFolderActions(product: Product): readonly Action[] {
  return [
    {
      ...setProperty('LOOKEDDATADIR', `[CommonAppDataFolder]${product.folder}`, {
        at: 41,
        when: 'NOT DATADIR'
      }),
      name: 'LookAtDefault'
    },
    { ...setProperty('LOOKEDDATADIR', '[DATADIR]', { at: 42, when: 'DATADIR' }), name: 'LookAtGiven' }
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
        ? [
            {
              Signature_: 'FOUNDPOLICYCACHE',
              Root: localMachine,
              Key: 'SOFTWARE\\Policies\\Starling',
              Name: 'DOModifyCacheDrive',
              Type: rawIn64bit
            }
          ]
        : [])
    ],
    DrLocator: [
      { Signature_: 'OLDDATA', Path: '[LOOKEDDATADIR]', Depth: 0 },
      ...(hasCache(product) ? [{ Signature_: 'OLDCACHE', Path: '[CACHEDIR]\\content', Depth: 0 }] : [])
    ]
  }
}
